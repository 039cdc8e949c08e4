"""Runs in a real log, for the executor's tests: what the scheduler appends, and what an executor then sees."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from prometheus_client import CollectorRegistry
from support.servers import TestDatabase

from orc_domain.retry import Policy
from orc_domain.run import Run
from orc_domain.run_messages import (
    CancelRun,
    Command,
    Event,
    LoseAttempt,
    RequestRun,
    RunTask,
)
from orc_events.bus import Bus
from orc_events.cloudevents import Message, message
from orc_events.event import Recorded, StreamName
from orc_events.handle import Intent, handle, load
from orc_events.log import PostgresLog
from orc_executor.attempt import Surroundings
from orc_executor.child import Child, spawn
from orc_executor.claim import Voice
from orc_executor.consumer import Consumer, Limits
from orc_executor.leases import Leases
from orc_executor.metrics import ExecutorMetrics
from orc_executor.orphans import Registry
from orc_executor.pool import Pool
from orc_executor.slots import Slots
from orc_executor.store import Store
from orc_executor.urgent import Urgent
from orc_runtime.clock import Clock, SystemClock
from orc_runtime.database import close_pool, connect_pool
from orc_runtime.deciders import RUNS

INLINE = {"type": "inline", "rows": [{"a": 1}, {"a": 2}]}
DISCARD = {"type": "discard"}
SCRIPTED = (str(Path(__file__).with_name("scripted_worker.py")),)
PATIENCE_SECONDS = 30
QUICK = Policy(first_delay_seconds=0.0)


@asynccontextmanager
async def pool_of(database: TestDatabase, role: str) -> AsyncIterator[Any]:
    """Connect as a service's role."""
    pool = await connect_pool(
        database.url(role), schema=role.removeprefix("orc_"), size_max=6, application_name="test"
    )
    try:
        yield pool
    finally:
        await close_pool(pool)


def request(
    *tasks: tuple[dict[str, Any], dict[str, Any]],
    policy: Policy = QUICK,
    run_id: UUID | None = None,
    **more: Any,
) -> RequestRun:
    """Describe a run of these (extractor, loader) pairs; one no-op when none is given."""
    run_id = run_id or uuid4()
    given = {"job_id": uuid4(), "root_id": run_id} | more
    return RequestRun(
        run_id=run_id,
        job_name="a job",
        job_version=1,
        tasks=tuple(
            RunTask(uuid4(), order, extractor, loader)
            for order, (extractor, loader) in enumerate(tasks or [(INLINE, DISCARD)], 1)
        ),
        pool="default",
        triggered_by="manual",
        policy=policy,
        **given,
    )


class Scheduler:
    """What the scheduler says of runs, by its own rights."""

    def __init__(self, pool: Any) -> None:
        self.log = PostgresLog(pool)

    async def say(self, run_id: UUID, command: Command) -> Run:
        """Decide and append; returns the run after it."""
        intent = Intent(
            command_id=uuid4(),
            body_hash=sha256(b"").digest(),
            actor="scheduler",
            correlation_id=uuid4(),
            occurred_at=datetime.now(UTC),
        )
        return (await handle(self.log, RUNS, stream(run_id), command, intent)).state

    async def request(self, *tasks: Any, **more: Any) -> RequestRun:
        """Queue a run."""
        wish = request(*tasks, **more)
        await self.say(wish.run_id, wish)
        return wish

    async def cancel(self, run_id: UUID) -> None:
        """Wish a run to stop."""
        await self.say(run_id, CancelRun("no longer wanted"))

    async def lose(self, run_id: UUID, attempt: int) -> None:
        """Take an attempt back, as the rescuer does."""
        await self.say(run_id, LoseAttempt(attempt, datetime.now(UTC)))

    async def recorded(self, run_id: UUID) -> list[Recorded]:
        """Read a run's events as recorded."""
        return (await load(self.log, RUNS, stream(run_id))).recorded

    async def work(self, run_id: UUID) -> Message:
        """Return the message by which a run is offered."""
        return message((await self.recorded(run_id))[0], "orc.work.default")

    async def offer(self, bus: Bus, run_id: UUID) -> None:
        """Publish the work message of a run, as the relay and the rescuer do."""
        offered = await self.work(run_id)
        await bus.publish(offered.subject, offered.data, offered.headers)

    async def events(self, run_id: UUID) -> list[Event]:
        """Read what happened to a run."""
        return [RUNS.codec.decode(one) for one in await self.recorded(run_id)]

    async def run(self, run_id: UUID) -> Run:
        """Fold a run."""
        return (await load(self.log, RUNS, stream(run_id))).state

    async def until(self, run_id: UUID, status: Collection[str], *, after: int = 0) -> Run:
        """Wait until the run's status is one of these, past a version."""
        run = await self.run(run_id)

        async def reached() -> bool:
            nonlocal run
            run = await self.run(run_id)
            return run.status in status and run.version > after

        await eventually(reached)
        return run


