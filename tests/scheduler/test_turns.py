"""Runs of a job with `concurrency_max` take turns: who waits is not sent, and whose turn has come is sent at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from msgspec import structs
from scheduler.parts import NOW, spec
from scheduler.test_rescuer import Heard, status
from support.executor_world import eventually

from orc_domain.policies import Overlap, Timeouts
from orc_domain.run_messages import FailAttempt, StartRun, SucceedTask, TaskResult
from orc_domain.wire import WireChangeJob, WireRequestRun
from orc_events.event import Position, StreamName
from orc_events.log import PostgresLog
from orc_runtime.clock import SystemClock
from orc_scheduler.calendar import Calendar, Listeners
from orc_scheduler.rescuer import Rescuer
from orc_scheduler.work import work_of

FAILURE = FailAttempt(attempt=1, kind="worker_died", message="gone", retryable=True, at=NOW, jitter=0.0)
DONE = TaskResult(rows=1)
OPEN = "SELECT is_held, send_after IS NOT NULL, sends FROM open_runs ORDER BY requested_position"


@pytest.fixture
def heard() -> Heard:
    return Heard(None)


@pytest.fixture
def rescuer(parts, heard) -> Rescuer:
    return Rescuer(
        parts.pool, parts.log, heard, SystemClock(), parts.metrics, lease_seconds=30, steady_seconds=0.0
    )


@pytest.fixture
def sent(rescuer, heard):
    """Make a round and say which runs were sent, in their order."""

    async def sent() -> list[UUID]:
        await rescuer.rescue()
        return heard.runs()

    return sent


@pytest.fixture
def finish(parts, executor):
    """Perform a run, to success, and fold it."""

    async def finish(run_id: UUID) -> None:
        await executor.say(run_id, StartRun("e1", NOW))
        await executor.say(run_id, SucceedTask(1, 1, DONE))
        await parts.fold()

    return finish


async def test_the_oldest_go_first(parts, sent, finish):
    """So many as the limit are sent at once, each further one when one before it ended."""
    job_id = await parts.create(concurrency_max=2)
    runs = [await parts.request(job_id) for _ in range(5)]
    told = [await sent()]
    for run_id in runs[:3]:
        await finish(run_id)
        told.append(await sent())
    assert told == [runs[:2], runs[2:3], runs[3:4], runs[4:]]


async def test_who_waits_has_no_message(parts):
    """A held run is not due, however long it waits."""
    job_id = await parts.create(concurrency_max=1)
    for _ in range(3):
        await parts.request(job_id)
    assert await parts.rows(OPEN) == [(False, True, 0), (True, False, 0), (True, False, 0)]


async def test_the_relay_leaves_them_to_the_rescuer(parts):
    """A run with a limit is no work when it is requested; one without is."""
    limited = await parts.request(await parts.create(concurrency_max=1, pool="big"))
    free = await parts.request(await parts.create(pool="big"))
    events = [(await parts.log.read_stream(StreamName(f"run-{one}")))[0] for one in (limited, free)]
    assert [work_of(event) for event in events] == [None, "orc.work.big"]


async def test_the_rescuer_is_told(parts, executor):
    """Whoever lets runs go has the rescuer send them now, and tells it of nothing when none is let go."""
    job_id = await parts.create(concurrency_max=1)

    def heard() -> bool:
        parts.calendar._tell(Position(0))
        told, parts.told[:] = "runs" in parts.told, []
        return told

    runs, told = [], []
    for _ in range(2):
        runs.append(await parts.request(job_id))
        told.append(heard())
    for command in (StartRun("e1", NOW), SucceedTask(1, 1, DONE)):
        await executor.say(runs[0], command)
        await parts.fold()
        told.append(heard())
    assert told == [True, False, False, True]


async def test_between_two_attempts_a_run_keeps_its_turn(parts, sent, executor):
    """A run that waits for its retry has not ended: who comes after it waits for its end."""
    job_id = await parts.create(overlap=Overlap(mode="queue"))
    first, second = await parts.request(job_id), await parts.request(job_id)
    told = [await sent()]
    await executor.say(first, StartRun("e1", NOW))
    await executor.say(first, structs.replace(FAILURE, at=datetime.now(UTC) - timedelta(minutes=5)))
    await parts.fold()
    told.append(await sent())
    await executor.say(first, StartRun("e1", datetime.now(UTC)))
    await executor.say(first, structs.replace(FAILURE, attempt=2, retryable=False, receipt_read=True))
    await parts.fold()
    told.append(await sent())
    assert told == [[first], [first], [second]]


async def test_a_cancelled_waiter_leaves_its_place(parts, sent, finish):
    """Who is cancelled while it waits is passed over."""
    job_id = await parts.create(concurrency_max=1)
    first, second, third = [await parts.request(job_id) for _ in range(3)]
    await parts.cancel(second)
    told = [await sent()]
    await finish(first)
    assert [*told, await sent()] == [[first], [third]]


async def test_a_limit_that_came_later_counts_earlier_runs(parts, sent, finish):
    """Runs that were requested without a limit stand before those with one."""
    job_id = await parts.create()
    free = await parts.request(job_id)
    await parts.perform(WireChangeJob(job_id=job_id, spec=spec(concurrency_max=1)))
    await parts.fold()
    limited = await parts.request(job_id)
    before = await sent()
    await finish(free)
    assert (before, await sent()) == ([], [limited])


async def test_each_goes_by_its_own_limit(parts, sent, finish):
    """A run goes by the limit that it was requested with, and no one overtakes who waits before it."""
    job_id = await parts.create(concurrency_max=1)
    first, second = await parts.request(job_id), await parts.request(job_id)
    await parts.perform(WireChangeJob(job_id=job_id, spec=spec(concurrency_max=3)))
    await parts.fold()
    third = await parts.request(job_id)
    told = [await sent()]
    for run_id in (first, second):
        await finish(run_id)
        told.append(await sent())
    assert told == [[first], [second], [third]]


async def test_a_lowered_limit_is_kept_at_once(parts, sent, finish):
    """Behind a run that must be alone nobody goes either, not even by the wider limit it was requested with."""
    job_id = await parts.create(concurrency_max=3)
    first = await parts.request(job_id)
    await parts.perform(WireChangeJob(job_id=job_id, spec=spec(concurrency_max=1)))
    second = await parts.request(job_id)
    await parts.perform(WireChangeJob(job_id=job_id, spec=spec(concurrency_max=3)))
    third = await parts.request(job_id)
    told = [await sent()]
    for run_id in (first, second):
        await finish(run_id)
        told.append(await sent())
    assert told == [[first], [second], [third]]


@pytest.mark.parametrize(
    ("before", "together", "go"), [((), (3, 1, 3), 1), ((), (2, 2, 2), 2), ((3,), (3, 2, 3), 1)]
)
async def test_several_go_at_once(parts, sent, before, together, go):
    """Each goes by its own limit, and counts who is before it, also when several are let go together."""
    job_id = await parts.create()
    runs = []

    async def request(most: int) -> None:
        await parts.perform(WireChangeJob(job_id=job_id, spec=spec(concurrency_max=most)))
        done = await parts.perform(WireRequestRun(job_id=job_id))
        event = (await parts.log.read(Position(done.position - 1), 1))[0]
        runs.append(UUID(event.stream.removeprefix("run-")))

    for most in before:
        await request(most)
    await parts.fold()
    await sent()
    for most in together:
        await request(most)
    await parts.fold()
    assert sorted(await sent()) == sorted(runs[len(before) : len(before) + go])


async def test_jobs_do_not_wait_for_one_another(parts, sent):
    """A turn is a job's own."""
    one, other = [await parts.create(concurrency_max=1) for _ in range(2)]
    runs = [await parts.request(one), await parts.request(other), await parts.request(one)]
    assert sorted(await sent()) == sorted(runs[:2])


