"""The scheduler as a process: command to work message, ready and unready, and back after the bus forgot everything."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from scheduler.caller import Caller, envelope
from scheduler.parts import spec
from support.servers import NatsServer, TestDatabase, wipe_streams

from orc_domain.requests import job_id_of_command, run_id_of_command
from orc_domain.run_messages import RunRequested
from orc_domain.wire import WireCreateJob, WireRequestRun
from orc_events.bus import Bus
from orc_events.event import Position, Recorded
from orc_events.log import PostgresLog
from orc_events.topology import WORK, Topology, pool_consumer, verify
from orc_runtime.deciders import RUNS

READY_SECONDS_MAX = 30.0
STEP_SECONDS = 0.02


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    bus = await Bus.connect(nats_url, name="test", wait_seconds=5)
    yield bus
    await bus.close()


@pytest.fixture
async def log(connect: Any) -> PostgresLog:
    return PostgresLog(await connect("orc_scheduler"))


@asynccontextmanager
async def scheduler(database: TestDatabase, nats: NatsServer, name: str = "s") -> AsyncIterator[str]:
    """Run the service as the stack does, with its own roles, and give the URL of its health."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "orc_scheduler",
        env=os.environ | {
            "ORC_SCHEDULER_DATABASE_URL": database.url("orc_scheduler"),
            "ORC_NATS_SCHEDULER_URL": nats.urls["scheduler"],
            "ORC_SCHEDULER_HEALTH_PORT": str(port),
            "ORC_LOG_JSON": "true",
        },
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    lines = asyncio.create_task(process.stderr.read())
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        code = await process.wait()
        said = (await lines).decode()
    assert code == 0, f"{name}: {said}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def until(check: Callable[[], Any], what: str) -> Any:
    """Ask until there is an answer; the processes under test tell nobody when they are done."""
    answer = None
    try:
        async with asyncio.timeout(READY_SECONDS_MAX):
            while not (answer := await check()):  # noqa: ASYNC110  # another process sets no event of ours
                await asyncio.sleep(STEP_SECONDS)
    except TimeoutError:
        pytest.fail(f"waited {READY_SECONDS_MAX} s for {what}")
    return answer


async def readiness(url: str) -> httpx.Response | None:
    try:
        async with httpx.AsyncClient() as client:
            return await client.get(f"{url}/readyz")
    except httpx.TransportError:
        return None


async def is_ready(url: str) -> bool:
    answer = await readiness(url)
    return answer is not None and answer.status_code == 200


async def ready(url: str) -> None:
    await until(lambda: is_ready(url), f"{url} to be ready")


class Taker:
    """Takes the work of the default pool, as an executor would, and remembers the runs."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.runs: set[UUID] = set()

    async def run(self) -> None:
        async with await self._bus.pull(WORK, pool_consumer("default"), slots=8) as subscription:
            async for delivery in subscription:
                self.runs.add(UUID(delivery.headers["ce-subject"].removeprefix("run-")))
                await delivery.ack()
                subscription.release()

    async def has(self, run_id: UUID) -> bool:
        return run_id in self.runs


async def requested(log: PostgresLog) -> list[tuple[RunRequested, Recorded]]:
    return [
        (RUNS.codec.decode(past), past)
        for past in await log.read(Position(0), 10_000)
        if past.type == "run.requested"
    ]


async def test_command_to_work(database, nats_server, bus):
    """A command given on the bus ends as work on the bus, and is counted."""
    async with scheduler(database, nats_server) as url, asyncio.timeout(READY_SECONDS_MAX):
        await ready(url)
        taker = Taker(bus)
        taking = asyncio.create_task(taker.run())
        create = envelope(WireCreateJob(spec=spec()))
        await Caller(bus).send(create)
        request = envelope(WireRequestRun(job_id=job_id_of_command(create.command_id)))
        await Caller(bus).send(request)
        await until(lambda: taker.has(run_id_of_command(request.command_id)), "the work")
        taking.cancel()
        async with httpx.AsyncClient() as client:
            metrics = (await client.get(f"{url}/metrics")).text
        assert 'orc_commands_total{outcome="done",type="run.request"} 1.0' in metrics


async def test_executors_hear_of_urgent_runs(database, nats_server, bus, connect):
    """Of a run with a priority above 0 the executors of its pool are told, by core NATS."""
    heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
    await bus.listen("orc.poke.pool.*", lambda subject, data: heard.put_nowait((subject, data)))
    async with scheduler(database, nats_server) as url, asyncio.timeout(READY_SECONDS_MAX):
        await ready(url)
        for priority in (0, 7):
            create = envelope(WireCreateJob(spec=spec(priority=priority)))
            await Caller(bus).send(create)
            await Caller(bus).give(WireRequestRun(job_id=job_id_of_command(create.command_id)))
        assert await heard.get() == ("orc.poke.pool.default", b"7")
        # The rescuer, which takes the run up after 5 s, would tell of it as well.
        assert await (await connect("orc_scheduler")).fetchval("SELECT max(sends) FROM open_runs") == 1


async def test_bus_forgot_everything(database, nats_server, bus, log):
    """With all streams gone, the scheduler makes them anew, and work of a queued run comes back, with no operator."""
    async with scheduler(database, nats_server) as url:
        await ready(url)
        create = envelope(WireCreateJob(spec=spec()))
        await Caller(bus).send(create)
        request = envelope(WireRequestRun(job_id=job_id_of_command(create.command_id)))
        await Caller(bus).send(request)
        await wipe_streams(nats_server.urls["operator"])
        taker = Taker(bus)
        taking = asyncio.create_task(taker.run())
        await until(lambda: taker.has(run_id_of_command(request.command_id)), "the work, again")
        await ready(url)
        assert await verify(bus, Topology().declared) == []
        again = envelope(WireRequestRun(job_id=job_id_of_command(create.command_id)))
        await Caller(bus).send(again)
        await until(lambda: taker.has(run_id_of_command(again.command_id)), "new work")
        taking.cancel()


async def test_two_replicas_tick(database, nats_server, bus, log):
    """Two schedulers on one database request each second's run once, none left out."""
    async with scheduler(database, nats_server, "one") as one, scheduler(database, nats_server, "two") as two:
        await asyncio.gather(ready(one), ready(two))
        await Caller(bus).give(WireCreateJob(spec=spec(schedule="* * * * * *")))

        async def five() -> bool:
            return len(await requested(log)) >= 5

        await until(five, "five ticks")
    dues = [run.due_at.timestamp() for run, _ in await requested(log)]
    assert dues == [dues[0] + n for n in range(len(dues))]


async def test_new_pool(database, nats_server, bus):
    """A job of a new pool gives that pool its consumer, before anybody asks for it."""
    async with scheduler(database, nats_server) as url:
        await ready(url)
        await Caller(bus).give(WireCreateJob(spec=spec(pool="big")))

        async def stands() -> bool:
            return not await verify(bus, Topology(["big"]).declared)

        await until(stands, "the consumer pool-big")


async def test_nothing_fires_before_it_was_created(database, nats_server, bus, log):
    """The first run of a schedule is due after its job's creation was recorded."""
    async with scheduler(database, nats_server) as url:
        await ready(url)
        before = datetime.now(UTC)
        await Caller(bus).give(WireCreateJob(spec=spec(schedule="* * * * * *")))

        async def one() -> list[tuple[RunRequested, Recorded]]:
            return await requested(log)

        ((run, past), *_) = await until(one, "a tick")
    created = (await log.read(Position(0), 1))[0].recorded_at
    assert before <= created < run.due_at <= past.recorded_at
