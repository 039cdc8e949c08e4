"""An accounting that is too much for one batch: how many instants are looked at, and what is judged for good."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from orc_domain import accounting
from orc_domain.accounting import Outcome, Plan, account, pass_over
from orc_domain.policies import CatchUp
from orc_domain.timetable import Timing, parse_timetable

TEN = datetime(2026, 5, 13, 10, tzinfo=UTC)


def plan_of(schedule: str, exclude: tuple[str, ...] = (), **policies) -> Plan:
    timing = Timing(schedules=(schedule,), exclude=exclude)
    return Plan(job_id=UUID(int=1), timetable=parse_timetable(timing), **policies)


def test_passing_over_in_batches(monkeypatch):
    """What is let pass as a whole is so instant for instant, both ends included, however many there are."""
    monkeypatch.setattr(accounting, "INSTANTS_MAX", 7)
    monkeypatch.setattr(accounting, "INSTANTS_MIN", 1)
    table = plan_of("* * * * *").timetable
    minute, until, following, spans = timedelta(minutes=1), TEN + timedelta(minutes=20), TEN, []
    while following <= until:
        batch = pass_over(table, following, until, "paused")
        spans, following = spans + list(batch.outcomes), batch.next_due_at
    assert (spans, following) == (
        [
            Outcome(TEN, TEN + 6 * minute, 7, "paused"),
            Outcome(TEN + 7 * minute, TEN + 13 * minute, 7, "paused"),
            Outcome(TEN + 14 * minute, until, 7, "paused"),
        ],
        until + minute,
    )


@pytest.mark.parametrize("mode", ["last", "all"])
def test_the_newest_before_a_long_exclusion(monkeypatch, mode):
    """What catch_up runs is the newest of all, also when more is excluded in a row than it has to know."""
    monkeypatch.setattr(accounting, "INSTANTS_MAX", 200)
    monkeypatch.setattr(accounting, "INSTANTS_MIN", 5)
    plan = plan_of(
        "* * * * *", exclude=("* 11 * * *",), catch_up=CatchUp(mode=mode, window_seconds=86_400, max=3)
    )
    now, following, runs = TEN + timedelta(minutes=199, seconds=30), TEN, []
    while following <= now:
        batch = account(plan, following, now)
        runs, following = [*runs, *batch.runs], batch.next_due_at
    newest = 1 if mode == "last" else 3
    assert runs == [TEN + timedelta(minutes=n) for n in range(200 - newest, 200)]


def test_many_expressions_are_asked_of_fewer_instants():
    """The more expressions a timetable has, the fewer instants are looked at in one accounting, catch_up's apart."""
    exclude = tuple(f"{n} 3 * * sun#1" for n in range(60)) + ("* 4 * * *",) * 39
    plan = plan_of("* * * * * *", exclude=exclude, catch_up=CatchUp(mode="all", max=1))
    batch = account(plan, TEN, TEN + timedelta(hours=2))
    passed = pass_over(plan.timetable, TEN, TEN + timedelta(hours=2), "paused")
    assert [sum(one.count for one in decided.outcomes) for decided in (batch, passed)] == [1000, 1000]
