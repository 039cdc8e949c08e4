"""
How long the domain takes to refuse a bad definition, for each kind of bad schedule, beside the limit of 50 ms.

    python benchmarks/refusals.py [ROUNDS]     default 200; reading the JSON is in it, HTTP and the bus are not

Fails when a median is over the limit, or a definition is not refused.
"""

import sys
from statistics import median
from time import perf_counter
from typing import Any

from msgspec import json

from orc_domain.job_spec import JobSpec, check_spec
from orc_domain.rejection import Invalid

LIMIT_MS = 50.0
GOOD: dict[str, Any] = {
    "job_name": "refused",
    "schedule": "0 9 * * *",
    "tasks": [
        {
            "extractor_config": {"type": "csv", "path": "in.csv"},
            "loader_config": {"type": "duckdb", "db_path": "out.db", "table_name": "rows"},
        }
    ],
}
YEARS = {"starts_at": "2000-01-01T00:00:00Z", "ends_at": "2090-01-01T00:00:00Z"}
BAD: dict[str, dict[str, Any]] = {
    "an expression of 40 kB": {"schedule": "*," * 20_000},
    "random minute, R": {"schedule": "R * * * *"},
    "hashed minute, H": {"schedule": "H * * * *"},
    "0 0 31 2 *": {"schedule": "0 0 31 2 *"},
    "never on the last year's weekday": {"schedule": "0 0 0 */31 1 tue 2026"},
    "never, by its own stepping": {"schedule": "0 0 0 * 2 mon#5 2027"},
    "a zone that is none": {"timezone": "Mars/Olympus"},
    "a zone of 40 kB": {"timezone": "Europe/" * 6_000},
    "ends before it starts": {"starts_at": "2027-01-02T00:00:00Z", "ends_at": "2027-01-01T00:00:00Z"},
    "starts in year 1": {"starts_at": "0001-01-01T00:00:00Z"},
    "jitter of the period": {"schedule": "* * * * *", "jitter_seconds": 60},
    "jitter of one of 20 periods": {"schedules": [f"{n} 10 * * *" for n in range(20)], "jitter_seconds": 3600},
    "exclude is no date and no cron": {"exclude": ["christmas"]},
    "the 100th exclude is bad": {"exclude": ["2026-12-25"] * 99 + ["H * * * *"]},
    "after 50 excludes of cron": {
        "exclude": [f"{n} {n % 24} */2 1-11 1-5" for n in range(50)] + ["0 0 31 2 *"]
    },
    "bounds on @manual": {"schedule": "@manual", "ends_at": "2027-01-01T00:00:00Z"},
    "nothing between the bounds": {"schedule": "0 0 29 2 *", "starts_at": "2025-01-01T00:00:00Z",
                                   "ends_at": "2027-01-01T00:00:00Z"},
    "each of 90 years excluded": {"schedule": "0 0 1 1 *", "exclude": ["2000-01-01/2090-01-01"], **YEARS},
}  # fmt: skip


def refusal(changed: dict[str, Any], rounds: int) -> tuple[float, str]:
    """Return the median of milliseconds that a refusal takes, and what it says."""
    body, taken, said = json.encode(GOOD | changed), list[float](), "NOT REFUSED"
    for _ in range(rounds):
        began = perf_counter()
        try:
            check_spec(json.decode(body, type=JobSpec))
        except Invalid as error:
            said = f"{error.field}: {error}"
        taken.append((perf_counter() - began) * 1000)
    return median(taken), said


def main(rounds: int) -> int:
    """Print a line for each bad definition; returns how many were too slow or not refused."""
    failed = 0
    for name, changed in BAD.items():
        milliseconds, said = refusal(changed, rounds)
        failed += milliseconds > LIMIT_MS or said == "NOT REFUSED"
        print(f"{name:34} {milliseconds:8.3f} ms   limit {LIMIT_MS:.0f} ms   {said[:100]}")
    return failed


if __name__ == "__main__":
    check_spec(json.decode(json.encode(GOOD), type=JobSpec))
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