async def test_a_rebuild_comes_to_the_same(parts, finish):
    """Folded again from the log, the same runs wait."""
    job_id = await parts.create(concurrency_max=2)
    runs = [await parts.request(job_id) for _ in range(5)]
    await finish(runs[0])
    query = "SELECT run_id, is_held FROM open_runs ORDER BY requested_position"
    before = await parts.rows(query)
    async with parts.pool.acquire() as connection, connection.transaction():
        await connection.execute("DELETE FROM open_runs")
        await connection.execute("DELETE FROM jobs")
        await connection.execute(
            "UPDATE checkpoints SET position = 0, lease_until = now() WHERE name = 'calendar'"
        )
    again = Calendar(parts.pool, PostgresLog(parts.pool), Listeners())
    await again.projector.catch_up()
    assert (await parts.rows(query), before) == (before, [(run, run in runs[3:]) for run in runs[1:]])


async def test_a_queue_timeout_holds_for_who_waits(parts, sent):
    """A run whose turn did not come in time fails like one that nobody claimed, and names the field."""
    job_id = await parts.create(concurrency_max=1, timeouts=Timeouts(queue_seconds=60))
    first, second = await parts.request(job_id), await parts.request(job_id)
    await parts.pool.execute(
        "UPDATE open_runs SET queue_until = queue_until - interval '61 s' WHERE run_id = $1", second
    )
    await sent()
    assert [await status(parts, run_id) for run_id in (first, second)] == [
        ("queued", 0, None),
        (
            "failed",
            0,
            "no executor of pool default claimed the run within 60 s of its request (timeouts.queue_seconds)",
        ),
    ]


async def test_the_rescuer_wakes_for_a_queue_timeout(parts, heard, executor, monkeypatch):
    """A run that waits for its turn fails when its time is over, not at the next round, an hour away here."""
    monkeypatch.setattr("orc_scheduler.rescuer.ROUND_SECONDS", 3_600.0)
    rescuer = Rescuer(parts.pool, parts.log, heard, SystemClock(), parts.metrics, lease_seconds=30)
    job_id = await parts.create(concurrency_max=1, timeouts=Timeouts(queue_seconds=1))
    await executor.say(await parts.request(job_id), StartRun("e1", NOW))
    run_id = await parts.request(job_id)
    running = asyncio.create_task(rescuer.run())

    async def is_failed():
        return (await status(parts, run_id))[0] == "failed"

    await eventually(is_failed)
    running.cancel()
    failed = (await parts.events())[-1]
    requested = (await parts.log.read_stream(StreamName(f"run-{run_id}")))[0]
    assert failed.type == "run.failed"
    assert timedelta(seconds=1) < failed.recorded_at - requested.recorded_at
