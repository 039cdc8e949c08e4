"""What REST answers of a job, a task and a run: the same shape from a fold of the log and from a read table."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from orc_domain.extract import Config
from orc_domain.job import Job, task_id
from orc_domain.run import Run
from orc_domain.run_messages import Cause, Status


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


class JobWithTasks(JobDefinition, frozen=True, kw_only=True):
    """A job with its tasks in order."""

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
    backfill_id: UUID | None = None


def job_with_tasks(job: Job) -> JobWithTasks:
    """Show a job that exists."""
    assert job.job_id is not None
    assert job.spec is not None
    assert job.created_at is not None
    assert job.updated_at is not None
    job_id, spec, created_at, updated_at = job.job_id, job.spec, job.created_at, job.updated_at
    return JobWithTasks(
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
    )
