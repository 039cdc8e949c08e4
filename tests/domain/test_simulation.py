"""What would become of a schedule's instants around a downtime: the ticker's own rules, on a clock that stands still."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from orc_domain.accounting import Plan
from orc_domain.policies import CatchUp, Overlap
from orc_domain.rejection import Invalid
from orc_domain.simulation import INSTANTS_MAX, simulate
from orc_domain.timetable import Timing, parse_timetable

NINE = datetime(2026, 5, 4, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
DOWN, UP = NINE + timedelta(minutes=30), NINE + 3.5 * HOUR


def plan(schedule="0 * * * *", timing=None, **more):
    timetable = parse_timetable(Timing(schedules=(schedule,), **timing or {}))
    return Plan(
        job_id=UUID(int=1), timetable=timetable, **{"catch_up": CatchUp(window_seconds=36_000)} | more
    )


def shown(plan, down=DOWN, up=UP, **more):
    """Say each in short: the hours of its instants, what becomes of it, and when it is asked for."""
    return [
        (
            f"{one.due_at:%H:%M}" + (f"-{one.last_due_at:%H:%M} ×{one.count}" if one.count > 1 else ""),
            one.reason or one.outcome,
            one.requested_at and f"{one.requested_at:%H:%M}",
        )
        for one in simulate(plan, down, up, **more)
    ]


AROUND = [("08:00", "run", "08:00"), ("09:00", "run", "09:00")]
AFTER = [("13:00", "run", "13:00"), ("14:00", "run", "14:00"), ("15:00", "run", "15:00")]
MISSED = {
    "all": [("10:00", "run", "12:30"), ("11:00", "run", "12:30"), ("12:00", "run", "12:30")],
    "last": [("10:00-11:00 ×2", "missed", None), ("12:00", "run", "12:30")],
    "none": [("10:00-12:00 ×3", "missed", None)],
}


@pytest.mark.parametrize("mode", MISSED)
def test_catch_up(mode):
    """What was due while nobody looked is run late or let pass as catch_up says; the rest is on time."""
    policy = CatchUp(mode=mode, window_seconds=36_000)
    assert shown(plan(catch_up=policy)) == [*AROUND, *MISSED[mode], *AFTER]


def test_window_cap_and_deadline():
    """What was missed too long ago, is more than the cap, or is later than the deadline, is let pass with its reason."""
    window = plan(catch_up=CatchUp(window_seconds=6_000))
    assert shown(window)[2:4] == [("10:00", "missed", None), ("11:00", "run", "12:30")]
    cap = plan(catch_up=CatchUp(window_seconds=36_000, max=1))
    assert shown(cap)[2:4] == [("10:00-11:00 ×2", "over-cap", None), ("12:00", "run", "12:30")]
    deadline = plan(start_deadline_seconds=3600.0)
    assert shown(deadline)[2:4] == [("10:00-11:00 ×2", "deadline", None), ("12:00", "run", "12:30")]


def test_overlap_by_how_long_runs_last():
    """Runs that last longer than the period meet the overlap policy, before the downtime, after it, and in its wake."""
    skip = plan(overlap=Overlap(mode="skip"))
    assert shown(skip, run_seconds=0) == [
        *AROUND, ("10:00", "run", "12:30"), ("11:00-12:00 ×2", "overlap", None), *AFTER,
    ]  # fmt: skip
    assert shown(skip, run_seconds=5_400) == [
        ("08:00", "run", "08:00"), ("09:00", "overlap", None), ("10:00", "run", "12:30"), ("11:00-12:00 ×2", "overlap", None),
        ("13:00", "overlap", None), ("14:00", "run", "14:00"), ("15:00", "overlap", None),
    ]  # fmt: skip
    queue = plan(overlap=Overlap(mode="queue", max=1))
    assert shown(queue, run_seconds=5_400) == [
        *AROUND, ("10:00", "run", "12:30"), ("11:00", "run", "12:30"), ("12:00", "over-cap", None),
        ("13:00", "over-cap", None), ("14:00", "run", "14:00"), ("15:00", "over-cap", None),
    ]  # fmt: skip
    cancel = plan(overlap=Overlap(mode="cancel_running"))
    assert shown(cancel, run_seconds=5_400) == [
        *AROUND, ("10:00-11:00 ×2", "overlap", None), ("12:00", "run", "12:30"), *AFTER,
    ]  # fmt: skip


def test_excluded_instants_and_the_end_of_a_schedule():
    """What the timetable lets pass is let pass with its own reason, and nothing follows the schedule's end."""
    timing = {"exclude": ("0 10 * * *",), "ends_at": NINE + 4 * HOUR}
    assert shown(plan(timing=timing)) == [
        *AROUND, ("10:00", "excluded", None), ("11:00", "run", "12:30"), ("12:00", "run", "12:30"), AFTER[0],
    ]  # fmt: skip
    assert shown(plan("@manual")) == []


def test_instant_at_the_start_of_the_downtime_is_missed_and_one_at_its_end_is_not():
    """The downtime begins with its first moment and is over at its last."""
    assert shown(plan(catch_up=CatchUp(mode="none")), NINE, NINE + HOUR)[1:4] == [
        ("08:00", "run", "08:00"), ("09:00", "missed", None), ("10:00", "run", "10:00"),
    ]  # fmt: skip


def test_jitter_moves_what_is_asked_for():
    """Each run is asked for within its jitter, and the downtime is held against that."""
    rows = simulate(plan(timing={"jitter_seconds": 600}), DOWN, UP)
    late = [one.requested_at - one.due_at for one in rows if one.due_at > UP or one.due_at < DOWN]
    assert all(timedelta() <= one <= timedelta(seconds=600) for one in late)
    assert any(late)


def test_too_many_instants_are_refused():
    """More instants than are looked at are refused, naming the end that would be valid."""
    down = NINE + timedelta(seconds=2)
    most = plan("* * * * * *")
    end = NINE + timedelta(seconds=INSTANTS_MAX - 1)
    assert simulate(most, down, end)[-1].due_at == end + timedelta(seconds=3)
    with pytest.raises(Invalid) as caught:
        simulate(most, down, end + timedelta(seconds=1))
    assert (caught.value.field, caught.value.valid) == (
        "downtime",
        f"a downtime that ends before {(end + timedelta(seconds=1)).isoformat()}",
    )
