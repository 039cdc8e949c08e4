"""What REST answers of a job, a task and a run: the same shape from a fold of the log and from a read table."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct, structs

from orc_domain.config import Config
from orc_domain.job import Job, task_id
from orc_domain.job_spec import JobSpec
from orc_domain.policies import CatchUp, Dst, Overlap, Retry, Timeouts
from orc_domain.run import Run
from orc_domain.run_messages import Cause, Status
from orc_domain.timetable import Timing
from orc_domain.upcoming import next_due_at


class TaskDefinition(Struct, frozen=True, kw_only=True):
    """One extract → load of a job."""

    task_id: UUID
    job_id: UUID
    task_order: int
    """From 1, in the order they run."""
    extractor_config: Config
    loader_config: Config
    created_at: datetime
    updated_at: datetime


class Terms(Struct, frozen=True, kw_only=True):
    """What a definition says of time and trouble beside its schedule; each field as in `JobSpec`."""

    schedules: tuple[str, ...]
    dst: Dst
    exclude: tuple[str, ...]
    starts_at: datetime | None
    ends_at: datetime | None
    jitter_seconds: float
    catch_up: CatchUp
    start_deadline_seconds: float | None
    overlap: Overlap
    retry: Retry
    timeouts: Timeouts
    pause_after_failures: int | None
    priority: int
    concurrency_max: int | None


class JobDefinition(Struct, frozen=True, kw_only=True):
    """A job without its tasks, as lists show it."""

    job_id: UUID
    job_name: str
    description: str | None
    schedule: str
    timezone: str
    pool: str
    is_active: bool
    version: int
    """What `ETag` and `If-Match` carry."""
    created_at: datetime
    updated_at: datetime
    schedules: tuple[str, ...]
    dst: Dst
    exclude: tuple[str, ...]
    starts_at: datetime | None
    ends_at: datetime | None
    jitter_seconds: float
    catch_up: CatchUp
    start_deadline_seconds: float | None
    overlap: Overlap
    retry: Retry
    timeouts: Timeouts
    pause_after_failures: int | None
    priority: int
    concurrency_max: int | None
    pause_reason: str | None
    """Why its schedule is paused, as the pause said; null while it is active or was made inactive otherwise."""


class JobWithTasks(JobDefinition, frozen=True, kw_only=True):
    """A job with its tasks in order."""

    next_due_at: tuple[datetime, ...]
    """When it fires next, in its own zone; empty while its schedule is paused, has ended, or is @manual."""
    tasks: tuple[TaskDefinition, ...]


class JobRun(Struct, frozen=True, kw_only=True):
    """One execution of a job."""

    run_id: UUID
    job_id: UUID
    status: Status
    triggered_by: Cause
    started_at: datetime | None
    finished_at: datetime | None
    error_message: str | None
    attempt: int
    cancel_requested: bool
    due_at: datetime | None
    retry_of: UUID | None
    retry_at: datetime | None
    pool: str
    created_at: datetime
    updated_at: datetime
    backfill_id: UUID | None
    priority: int
    """Within its pool; higher ones are claimed first."""


def terms_of(spec: JobSpec) -> Terms:
    """Return what a definition says of time and trouble."""
    return Terms(**{name: getattr(spec, name) for name in Terms.__struct_fields__})


def job_with_tasks(job: Job) -> JobWithTasks:
    """
    Show a job that exists.

    Its next instants are those after its last change, so that a fold shows the same whenever it is made.
    """
    assert job.job_id is not None
    assert job.spec is not None
    assert job.created_at is not None
    assert job.updated_at is not None
    job_id, spec, created_at, updated_at = job.job_id, job.spec, job.created_at, job.updated_at
    shown = JobWithTasks(
        job_id=job_id,
        job_name=spec.job_name,
        description=spec.description,
        schedule=spec.schedule,
        timezone=spec.timezone,
        pool=spec.pool,
        is_active=spec.is_active,
        version=job.version,
        created_at=created_at,
        updated_at=updated_at,
        **structs.asdict(terms_of(spec)),
        pause_reason=job.pause_reason,
        next_due_at=(),
        tasks=tuple(
            TaskDefinition(
                task_id=task_id(job_id, order),
                job_id=job_id,
                task_order=order,
                extractor_config=task.extractor_config,
                loader_config=task.loader_config,
                created_at=created_at,
                updated_at=updated_at,
            )
            for order, task in enumerate(spec.tasks, start=1)
        ),
    )
    return due_after(shown, updated_at)


def due_after(job: JobWithTasks, after: datetime) -> JobWithTasks:
    """Show a job with its next instants after a time."""
    timing = Timing(
        schedules=(job.schedule, *job.schedules), timezone=job.timezone, dst=job.dst, exclude=job.exclude,
        starts_at=job.starts_at, ends_at=job.ends_at, jitter_seconds=job.jitter_seconds,
    )  # fmt: skip
    return structs.replace(job, next_due_at=next_due_at(timing, after) if job.is_active else ())


def job_run(run: Run) -> JobRun:
    """Show a run that exists."""
    assert run.requested is not None
    assert run.created_at is not None
    assert run.updated_at is not None
    return JobRun(
        run_id=run.requested.run_id,
        job_id=run.requested.job_id,
        status=run.status,
        triggered_by=run.requested.triggered_by,
        started_at=run.started_at,
        finished_at=run.finished_at,
        error_message=run.error_message,
        attempt=run.attempt,
        cancel_requested=run.cancel_requested,
        due_at=run.requested.due_at,
        retry_of=run.requested.retry_of,
        retry_at=run.retry_at,
        pool=run.requested.pool,
        created_at=run.created_at,
        updated_at=run.updated_at,
        backfill_id=run.requested.backfill_id,
        priority=run.requested.priority,
    )