async def eventually(is_so: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for what nothing announces: another process's or the log's state."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            told = is_so()
            if told if isinstance(told, bool) else await told:
                return
            await asyncio.sleep(0.01)


def scripted(do: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make a task for a scripted worker."""
    return {"do": do}, {}


def stream(run_id: UUID) -> StreamName:
    """Name a run's stream."""
    return StreamName(f"run-{run_id}")


def types(events: Sequence[Event]) -> list[str]:
    """Name what happened."""
    return [str(type(event).__struct_config__.tag) for event in events]


class Running:
    """An executor in this process, as `app.py` wires it, with scripted workers."""

    def __init__(
        self,
        pool: Any,
        bus: Bus,
        folder: Path,
        *,
        name: str,
        slots: int,
        grace: float,
        lease: float,
        clock: Clock,
        pool_max: int,
    ) -> None:
        registry = Registry(folder / name)
        self.bus, self.name = bus, name
        self.workers: Pool[Child] = Pool(
            partial(spawn, registry, dict(os.environ), SCRIPTED), slots=slots, tasks_max=1000
        )
        self.leases = Leases(pool, name, lease)
        self.stopping = asyncio.Event()
        self.consumer = Consumer(
            bus,
            Voice(PostgresLog(pool), clock, name),
            self.leases,
            Slots(pool, name, lease, pool_max=pool_max, end=self.leases.end_slots),
            Surroundings(
                pool=self.workers,
                clock=clock,
                stored=Store(pool).read,
                jitter=lambda: 0.0,
                cancel_grace_seconds=grace,
            ),
            urgent=Urgent(pool, "default"),
            metrics=ExecutorMetrics(CollectorRegistry()),
            limits=Limits(pool="default", slots=slots, drain_seconds=0.2, silence_seconds_max=lease),
        )


@asynccontextmanager
async def executor_running(
    pool: Any,
    bus: Bus,
    folder: Path,
    *,
    name: str = "east",
    slots: int = 2,
    grace: float = 0.2,
    lease: float = 30.0,
    clock: Clock | None = None,
    pool_max: int = 0,
) -> AsyncIterator[Running]:
    """Run an executor and drain it at the end."""
    running = Running(
        pool,
        bus,
        folder,
        name=name,
        slots=slots,
        grace=grace,
        lease=lease,
        clock=clock or SystemClock(),
        pool_max=pool_max,
    )
    async with asyncio.TaskGroup() as group:
        work = group.create_task(running.consumer.run(running.stopping))
        duties = [
            group.create_task(duty)
            for duty in (running.consumer.beat(), running.leases.keep(), running.leases.expire())
        ]
        yield running
        running.stopping.set()
        await asyncio.wait({work})
        for duty in duties:
            duty.cancel()
        await running.workers.close()
        await running.leases.close()
