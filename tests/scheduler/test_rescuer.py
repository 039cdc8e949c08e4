"""The rescuer: whatever was lost on the way, an open run is driven on."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from msgspec import structs
from scheduler.parts import NOW

from orc_domain.run_messages import FailAttempt, StartRun
from orc_events.cloudevents import message
from orc_events.errors import BusUnavailable
from orc_events.event import StreamName
from orc_events.handle import load
from orc_events.jetstream import call
from orc_runtime.clock import SystemClock
from orc_runtime.deciders import RUNS
from orc_scheduler.rescuer import Rescuer

FAILURE = FailAttempt(attempt=1, kind="worker_died", message="gone", retryable=True, at=NOW, jitter=0.0)


class Heard:
    """A bus that keeps what is published and says what it is told to say of the pool's backlog."""

    def __init__(self, bus):
        self.bus, self.messages, self.acked_max, self.pending = bus, [], 1_000, 0

    async def publish_window(self, messages):
        acked = list(messages)[: self.acked_max]
        self.messages += acked
        return len(acked)

    async def request(self, subject, data, *, timeout_seconds):
        assert subject == "$JS.API.CONSUMER.INFO.ORC_WORK.pool-default"
        return b'{"num_pending": %d}' % self.pending

    def runs(self) -> list[UUID]:
        """Give the runs that got a message since last asked."""
        runs = [UUID(one.headers["ce-subject"].removeprefix("run-")) for one in self.messages]
        self.messages.clear()
        return runs


@pytest.fixture
def heard() -> Heard:
    return Heard(None)


@pytest.fixture
def rescuer(parts, heard) -> Rescuer:
    return Rescuer(
        parts.pool, parts.log, heard, SystemClock(), parts.metrics, lease_seconds=30, steady_seconds=0.0
    )


async def status(parts, run_id: UUID) -> tuple[str, int, str | None]:
    run = (await load(parts.log, RUNS, StreamName(f"run-{run_id}"))).state
    return run.status, run.attempt, run.error_message


async def pass_time(parts, seconds: float) -> None:
    """Have everything that is open been so for longer."""
    await parts.pool.execute(
        "UPDATE open_runs SET requested_at = requested_at - make_interval(secs => $1),"
        " queue_until = queue_until - make_interval(secs => $1),"
        " claimed_at = claimed_at - make_interval(secs => $1),"
        " send_after = send_after - make_interval(secs => $1)",
        seconds,
    )


async def test_unclaimed(parts, rescuer, heard):
    """A run unclaimed for 5 s gets the same work message again, not sooner, and further ones at growing distance."""
    run_id = await parts.request(await parts.create(pool="default"))
    sent = [(0, await rescuer.rescue(), heard.runs())]
    for seconds in (4, 2, 8, 3, 15, 6, 30, 11):
        await pass_time(parts, seconds)
        sent.append((seconds, await rescuer.rescue(), heard.runs()))
    assert sent == [
        (0, 0, []),
        (4, 0, []),
        (2, 1, [run_id]),
        (8, 0, []),
        (3, 1, [run_id]),
        (15, 0, []),
        (6, 1, [run_id]),
        (30, 0, []),
        (11, 1, [run_id]),
    ]


async def test_same_message_as_the_relays(parts, rescuer, heard):
    """The message is the requested run's own event on its pool's subject, id and all."""
    run_id = await parts.request(await parts.create(pool="big"))
    await pass_time(parts, 6)

    async def request(_subject, _data, *, timeout_seconds):
        return b'{"num_pending": 0}'

    heard.request = request
    await rescuer.rescue()
    (requested,) = await parts.log.read_stream(StreamName(f"run-{run_id}"))
    assert heard.messages == [message(requested, "orc.work.big")]


async def test_claimed(parts, rescuer, heard, executor):
    """A run that somebody owns gets no message."""
    run_id = await parts.request(await parts.create())
    await executor.say(run_id, StartRun("e1", NOW))
    await executor.lease(run_id, 1, 30)
    await parts.fold()
    await pass_time(parts, 3_600)
    assert (await rescuer.rescue(), heard.runs()) == (0, [])


async def test_retry_due(parts, rescuer, heard, executor):
    """A retry gets its message when it is due, also while a run that has one waits for the pool's backlog."""
    job_id = await parts.create()
    run_id = await parts.request(job_id)
    heard.pending = 1_000
    await executor.say(run_id, StartRun("e1", NOW))
    await executor.say(run_id, structs.replace(FAILURE, at=datetime.now(UTC) + timedelta(seconds=60)))
    await parts.fold()
    before = await rescuer.rescue(), heard.runs()
    await parts.request(job_id)
    await pass_time(parts, 63)
    assert (before, (await rescuer.rescue(), heard.runs())) == ((0, []), (2, [run_id]))


async def test_cancel_to_settle(parts, rescuer, heard, executor):
    """A cancelled run that only an executor can settle gets its message at once."""
    run_id = await parts.request(await parts.create())
    await executor.say(run_id, StartRun("e1", NOW))
    await executor.say(run_id, structs.replace(FAILURE, at=datetime.now(UTC) + timedelta(hours=1)))
    await parts.fold()
    before = heard.runs() if await rescuer.rescue() else []
    await parts.cancel(run_id)
    assert (before, await rescuer.rescue(), heard.runs()) == ([], 1, [run_id])


