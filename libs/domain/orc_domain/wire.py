"""
What travels between the gateway and the command handlers: a command with its cause, and its outcome.

Neither holds a secret: configs carry references only, and are judged before a command is published.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Raw, Struct

from orc_domain.backfill import Reprocess
from orc_domain.job_spec import JobSpec


class _Wire(Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    pass


class WireCreateJob(_Wire, frozen=True, kw_only=True, tag="job.create"):
    """Create the job whose id follows from the command's."""

    spec: JobSpec


class WireChangeJob(_Wire, frozen=True, kw_only=True, tag="job.change"):
    """Replace a job's definition."""

    job_id: UUID
    spec: JobSpec
    expected_version: int | None = None


class WirePauseJob(_Wire, frozen=True, kw_only=True, tag="job.pause"):
    """Stop a job's schedule."""

    job_id: UUID
    expected_version: int | None = None
    reason: str = ""


class WireResumeJob(_Wire, frozen=True, kw_only=True, tag="job.resume"):
    """Let a job's schedule go on."""

    job_id: UUID
    expected_version: int | None = None


class WireDeleteJob(_Wire, frozen=True, kw_only=True, tag="job.delete"):
    """End a job."""

    job_id: UUID
    expected_version: int | None = None


class WireSetCursor(_Wire, frozen=True, kw_only=True, tag="job.set_cursor"):
    """Say where a task's next run begins."""

    job_id: UUID
    task_order: int
    value: str | None
    expected_version: int | None = None


class WireRequestRun(_Wire, frozen=True, kw_only=True, tag="run.request"):
    """Run a job now; the run's id follows from the command's."""

    job_id: UUID


class WireCancelRun(_Wire, frozen=True, kw_only=True, tag="run.cancel"):
    """Stop a run."""

    run_id: UUID
    reason: str = ""


class WireRetryRun(_Wire, frozen=True, kw_only=True, tag="run.retry"):
    """Run an ended run's work again; the new run's id follows from the command's."""

    run_id: UUID


class WireRequestBackfill(_Wire, frozen=True, kw_only=True, tag="backfill.request"):
    """Run a job for past instants; the backfill's id follows from the command's."""

    job_id: UUID
    job_version: int
    """Whose timetable named the instants; a job that has changed since is not backfilled."""
    start: datetime
    end: datetime
    instants: tuple[datetime, ...]
    skipped: int
    reprocess: Reprocess
    concurrency: int
    reverse: bool


class WireCancelBackfill(_Wire, frozen=True, kw_only=True, tag="backfill.cancel"):
    """Stop a backfill."""

    backfill_id: UUID
    reason: str = ""


WireCommand = (
    WireCreateJob | WireChangeJob | WirePauseJob | WireResumeJob | WireDeleteJob | WireSetCursor
    | WireRequestRun | WireCancelRun | WireRetryRun | WireRequestBackfill | WireCancelBackfill
)  # fmt: skip


class CommandEnvelope(Struct, frozen=True, kw_only=True):
    """A command on its way to its handler, on subject `orc.commands.<type>`."""

    command_id: UUID
    body_hash: str
    """SHA-256 in hex of (type, target, body): the same id with another hash is refused."""
    actor: str
    correlation_id: UUID
    issued_at: datetime
    deadline: datetime
    """By database time; past it nothing is appended."""
    command: WireCommand


class Problem(Struct, frozen=True, kw_only=True):
    """Why a command was refused."""

    kind: Literal["invalid", "not-found", "conflict", "stale"]
    """Which of `rejection`'s classes."""
    code: str
    detail: str
    field: str | None = None
    valid: str | None = None


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of a command."""

    command_id: UUID
    kind: Literal["done", "rejected", "expired", "key-reused", "contended"]
    """`contended`: conflict retries exhausted, nothing appended; the same command may be given again."""
    position: int = 0
    """Of its last event in the log; 0 when nothing was appended."""
    version: int = 0
    """Of the stream after it."""
    body: Raw = Raw(b"null")
    """The JSON that REST answers with: a JobWithTasks, a JobRun, or null."""
    problem: Problem | None = None


def subject_of(command: WireCommand) -> str:
    """Return the subject a command is published on."""
    return f"orc.commands.{type(command).__struct_config__.tag}"
