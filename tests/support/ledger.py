"""Write a job's past into the log, as its scheduler and executor would have."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from orc_domain.instants import tick_id
from orc_domain.job_spec import JobSpec, TaskSpec
from orc_domain.retry import Policy
from orc_domain.run_messages import RunRequested, RunTask
from orc_domain.ticks import TickSkipped
from orc_events.codec import EventCodec
from orc_events.event import Append, NewEvent, Position, StreamName, Version
from orc_events.log import PostgresLog
from orc_runtime.deciders import JOBS, RUNS

TICKS: EventCodec[TickSkipped] = EventCodec(TickSkipped)
JOB = UUID(int=1)
TASK = TaskSpec({"type": "inline", "rows": []}, {"type": "discard"})


class Past:
    """A log that is written to at times of one's own choice."""

    def __init__(self, gateway: Any, scheduler: PostgresLog) -> None:
        self._gateway, self._scheduler = gateway, scheduler
        self._versions: dict[str, int] = {}

    async def job(self, at: datetime, *events: Any, actor: str = "user:ana", job_id: UUID = JOB) -> None:
        """Append events of a job."""
        await self._append(
            self._scheduler, f"job-{job_id}", [JOBS.codec.encode(event) for event in events], at, actor
        )

    async def skipped(self, *events: TickSkipped, at: datetime | None = None) -> None:
        """Append skipped instants."""
        for event in events:
            encoded = [TICKS.encode(event)]
            await self._append(
                self._scheduler, f"ticks-{event.job_id}", encoded, at or event.last_due_at, "scheduler"
            )

    async def requested(self, due_at: datetime, at: datetime, *, job_id: UUID = JOB, **more: Any) -> UUID:
        """Append the run of an instant and return its id."""
        run_id = tick_id(job_id, due_at)
        facts = {"triggered_by": "scheduler", "due_at": due_at, "job_version": 1, "tzdata": "2026.1"} | more
        event = RunRequested(
            run_id=run_id, job_id=job_id, job_name="planes", pool="default", policy=Policy(), root_id=run_id,
            tasks=(RunTask(UUID(int=3), 1, TASK.extractor_config, TASK.loader_config),), **facts,
        )  # fmt: skip
        await self._append(self._scheduler, f"run-{run_id}", [RUNS.codec.encode(event)], at, "scheduler")
        return run_id

    async def run(self, run_id: UUID, at: datetime, *events: Any) -> None:
        """Append what an executor says of a run."""
        encoded = [RUNS.codec.encode(event) for event in events]
        await self._append(self._gateway.executor_log, f"run-{run_id}", encoded, at, "executor:test")

    async def shown(self) -> None:
        """Wait until the read tables tell all of it."""
        head: Position = await self._gateway.log.head()
        self._gateway.projector.follower.poke()
        assert await self._gateway.projector.passed(head, 10)

    async def _append(
        self, log: PostgresLog, stream: str, events: Sequence[NewEvent], at: datetime, actor: str
    ) -> None:
        version = self._versions.get(stream, 0)
        await log.append(
            Append(
                command_id=uuid4(), body_hash=bytes(32), stream=StreamName(stream), expected_version=Version(version),
                events=tuple(events), actor=actor, correlation_id=uuid4(), occurred_at=at,
            )
        )  # fmt: skip
        self._versions[stream] = version + len(events)


def spec(**changes: Any) -> JobSpec:
    """Write a definition that is due daily at 9 in Paris."""
    facts = {"job_name": "planes", "schedule": "0 9 * * *", "timezone": "Europe/Paris", "tasks": (TASK,)}
    return JobSpec(**facts | changes)


def skipped(first: datetime, last: datetime, count: int, reason: Any, **more: Any) -> TickSkipped:
    """Write a span of skipped instants."""
    facts = {"job_id": JOB, "job_version": 1, "tzdata": "2026.1"} | more
    return TickSkipped(due_at=first, last_due_at=last, count=count, reason=reason, **facts)