async def test_backlog(parts, rescuer, heard):
    """A run that has a message waits while its pool has others to take, but not for ever, and then waits again."""
    run_id = await parts.request(await parts.create())
    heard.pending = 10
    sent = []
    for _ in range(18):
        await pass_time(parts, 61)
        sent.append((await rescuer.rescue(), heard.runs()))
    assert sent == [*[(1, [])] * 7, (1, [run_id]), *[(1, [])] * 8, (1, [run_id]), (1, [])]


async def test_bus_away(parts, rescuer, heard):
    """What could not be published is due again soon, with nothing forgotten and nothing counted."""
    job_id = await parts.create()
    runs = {await parts.request(job_id) for _ in range(3)}
    await pass_time(parts, 6)
    heard.acked_max = 1
    with pytest.raises(BusUnavailable):
        await rescuer.rescue()
    first = heard.runs()
    left = await parts.rows("SELECT sends FROM open_runs ORDER BY sends")
    heard.acked_max = 1_000
    await pass_time(parts, 1)
    await rescuer.rescue()
    assert (left, {*first, *heard.runs()}) == ([(1,), (1,), (2,)], runs)


async def test_two_rescuers(parts, heard, rescuer):
    """Two replicas that make their rounds side by side send each message once."""
    job_id = await parts.create()
    runs = {await parts.request(job_id) for _ in range(20)}
    await pass_time(parts, 6)
    driven = await asyncio.gather(rescuer.rescue(), rescuer.rescue(), rescuer.rescue())
    sent = heard.runs()
    assert (sum(driven), len(sent), set(sent)) == (20, 20, runs)


async def test_taken_by_another(parts, heard, rescuer):
    """A run that another replica is just taking is left to it, without waiting."""
    job_id = await parts.create()
    theirs, ours = await parts.request(job_id), await parts.request(job_id)
    await pass_time(parts, 6)
    async with parts.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM open_runs WHERE run_id = $1 FOR UPDATE", theirs)
        assert (await rescuer.rescue(), heard.runs()) == (1, [ours])


async def test_lost_lease(parts, rescuer, executor):
    """An attempt whose lease ran out is taken back once, and may be claimed again at once."""
    run_id = await parts.request(await parts.create())
    await executor.say(run_id, StartRun("e1", NOW))
    await executor.lease(run_id, 1, -1)
    await parts.fold()
    assert [await rescuer.rescue(), await rescuer.rescue()] == [1, 0]
    message_lost = "executor e1 did not renew its lease"
    assert await status(parts, run_id) == ("queued", 1, message_lost)
    await parts.fold()
    assert await rescuer.rescue() == 1
    await executor.say(run_id, StartRun("e2", datetime.now(UTC)))
    assert await parts.types(f"run-{run_id}") == [
        "run.requested", "run.started", "run.attempt_failed", "run.started",
    ]  # fmt: skip


async def test_no_lease(parts, rescuer, executor):
    """An attempt that never took a lease, or left an older attempt's, has the time of one from its start."""
    runs = [await parts.request(await parts.create()) for _ in range(2)]
    for run_id in runs:
        await executor.say(run_id, StartRun("e1", NOW))
    await executor.say(runs[1], FAILURE)
    await executor.say(runs[1], StartRun("e1", NOW + timedelta(minutes=5)))
    await executor.lease(runs[1], 1, 3_600)
    await parts.fold()
    young = await rescuer.rescue()
    await pass_time(parts, 31)
    assert (young, await rescuer.rescue()) == (0, 2)
    assert [await status(parts, run_id) for run_id in runs] == [
        ("queued", 1, "executor e1 did not renew its lease"),
        ("queued", 2, "executor e1 did not renew its lease"),
    ]


async def test_lease_is_not_judged_at_once(parts, heard, executor):
    """After the database was away nobody is taken back before executors had time to renew."""
    rescuer = Rescuer(parts.pool, parts.log, heard, SystemClock(), parts.metrics, lease_seconds=30)
    run_id = await parts.request(await parts.create())
    await executor.say(run_id, StartRun("e1", NOW))
    await executor.lease(run_id, 1, -60)
    await parts.fold()
    assert (await rescuer.rescue(), await status(parts, run_id)) == (0, ("running", 1, None))


async def test_queue_timeout(parts, rescuer, executor):
    """A run that nobody ever claimed in time fails; one that was claimed once is not given up so."""
    job_id = await parts.create()
    never, once = await parts.request(job_id), await parts.request(job_id)
    await executor.say(once, StartRun("e1", NOW))
    await executor.say(once, FAILURE)
    await parts.fold()
    await pass_time(parts, 86_401)
    await rescuer.rescue()
    assert [(await status(parts, run_id))[0] for run_id in (never, once)] == ["failed", "queued"]


async def test_backlog_of_the_real_pool(parts, bus):
    """The pool's backlog is what its consumer has not handed out yet; without a consumer there is none."""
    rescuer = Rescuer(parts.pool, parts.log, bus, SystemClock(), parts.metrics, lease_seconds=30)
    run_id = await parts.request(await parts.create())
    await pass_time(parts, 6)
    sent = []
    for _ in range(2):
        await rescuer.rescue()
        sent.append((await call(bus, "STREAM.INFO.ORC_WORK"))["state"]["messages"])
        await pass_time(parts, 61)
    await call(bus, "CONSUMER.DELETE.ORC_WORK.pool-default")
    await rescuer.rescue()
    sent.append((await call(bus, "STREAM.INFO.ORC_WORK"))["state"]["messages"])
    assert (sent, await status(parts, run_id)) == ([1, 1, 2], ("queued", 0, None))
