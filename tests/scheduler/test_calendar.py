"""The scheduler's fold: when jobs are due, which runs are open, and a rebuild that comes to the same."""

from datetime import timedelta
from uuid import uuid4

import msgspec
import pytest
from msgspec import structs
from scheduler.parts import NOW, spec

from orc_domain.accounting import Outcome
from orc_domain.job import JobChanged, JobCreated, JobDeleted, JobPaused, JobResumed
from orc_domain.job_spec import timing_of
from orc_domain.run_messages import FailAttempt, StartRun, SucceedTask, TaskResult
from orc_domain.wire import (
    WireChangeJob,
    WireCreateJob,
    WireDeleteJob,
    WirePauseJob,
    WireRequestRun,
    WireResumeJob,
)
from orc_events.event import Version
from orc_scheduler.job_rows import JobFact, JobRow, Passing, evolve_row, moved_past
from orc_scheduler.tick_appends import request_of, skip_of

JOB = uuid4()
DUE = NOW.replace(hour=10, minute=0)
HOURLY = spec(schedule="@hourly")
HOURLY_PAUSED = spec(schedule="@hourly", is_active=False)


def folded(*events) -> JobRow | None:
    """Fold events that were recorded a minute after one another, the first at 09:30."""
    row = None
    for nth, event in enumerate(events):
        row = evolve_row(row, JobFact(event, nth + 1, NOW + timedelta(minutes=nth)))
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
    row_then = evolve_row(row_then, JobFact(JobChanged(JOB, daily), 2, later))
    row_then = evolve_row(row_then, JobFact(JobPaused(JOB), 3, later))
    row_then = evolve_row(row_then, JobFact(JobChanged(JOB, HOURLY), 4, later + timedelta(days=1)))
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
    edit = JobFact(JobChanged(JOB, spec(schedule="@hourly", pool="big")), 2, NOW + timedelta(hours=5))
    assert evolve_row(kept, edit) == row(2, pool="big", next_due_at=DUE + timedelta(hours=7))


def test_jitter_delays_the_look():
    """A row with jitter is looked at when the run of its instant is to be asked for."""
    late = folded(JobCreated(JOB, spec(schedule="@hourly", jitter_seconds=600.0)))
    assert late.next_due_at == DUE
    assert DUE < late.wake_at < DUE + timedelta(seconds=600)


def test_deleted():
    """A deleted job has no row."""
    assert folded(JobCreated(JOB, HOURLY), JobDeleted(JOB)) is None


async def test_jobs_in_the_table(parts):
    """The table follows creation, edit, pause, resume and deletion, and tells who waits for it."""
    job_id = await parts.create(schedule="@yearly", pool="big")
    (created,) = await parts.rows("SELECT version, pool, is_active, next_due_at FROM jobs")
    await parts.perform(WireChangeJob(job_id=job_id, spec=spec(schedule="@yearly", pool="huge")))
    await parts.fold()
    (edited,) = await parts.rows("SELECT version, pool, is_active, next_due_at FROM jobs")
    await parts.perform(WirePauseJob(job_id=job_id))
    await parts.fold()
    (paused,) = await parts.rows("SELECT version, pool, is_active, next_due_at FROM jobs")
    await parts.perform(WireResumeJob(job_id=job_id))
    await parts.fold()
    (resumed,) = await parts.rows("SELECT version, pool, is_active, next_due_at FROM jobs")
    async with parts.folding():
        await parts.perform(WireDeleteJob(job_id=job_id))
    await parts.fold()
    due = created[3]
    assert (due.month, due.day, due.hour) == (1, 1, 0)
    assert [created, edited, paused, resumed, *await parts.rows("SELECT * FROM jobs")] == [
        (1, "big", True, due),
        (2, "huge", True, due),
        (3, "huge", False, due),
        (4, "huge", True, due),
    ]


async def test_listeners_are_told(parts, executor):
    """After a batch the ticker, the rescuer and the pools hear of what concerns them."""
    run_id = await parts.request(await parts.create())
    await executor.say(run_id, StartRun("e1", NOW))
    failure = FailAttempt(attempt=1, kind="worker_died", message="gone", retryable=True, at=NOW, jitter=0.0)
    await executor.say(run_id, failure)
    await parts.perform(WireCreateJob(spec=spec(pool="big")))
    async with parts.folding():
        assert await parts.calendar.is_current()
    assert (parts.told, parts.pools) == (["jobs", "runs"], {"big", "default"})


OPEN = "SELECT status, attempt, cancel_requested, claimed_at IS NOT NULL, sends FROM open_runs"


async def test_open_runs(parts, executor):
    """A run is open from its request to its end, with the attempt that owns it."""
    run_id = await parts.request(await parts.create())
    requested = await parts.rows(OPEN)
    await executor.say(run_id, StartRun("e1", NOW))
    await parts.fold()
    started = await parts.rows(OPEN)
    failure = FailAttempt(attempt=1, kind="worker_died", message="gone", retryable=True, at=NOW, jitter=0.0)
    await executor.say(run_id, failure)
    await parts.fold()
    failed = await parts.rows(OPEN)
    await executor.say(run_id, StartRun("e1", NOW + timedelta(minutes=1)))
    await parts.fold()
    again = await parts.rows(OPEN)
    await executor.say(run_id, SucceedTask(2, 1, TaskResult(rows=1)))
    await parts.fold()
    assert [requested, started, failed, again, await parts.rows(OPEN)] == [
        [("queued", 0, False, False, 1)],
        [("running", 1, False, True, 0)],
        [("queued", 1, False, False, 0)],
        [("running", 2, False, True, 0)],
        [],
    ]


