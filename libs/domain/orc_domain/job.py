"""
A job: what to load, from where to where, and when.

Changing a job never changes a run that was already requested: the run's first event holds all it needs.
"""

from datetime import datetime
from uuid import UUID, uuid5

from msgspec import Struct, json, structs

from orc_domain.job_spec import JobSpec, check_spec, extractor_of
from orc_domain.rejection import Conflict, Invalid, NotFound, Stale
from orc_domain.run_messages import CursorSet
from orc_domain.task_rules import goes_on

# commands ---------------------------------------------------------------------------------------------------------


class CreateJob(Struct, frozen=True):
    """Bring a job into being."""

    job_id: UUID
    spec: JobSpec


class ChangeJob(Struct, frozen=True):
    """Replace all that was said of a job."""

    spec: JobSpec
    expected_version: int | None = None


class PauseJob(Struct, frozen=True):
    """Stop the schedule."""

    expected_version: int | None = None
    reason: str = ""


class ResumeJob(Struct, frozen=True):
    """Let the schedule go on from now; what was missed stays missed."""

    expected_version: int | None = None


class DeleteJob(Struct, frozen=True):
    """End the job; its history stays."""

    open_runs: int
    """Runs of it that have not ended; a job with any is not deleted."""
    expected_version: int | None = None
    open_backfills: int = 0
    """Backfills of it that have not ended; they would go on asking for runs."""


class SetCursor(Struct, frozen=True):
    """Say where a task's next run begins, whatever its target remembers."""

    task_order: int
    value: str | None
    """None begins anew."""
    expected_version: int | None = None


Command = CreateJob | ChangeJob | PauseJob | ResumeJob | DeleteJob | SetCursor


# events -----------------------------------------------------------------------------------------------------------


class _Event(Struct, frozen=True, tag_field="type"):
    pass


class JobCreated(_Event, frozen=True, tag="job.created"):
    """The job exists from here on."""

    job_id: UUID
    spec: JobSpec


class JobChanged(_Event, frozen=True, tag="job.changed"):
    """The job was given another definition."""

    job_id: UUID
    spec: JobSpec


class JobPaused(_Event, frozen=True, tag="job.paused"):
    """The schedule no longer fires."""

    job_id: UUID
    reason: str = ""


class JobResumed(_Event, frozen=True, tag="job.resumed"):
    """The schedule fires again, from this moment on."""

    job_id: UUID


class JobDeleted(_Event, frozen=True, tag="job.deleted"):
    """The job is gone; its stream takes no further event."""

    job_id: UUID


class JobCursorSet(_Event, frozen=True, tag="job.cursor_set"):
    """The task's runs that are requested from here on begin at `value`, until one of them was loaded."""

    job_id: UUID
    task_order: int
    value: str | None
    """None begins anew."""


Event = JobCreated | JobChanged | JobPaused | JobResumed | JobDeleted | JobCursorSet


# state ------------------------------------------------------------------------------------------------------------


class Job(Struct, frozen=True, kw_only=True):
    """What is true of a job now."""

    job_id: UUID | None = None
    """None when no such job was ever created."""
    spec: JobSpec | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    is_deleted: bool = False
    pause_reason: str | None = None
    """Why the schedule was paused, as its pause said; None while it is active or was created inactive."""
    version: int = 0
    cursors: dict[int, CursorSet] = {}
    """The last one set, by the task's order; targets know which of them they have applied."""

    @property
    def exists(self) -> bool:
        """Whether it was created and not deleted."""
        return self.job_id is not None and not self.is_deleted


NO_JOB = Job()


class OpenRuns(Conflict):
    """The job has runs that have not ended."""

    def __init__(self, count: int) -> None:
        super().__init__("open-runs", f"the job has {count} open runs: cancel them or wait until they end")


class OpenBackfills(Conflict):
    """The job has backfills that have not ended."""

    def __init__(self, count: int) -> None:
        super().__init__(
            "open-backfills", f"the job has {count} open backfills: cancel them or wait until they end"
        )


class NoCursor(Conflict):
    """The task does not go on where its last run ended, so there is nothing to set."""

    def __init__(self, order: int) -> None:
        super().__init__(
            "no-cursor",
            f"task {order} keeps nothing between runs: each extracts everything",
            valid='a task whose extractor has incremental, files: "new" or conditional',
        )


def task_id(job_id: UUID, order: int) -> UUID:
    """Return the id of a job's task by its place, from 1."""
    return uuid5(job_id, f"task/{order}")


# decide -----------------------------------------------------------------------------------------------------------


def _text(spec: JobSpec) -> bytes:
    """Return what tells definitions apart: to Python 1, 1.0 and true are equal, and the order of columns is nothing."""
    return json.encode(spec)


def decide(command: Command, job: Job) -> list[Event]:
    """Return what follows from `command`; raises Rejected and changes nothing when it may not happen."""
    if isinstance(command, CreateJob):
        check_spec(command.spec)
        if job.job_id is not None:
            raise Conflict("job-exists", f"job {job.job_id} exists already")
        return [JobCreated(command.job_id, command.spec)]
    if not job.exists or job.job_id is None or job.spec is None:
        raise NotFound("job", job.job_id or "of this id")
    if command.expected_version not in {None, job.version}:
        raise Stale("job", command.expected_version or 0, job.version)
    match command:
        case ChangeJob(spec=spec):
            check_spec(spec)
            return [] if _text(spec) == _text(job.spec) else [JobChanged(job.job_id, spec)]
        case PauseJob(reason=reason):
            return [JobPaused(job.job_id, reason)] if job.spec.is_active else []
        case ResumeJob():
            return [] if job.spec.is_active else [JobResumed(job.job_id)]
        case DeleteJob(open_runs=count, open_backfills=backfills):
            if backfills:
                raise OpenBackfills(backfills)
            if count:
                raise OpenRuns(count)
            return [JobDeleted(job.job_id)]
        case SetCursor(task_order=order, value=value):
            # The same value again is not the same wish: the target may have gone on since.
            _check_cursor(job.spec, order, value)
            return [JobCursorSet(job.job_id, order, value)]


def _check_cursor(spec: JobSpec, order: int, value: str | None) -> None:
    if not 1 <= order <= len(spec.tasks):
        raise NotFound("task", order)
    extractor = extractor_of(spec, order)
    if not goes_on(extractor):
        raise NoCursor(order)
    if value is not None and getattr(extractor, "incremental", None) is None:
        raise Invalid("value", f"task {order} has no cursor column", valid="null, which begins anew")


# evolve -----------------------------------------------------------------------------------------------------------


def evolve(job: Job, event: Event, at: datetime) -> Job:
    """Return the job after `event`, which happened `at`; never refuses."""
    job = structs.replace(job, version=job.version + 1, updated_at=at)
    match event:
        case JobCreated(job_id=job_id, spec=spec):
            return structs.replace(job, job_id=job_id, spec=spec, created_at=at)
        case JobChanged(spec=spec):
            pause_reason = None if spec.is_active else job.pause_reason
            return structs.replace(job, spec=spec, pause_reason=pause_reason)
        case JobPaused() | JobResumed():
            assert job.spec is not None
            is_active = isinstance(event, JobResumed)
            return structs.replace(
                job,
                spec=structs.replace(job.spec, is_active=is_active),
                pause_reason=event.reason if isinstance(event, JobPaused) else None,
            )
        case JobDeleted():
            return structs.replace(job, is_deleted=True)
        case JobCursorSet(task_order=order, value=value):
            return structs.replace(job, cursors={**job.cursors, order: CursorSet(job.version, value)})
