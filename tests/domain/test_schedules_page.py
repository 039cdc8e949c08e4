"""docs/schedules.md says what the product does: each of its tables is read and held against it."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from msgspec import convert, json

from orc_domain.accounting import ON_TIME_SECONDS, Accounting, Outcome, account, pass_over
from orc_domain.cron import EXPRESSION_CHARACTERS_MAX
from orc_domain.job_spec import JobSpec, TaskSpec, plan_of, timing_of
from orc_domain.policies import Dst
from orc_domain.schedule import parse_schedule
from orc_domain.timetable import EXCLUDE_MAX, SCHEDULES_MAX, Timing, parse_timetable

PAGE = (Path(__file__).parents[2] / "docs" / "schedules.md").read_text()
BERLIN = ZoneInfo("Europe/Berlin")
JOB_ID = UUID("0191d3a0-0000-7000-8000-000000000001")
NINE = datetime(2026, 5, 13, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def table(first_heading: str) -> list[list[str]]:
    """Return the rows of the page's table whose first column is called so; code without its ticks."""
    lines = PAGE.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith(f"| {first_heading} |")) + 2
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().strip("`") for cell in line.strip("|").split(" | ")])
    return rows


def spec_of(**fields) -> JobSpec:
    task = TaskSpec({"type": "inline", "rows": []}, {"type": "discard"})
    return convert({"job_name": "page", "schedule": "0 * * * *", "tasks": [task], **fields}, JobSpec)


@pytest.mark.parametrize(("expression", "words", "first"), table("expression"))
def test_expressions(expression, words, first):
    """Each expression of the page reads and fires as the page says."""
    schedule = parse_schedule(expression)
    following = schedule.next_after(datetime(2026, 10, 24, 22, 30, tzinfo=UTC))
    assert (
        schedule.describe().removesuffix(" (UTC)"),
        f"{following:%Y-%m-%d %H:%M:%S}" if following else "–",
    ) == (
        words,
        first,
    )


@pytest.mark.parametrize(("expression", "dst", "spring", "autumn"), table("schedule"))
def test_changes_of_the_clocks(expression, dst, spring, autumn):
    """On the days on which the clocks change, all that is due is what the page says."""
    timing = Timing(schedules=(expression,), timezone="Europe/Berlin", dst=json.decode(dst, type=Dst))
    found = []
    for day in (date(2026, 3, 29), date(2026, 10, 25)):
        said = []
        for instant in parse_timetable(timing).from_on(datetime(day.year, day.month, day.day, tzinfo=BERLIN)):
            wall = instant.due_at.astimezone(BERLIN)
            if wall.date() != day:
                break
            said.append(
                " ".join([wall.isoformat()[11:16] + wall.isoformat()[19:], *filter(None, [instant.reason])])
            )
        found.append(", ".join(said))
    assert found == [spring, autumn]


@pytest.mark.parametrize(("fields", "due"), table("fields"))
def test_several_exclusions_bounds(fields, due):
    """What is due from the page's day on is what it lists."""
    instants = parse_timetable(timing_of(spec_of(**json.decode(fields)))).from_on(
        datetime(2026, 12, 24, tzinfo=UTC)
    )
    said = [" ".join([f"{one.due_at:%d %H:%M}", *filter(None, [one.reason])]) for one in islice(instants, 3)]
    assert ", ".join(said) == due


@pytest.mark.parametrize(("job_id", "due_at", "jitter", "asked_at"), table("job"))
def test_jitter(job_id, due_at, jitter, asked_at):
    """Each job of the page waits as long as it says."""
    table = parse_timetable(Timing(schedules=("0 0 * * *",), jitter_seconds=float(jitter)))
    assert table.asked_at(UUID(job_id), datetime.fromisoformat(due_at)).isoformat() == asked_at


@pytest.mark.parametrize(("policies", "open_runs", "ten", "eleven", "twelve"), table("policies"))
def test_three_hours_down(policies, open_runs, ten, eleven, twelve):
    """After the page's downtime each policy does with each hour what its row says."""
    plan = plan_of(JOB_ID, spec_of(**json.decode(policies)))
    decided = account(plan, NINE + HOUR, NINE + 3 * HOUR + timedelta(minutes=5), int(open_runs))
    said = [one.reason or "run" for one in decided.outcomes for _ in range(one.count)]
    assert (said, decided.next_due_at) == ([ten, eleven, twelve], NINE + 4 * HOUR)


def test_paused_for_three_hours():
    """The page's pause lets three instants pass, and the next one is at 13:00."""
    timetable = plan_of(JOB_ID, spec_of()).timetable
    assert pass_over(timetable, NINE + HOUR, NINE + 3 * HOUR + timedelta(minutes=5), "paused") == Accounting(
        (Outcome(NINE + HOUR, NINE + 3 * HOUR, 3, "paused"),), NINE + 4 * HOUR
    )


def test_the_pages_limits():
    """The limits that the page names are the product's."""
    assert (SCHEDULES_MAX, EXCLUDE_MAX, ON_TIME_SECONDS, EXPRESSION_CHARACTERS_MAX) == (20, 200, 10, 128)
    spec = spec_of()
    assert (spec.catch_up.mode, spec.catch_up.max, spec.catch_up.window_seconds, spec.overlap.mode, spec.overlap.max) == (
        "all", 1000, 900, "allow", 10
    )  # fmt: skip
    assert spec.dst == Dst(gap="shift", overlap="first")
