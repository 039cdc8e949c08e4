"""A row of the calendar: what each event of a job makes of when it is due, and of what is left to account for."""

from datetime import timedelta
from uuid import uuid4

import msgspec
import pytest
from scheduler.parts import NOW, spec

from orc_domain.job import JobChanged, JobCreated, JobCursorSet, JobDeleted, JobPaused, JobResumed
from orc_domain.job_spec import timing_of
from orc_scheduler.job_rows import JobFact, JobRow, Passing, evolve_row, moved_past

JOB = uuid4()
DUE = NOW.replace(hour=10, minute=0)
HOURLY = spec(schedule="@hourly")
HOURLY_PAUSED = spec(schedule="@hourly", is_active=False)


def folded(*events) -> JobRow | None:
    """Fold events that were recorded a minute after one another, the first at 09:30."""
    row = None
    for nth, event in enumerate(events):
        row = evolve_row(row, JobFact(event, nth + 1, NOW + timedelta(minutes=nth), nth + 1))
    return row


def timing(**said) -> str:
    return msgspec.json.encode(timing_of(spec(**said))).decode()


HOURLY_TIMING = timing(schedule="@hourly")


def row(version: int, **said) -> JobRow:
    values = {
        "job_id": JOB, "version": version, "pool": "default", "timing": HOURLY_TIMING, "is_active": True,
        "next_due_at": DUE,
    }  # fmt: skip
    return JobRow(**(values | said))


def test_created():
    """A new job is due at the first instant after its creation was recorded."""
    assert folded(JobCreated(JOB, HOURLY)) == row(1)


def test_created_manual_or_inactive():
    """A job by hand is never due; of one that is not active the instants are accounted for all the same."""
    assert folded(JobCreated(JOB, spec())) == row(1, timing=timing(), next_due_at=None)
    inactive = spec(schedule="@hourly", is_active=False)
    assert folded(JobCreated(JOB, inactive)) == row(1, is_active=False)


def test_paused():
    """A paused schedule keeps its place, and is looked at an hour after the first instant it lets pass."""
    paused = folded(JobCreated(JOB, HOURLY), JobPaused(JOB))
    assert paused == row(2, is_active=False)
    assert paused.wake_at == DUE + timedelta(hours=1)


def test_resumed():
    """A resumed schedule looks forward from the resume; what it missed meanwhile is to be recorded as paused."""
    events = [
        JobCreated(JOB, HOURLY),
        JobPaused(JOB),
        *[JobChanged(JOB, HOURLY_PAUSED)] * 88,
        JobResumed(JOB),
    ]
    resumed_at = NOW + timedelta(minutes=90)
    assert folded(*events) == row(
        91,
        next_due_at=DUE + timedelta(hours=2),
        passing=(Passing(HOURLY_TIMING, DUE, resumed_at, "paused"),),
    )


def test_resumed_before_an_instant():
    """A schedule that was paused between two instants has missed none."""
    assert folded(JobCreated(JOB, HOURLY), JobPaused(JOB), JobResumed(JOB)) == row(3)


def test_rescheduled():
    """A changed schedule or zone looks forward from the change."""
    daily = spec(schedule="0 9 * * *", timezone="Europe/Berlin")
    assert folded(JobCreated(JOB, HOURLY), JobChanged(JOB, daily)) == row(
        2,
        timing=timing(schedule="0 9 * * *", timezone="Europe/Berlin"),
        next_due_at=NOW.replace(day=14, hour=7, minute=0),
    )


def test_rescheduled_while_instants_wait():
    """What a replaced schedule had not accounted for is to be recorded, whatever was put in its place and when."""
    daily, row_then = spec(schedule="0 9 * * *"), row(1)
    later = NOW + timedelta(hours=2)
    row_then = evolve_row(row_then, JobFact(JobChanged(JOB, daily), 2, later, 2))
    row_then = evolve_row(row_then, JobFact(JobPaused(JOB), 3, later, 3))
    row_then = evolve_row(row_then, JobFact(JobChanged(JOB, HOURLY), 4, later + timedelta(days=1), 4))
    tomorrow = NOW.replace(day=14, hour=9, minute=0)
    assert row_then == row(
        4,
        next_due_at=NOW.replace(day=14, hour=12, minute=0),
        passing=(
            Passing(HOURLY_TIMING, DUE, later, "replaced"),
            Passing(timing(schedule="0 9 * * *"), tomorrow, later + timedelta(days=1), "paused"),
        ),
    )


@pytest.mark.parametrize(
    ("hours", "following", "left"),
    [(-1, 0, (0, "until")), (0, 1, (1, "until")), (2, 3, None), (9, 10, None)],
)
def test_moved_past(hours, following, left):
    """A row that learns of an instant that ended in an event has nothing left to account for up to it."""
    until = DUE + timedelta(hours=2, minutes=30)
    waiting = row(1, passing=(Passing(HOURLY_TIMING, DUE, until, "paused"),), next_due_at=DUE)
    passing = (Passing(HOURLY_TIMING, DUE + timedelta(hours=left[0]), until, "paused"),) if left else ()
    assert moved_past(waiting, DUE + timedelta(hours=hours)) == row(
        1, passing=passing, next_due_at=DUE + timedelta(hours=following)
    )


def test_edited_otherwise():
    """An edit of anything else keeps what the row has."""
    kept = row(1, next_due_at=DUE + timedelta(hours=7))
    edit = JobFact(JobChanged(JOB, spec(schedule="@hourly", pool="big")), 2, NOW + timedelta(hours=5), 2)
    assert evolve_row(kept, edit) == row(2, pool="big", next_due_at=DUE + timedelta(hours=7))


def test_jitter_delays_the_look():
    """A row with jitter is looked at when the run of its instant is to be asked for."""
    late = folded(JobCreated(JOB, spec(schedule="@hourly", jitter_seconds=600.0)))
    assert late.next_due_at == DUE
    assert DUE < late.wake_at < DUE + timedelta(seconds=600)


def test_deleted():
    """A deleted job has no row once every instant up to its end is accounted for."""
    assert folded(JobCreated(JOB, HOURLY), JobDeleted(JOB)) is None
    until = DUE + timedelta(hours=2)
    left = evolve_row(row(1), JobFact(JobDeleted(JOB), 2, until, 2))
    assert left == row(
        2,
        timing="",
        is_active=False,
        next_due_at=None,
        passing=(Passing(HOURLY_TIMING, DUE, until, "deleted"),),
    )
    assert (left.wake_at, left.is_over) == (DUE, False)
    assert not moved_past(left, DUE + timedelta(hours=1)).is_over
    assert moved_past(left, until).is_over


def test_cursor_set():
    """Where a task goes on says nothing of when it is due: the row only knows the version."""
    created = JobCreated(JOB, HOURLY)
    assert folded(created, JobCursorSet(JOB, 1, "9")) == row(2)
    assert folded(created, JobPaused(JOB), JobCursorSet(JOB, 1, None)) == row(3, is_active=False)