async def test_send_after(parts, executor):
    """Work is due 5 s after the request, at the retry's time, and at once for a cancel to settle."""
    run_id = await parts.request(await parts.create())
    ((requested_at, requested_due),) = await parts.rows("SELECT requested_at, send_after FROM open_runs")
    await executor.say(run_id, StartRun("e1", NOW))
    failure = FailAttempt(attempt=1, kind="worker_died", message="gone", retryable=True, at=NOW, jitter=0.0)
    await executor.say(run_id, failure)
    await parts.fold()
    retry_due = await parts.rows("SELECT send_after FROM open_runs")
    cancelled = await parts.cancel(run_id)
    assert [
        requested_due,
        retry_due,
        await parts.rows("SELECT send_after, cancel_requested FROM open_runs"),
    ] == [
        requested_at + timedelta(seconds=5),
        [(NOW + timedelta(seconds=1),)],
        [(cancelled, True)],
    ]


async def test_begun_and_ended_in_one_batch(parts, executor):
    """A run that is over before the fold sees it leaves no row."""
    job_id = await parts.create()
    done = await parts.perform(WireRequestRun(job_id=job_id))
    run_id = (await parts.log.read(done.position - 1, 1))[0].stream.removeprefix("run-")
    await executor.say(run_id, StartRun("e1", NOW))
    await executor.say(run_id, SucceedTask(1, 1, TaskResult(rows=1)))
    await parts.fold()
    assert await parts.rows("SELECT run_id FROM open_runs") == []


async def test_rebuild_comes_to_the_same(parts, executor):
    """Emptied and folded again, the tables are as they were, schedules past what was accounted for included."""
    ticking = await parts.create(schedule="* * * * * *")
    for said in (
        {"schedule": "@yearly", "pool": "big"},
        {"schedule": "@manual"},
    ):
        job_id = await parts.create(**said)
    await parts.request(job_id)
    await parts.make_due(ticking, 30)
    await parts.ticker().tick()
    await parts.fold()
    before = await tables(parts)
    await parts.calendar.projector.rebuild()
    emptied = await tables(parts)
    await parts.fold()
    assert (emptied, await tables(parts)) == (([], []), before)


async def test_accounted_for_elsewhere(parts):
    """An instant that ended in an event, as a run or in a span, moves a row on that does not know; never back."""
    job_id = await parts.create(schedule="@hourly")
    ((due_at,),) = await parts.rows("SELECT next_due_at FROM jobs")
    job = await parts.jobs.current(job_id)
    hours, moved = timedelta(hours=1), []
    await parts.log.append(request_of(job, due_at + 2 * hours, NOW))
    await parts.fold()
    moved += await parts.rows("SELECT next_due_at FROM jobs")
    await parts.log.append(skip_of(job, Outcome(due_at, due_at + 5 * hours, 6), "missed", Version(0), NOW))
    await parts.fold()
    moved += await parts.rows("SELECT next_due_at FROM jobs")
    await parts.log.append(request_of(job, due_at, NOW))
    await parts.fold()
    moved += await parts.rows("SELECT next_due_at FROM jobs")
    assert moved == [(due_at + 3 * hours,), (due_at + 6 * hours,), (due_at + 6 * hours,)]


async def test_cancelled_and_then_lost(parts, executor):
    """A run whose attempt failed with a cancel pending has nothing to wait for: work is due at once."""
    run_id = await parts.request(await parts.create())
    await executor.say(run_id, StartRun("e1", NOW))
    await parts.cancel(run_id)
    uncertain = FailAttempt(
        attempt=1, kind="worker_died", message="gone", retryable=True, at=NOW, jitter=0.0, uncertain=True
    )
    await executor.say(run_id, uncertain)
    await parts.fold()
    assert await parts.rows("SELECT send_after, sends FROM open_runs") == [(NOW, 0)]


async def test_cancelled_and_cannot_be_settled(parts, executor):
    """A settle attempt that failed too waits like any other: a full disk must not fill the log with attempts."""
    run_id = await parts.request(await parts.create())
    failure = FailAttempt(attempt=1, kind="no_space", message="full", retryable=True, at=NOW, jitter=0.0)
    await executor.say(run_id, StartRun("e1", NOW))
    await parts.cancel(run_id)
    await executor.say(run_id, structs.replace(failure, kind="worker_died", uncertain=True))
    delays = []
    for attempt in range(2, 9):
        await executor.say(run_id, StartRun("e1", NOW))
        await executor.say(run_id, structs.replace(failure, attempt=attempt))
        await parts.fold()
        ((send_after,),) = await parts.rows("SELECT send_after FROM open_runs")
        delays.append((send_after - NOW).total_seconds())
    assert delays == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


async def tables(parts):
    return (
        await parts.rows("SELECT * FROM jobs ORDER BY job_id"),
        await parts.rows("SELECT * FROM open_runs ORDER BY run_id"),
    )


async def test_cancel_before_the_first_claim(parts):
    """A run cancelled before anybody claimed it is not open."""
    await parts.cancel(await parts.request(await parts.create()))
    assert await parts.rows("SELECT run_id FROM open_runs") == []
