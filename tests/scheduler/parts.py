"""The scheduler's parts on a real Postgres, moved by hand: a test says when each takes a step."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from msgspec import Struct
from prometheus_client import CollectorRegistry

from orc_domain.job_spec import JobSpec, TaskSpec
from orc_domain.wire import WireCancelRun, WireCommand, WireCreateJob, WireRequestRun
from orc_events.event import Position, Recorded, StreamName
from orc_events.handle import Handled, Intent, handle
from orc_events.log import PostgresLog
from orc_events.wakeup import Wakeup
from orc_runtime.clock import ManualClock
from orc_runtime.deciders import RUNS
from orc_scheduler.calendar import Calendar, Listeners
from orc_scheduler.commands import Commands, Done
from orc_scheduler.jobs import Jobs
from orc_scheduler.metrics import SchedulerMetrics
from orc_scheduler.ticker import Ticker

NOW = datetime(2026, 5, 13, 9, 30, tzinfo=UTC)


def spec(**said: Any) -> JobSpec:
    task = TaskSpec({"type": "inline", "rows": [{"n": 1}]}, {"type": "discard"})
    return JobSpec(**({"job_name": "flights", "schedule": "@manual", "tasks": (task,)} | said))


def hourly(seconds_ago: float) -> tuple[str, datetime]:
    """Give a schedule that fires each hour, and was due so many seconds ago; and when that was."""
    due_at = (datetime.now(UTC) - timedelta(seconds=seconds_ago)).replace(microsecond=0)
    return f"{due_at.second} {due_at.minute} * * * *", due_at


def intent(command_id: UUID | None = None, **said: Any) -> Intent:
    values = {
        "command_id": command_id or uuid4(),
        "body_hash": bytes(32),
        "actor": "user:ada",
        "correlation_id": uuid4(),
        "occurred_at": NOW,
    }
    return Intent(**(values | said))


class Parts(Struct, frozen=True):
    """One scheduler without its loops."""

    pool: Any
    log: PostgresLog
    jobs: Jobs
    calendar: Calendar
    commands: Commands
    clock: ManualClock
    metrics: SchedulerMetrics
    told: list[str]
    """Which of the calendar's listeners were told, in order."""
    pools: set[str]

    async def perform(self, command: WireCommand, given: Intent | None = None) -> Done:
        return await self.commands.perform(command, given or intent())

    async def create(self, **said: Any) -> UUID:
        """Create a job and fold it into the calendar; returns its id."""
        done = await self.perform(WireCreateJob(spec=spec(**said)))
        await self.fold()
        return UUID((await self.log.read(Position(done.position - 1), 1))[0].stream.removeprefix("job-"))

    async def request(self, job_id: UUID) -> UUID:
        """Request a run and fold it into the calendar; returns its id."""
        done = await self.perform(WireRequestRun(job_id=job_id))
        await self.fold()
        return UUID((await self.log.read(Position(done.position - 1), 1))[0].stream.removeprefix("run-"))

    async def fold(self) -> None:
        await self.calendar.projector.catch_up()

    async def events(self) -> list[Recorded]:
        return await self.log.read(Position(0), 5_000)

    async def types(self, stream: str | None = None) -> list[str]:
        """Give the types of all events, or of a stream's."""
        recorded = await (self.events() if stream is None else self.log.read_stream(StreamName(stream)))
        return [past.type for past in recorded]

    async def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.pool.fetch(query, *values)]

    async def cancel(self, run_id: UUID) -> datetime:
        """Ask for a run to stop and fold it; returns when that was recorded."""
        done = await self.perform(WireCancelRun(run_id=run_id))
        await self.fold()
        return (await self.log.read(Position(done.position - 1), 1))[0].recorded_at

    async def make_due(self, job_id: UUID, seconds_ago: float) -> datetime:
        """Have the calendar believe that the job was due then, at a whole second."""
        due_at = (datetime.now(UTC) - timedelta(seconds=seconds_ago)).replace(microsecond=0)
        await self.set_due(due_at, job_id)
        return due_at

    async def set_due(self, due_at: datetime, job_id: UUID | None = None) -> None:
        """Have the calendar believe that a job, or every job, has accounted for nothing from this instant on."""
        await self.pool.execute(
            "UPDATE jobs SET next_due_at = $1, wake_at = $1 WHERE job_id = coalesce($2, job_id)",
            due_at,
            job_id,
        )

    def ticker(self, pool: Any = None, **options: Any) -> Ticker:
        return Ticker(
            pool or self.pool, self.log, self.jobs, self.calendar, self.metrics,
            wakeup=Wakeup(), on_append=lambda _: self.told.append("append"), **options,
        )  # fmt: skip

    @asynccontextmanager
    async def folding(self) -> AsyncIterator[None]:
        """Have the calendar follow the log by itself meanwhile, and tell its listeners."""
        stopping = asyncio.Event()

        async def follow() -> None:
            while not stopping.is_set():
                self.calendar._tell(await self.calendar.projector.catch_up())
                with suppress(TimeoutError):
                    await asyncio.wait_for(stopping.wait(), 0.005)

        following = asyncio.create_task(follow())
        try:
            yield
        finally:
            stopping.set()
            await following


def assemble(pool: Any) -> Parts:
    """Put one scheduler together."""
    told, pools = list[str](), set[str]()
    log = PostgresLog(pool)
    jobs = Jobs(log)
    listeners = Listeners(
        jobs=lambda: told.append("jobs"),
        runs=lambda: told.append("runs"),
        failures=lambda: told.append("failures"),
        pools=pools.update,
    )
    calendar = Calendar(pool, log, listeners)
    metrics = SchedulerMetrics(CollectorRegistry())
    return Parts(
        pool, log, jobs, calendar, Commands(log, jobs, calendar), ManualClock(NOW), metrics, told, pools
    )


class Executor(Struct, frozen=True):
    """Says what executors say of runs, as their role."""

    pool: Any
    log: PostgresLog

    async def say(self, run_id: UUID, command: Any) -> Handled[Any, Any]:
        return await handle(self.log, RUNS, StreamName(f"run-{run_id}"), command, intent(actor="executor:e1"))

    async def lease(self, run_id: UUID, attempt: int, seconds: float) -> None:
        """Have a lease that ends in so many seconds, or ended that long ago."""
        await self.pool.execute(
            "INSERT INTO leases VALUES ($1, $2, 'e1', clock_timestamp() + make_interval(secs => $3))"
            " ON CONFLICT (run_id) DO UPDATE SET attempt = $2, lease_until = excluded.lease_until",
            run_id, attempt, seconds,
        )  # fmt: skip
