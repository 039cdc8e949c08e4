"""Backfills on a scheduler's parts: asked for, driven on, and seen from the log alone."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from scheduler.parts import NOW, Executor, Parts, intent, spec

from orc_domain.backfill import Event, backfill_id_of_command
from orc_domain.job import JobCreated
from orc_domain.job_spec import TaskSpec
from orc_domain.run_messages import FailAttempt, RunRequested, StartRun, SucceedTask, TaskResult
from orc_domain.wire import WireRequestBackfill
from orc_events.event import NO_STREAM, Append, StreamName
from orc_events.wakeup import Wakeup
from orc_runtime.deciders import BACKFILLS, JOBS, RUNS
from orc_scheduler.backfiller import Backfiller

START, DAY = datetime(2026, 4, 1, 9, tzinfo=UTC), timedelta(days=1)
DAILY = {"schedule": "0 9 * * *"}
ENDS = {"run.succeeded": "succeeded", "run.failed": "failed", "run.cancelled": "cancelled"}


def days(count: int) -> tuple[datetime, ...]:
    return tuple(START + n * DAY for n in range(count))


def wish(job_id: UUID, count: int = 3, **said: Any) -> WireRequestBackfill:
    values = {
        "job_id": job_id, "job_version": 1, "start": START, "end": START + (count - 1) * DAY, "instants": days(count),
        "skipped": 0, "reprocess": "none", "concurrency": 1, "reverse": False,
    }  # fmt: skip
    return WireRequestBackfill(**(values | said))


async def request(parts: Parts, job_id: UUID, count: int = 3, *, fold: bool = True, **said: Any) -> UUID:
    """Ask for a backfill of so many days; returns its id."""
    given = intent()
    await parts.perform(wish(job_id, count, **said), given)
    if fold:
        await parts.fold()
    return backfill_id_of_command(given.command_id)


def backfiller(parts: Parts, cancelled: list[UUID] | None = None, **options: Any) -> Backfiller:
    return Backfiller(
        parts.pool, parts.log, parts.jobs, parts.calendar, parts.clock, metrics=parts.metrics,
        on_append=lambda _: parts.told.append("append"), on_cancel=(cancelled if cancelled is not None else []).append,
        **({"wakeup": Wakeup()} | options),
    )  # fmt: skip


async def record_job(parts: Parts, path: str) -> UUID:
    """Have a job in the log that nobody judged, as if recorded under other rules."""
    job_id = uuid4()
    task = TaskSpec({"type": "csv", "path": path}, {"type": "discard"})
    given = intent()
    created = JobCreated(job_id, spec(**DAILY, tasks=(task,)))
    await parts.log.append(
        Append(
            command_id=given.command_id,
            body_hash=given.body_hash,
            stream=StreamName(f"job-{job_id}"),
            expected_version=NO_STREAM,
            events=(JOBS.codec.encode(created),),
            actor=given.actor,
            correlation_id=given.correlation_id,
            occurred_at=given.occurred_at,
        )
    )
    return job_id


async def runs(parts: Parts) -> list[RunRequested]:
    """Give the runs of backfills, in the order they were requested."""
    found = [RUNS.codec.decode(past) for past in await parts.events() if past.type == "run.requested"]
    return [run for run in found if run.triggered_by == "backfill"]


async def open_runs(parts: Parts) -> list[UUID]:
    """Give the runs of backfills that have not ended, by the log."""
    ended = {past.stream for past in await parts.events() if past.type in ENDS}
    return [run.run_id for run in await runs(parts) if f"run-{run.run_id}" not in ended]


async def story(parts: Parts, backfill_id: UUID) -> list[Event]:
    """Give what the backfill's stream tells after its request."""
    recorded = await parts.log.read_stream(StreamName(f"backfill-{backfill_id}"))
    return [BACKFILLS.codec.decode(past) for past in recorded[1:]]


async def ends(parts: Parts) -> Counter[str]:
    """Count how the runs ended, by the log."""
    return Counter(ENDS[past.type] for past in await parts.events() if past.type in ENDS)


async def end(executor: Executor, run_id: UUID, *, fails: bool = False) -> None:
    """Have an executor claim a run and end it."""
    started = await executor.say(run_id, StartRun("e1", NOW))
    attempt = started.state.attempt
    if fails:
        failure = FailAttempt(
            attempt=attempt, kind="file_missing", message="no such file", retryable=False, at=NOW, jitter=0.0,
            task_order=1,
        )  # fmt: skip
        await executor.say(run_id, failure)
    else:
        await executor.say(run_id, SucceedTask(attempt, 1, TaskResult(rows=1)))


async def work_off(parts: Parts, executor: Executor, driver: Backfiller | None = None) -> None:
    """Fold, drive and end runs until nothing is left to do."""
    driver = driver or backfiller(parts)
    while True:
        before = len(await parts.events())
        await driver.drive()
        await parts.fold()
        for run_id in await open_runs(parts):
            await end(executor, run_id)
        await parts.fold()
        if len(await parts.events()) == before:
            return
