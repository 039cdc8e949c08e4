"""The oracle's own reading of the ledger: every instant of a job, and which events say what became of it."""

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

SECOND = timedelta(seconds=1)


def outcomes(events: list[Any]) -> dict[str, dict[datetime, list[tuple[str, datetime]]]]:
    """Give by job and instant (to the second) what was recorded of it: `run` or a reason, and when."""
    found: dict[str, dict[datetime, list[tuple[str, datetime]]]] = defaultdict(lambda: defaultdict(list))
    for event in events:
        data = json.loads(event["data"])
        if event["type"] == "run.requested" and data["triggered_by"] == "scheduler":
            due_at = datetime.fromisoformat(data["due_at"])
            found[data["job_id"]][due_at].append(("run", event["recorded_at"]))
        elif event["type"] == "tick.skipped":
            due_at, last = (datetime.fromisoformat(data[name]) for name in ("due_at", "last_due_at"))
            period = (last - due_at) / (data["count"] - 1) if data["count"] > 1 else SECOND
            for nth in range(data["count"]):
                found[data["job_id"]][due_at + nth * period].append((data["reason"], event["recorded_at"]))
    return found


def each_second(after: datetime, until: datetime, every: int) -> set[datetime]:
    """Give the instants of a schedule that fires every so many seconds, from the minute on: (after, until]."""
    first = after.astimezone(UTC).replace(microsecond=0) + SECOND
    seconds = range(int((until - first).total_seconds()) + 1)
    return {at for nth in seconds if (at := first + nth * SECOND).second % every == 0}


def tick_faults(expected: set[datetime], found: dict[datetime, list[tuple[str, datetime]]]) -> list[str]:
    """Object to every instant without an event, with two, that is none, or that was run before its time."""
    faults = [f"{at} has no event" for at in sorted(expected - set(found))]
    faults += [f"{at} is no instant and has an event" for at in sorted(set(found) - expected)]
    for at, said in sorted(found.items()):
        if len(said) != 1:
            faults.append(f"{at} has {len(said)} events: {[what for what, _ in said]}")
        faults += [
            f"{at} was {what} at {recorded_at}, too early" for what, recorded_at in said if recorded_at < at
        ]
    return faults
