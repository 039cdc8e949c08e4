"""The scheduler's fold in its tables: jobs, open runs, and a rebuild that comes to the same."""

from datetime import timedelta
from uuid import uuid4

from msgspec import structs
from scheduler.parts import NOW, spec

from orc_domain.accounting import Outcome
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
from orc_scheduler.tick_appends import request_of, skip_of

JOB = uuid4()
DUE = NOW.replace(hour=10, minute=0)
HOURLY = spec(schedule="@hourly")
HOURLY_PAUSED = spec(schedule="@hourly", is_active=False)


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
