"""What may be wished of a run (commands) and what can have happened to it (events); `run.py` connects the two."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from orc_domain.config import Config
from orc_domain.retry import Policy

Status = Literal["queued", "running", "success", "failed", "cancelled"]
Cause = Literal["manual", "scheduler", "retry", "backfill"]
ENDED: frozenset[Status] = frozenset({"success", "failed", "cancelled"})


class CursorSet(Struct, frozen=True):
    """A cursor that somebody set: where the next run of the task begins, whatever its target remembers."""

    version: int
    """Of the job when it was set; a target that has applied it, or a later one, goes on by itself."""
    value: str | None
    """None begins anew."""


class RunWindow(Struct, frozen=True):
    """The span that a backfill's run is for: it extracts just that, and neither reads nor moves the cursor."""

    start: datetime
    end: datetime


class RunTask(Struct, frozen=True):
    """One extract → load, as it stood when the run was requested."""

    task_id: UUID
    task_order: int
    """From 1, in the order they run."""
    extractor_config: Config
    loader_config: Config
    cursor_set: CursorSet | None = None
    window: RunWindow | None = None


class TableLoad(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one table."""

    table: str
    rows: int
    """Extracted for it, bad ones left out."""
    inserted: int | None = None
    updated: int | None = None
    deleted: int | None = None
    """None where the write disposition does not tell them apart."""


class TaskResult(Struct, frozen=True, kw_only=True):
    """What one task did, as its receipt proves."""

    rows: int
    bytes: int = 0
    seconds: float = 0.0
    receipt: str = ""
    """The load id of the receipt in the target file; empty where the loader keeps none."""
    cursor: Any = None
    """{"column", "value"} of an incremental task after it; the target's own copy is the true one."""
    schema_changes: tuple[str, ...] = ()
    """Such as `orders: added column note VARCHAR`, `orders: column id INTEGER became BIGINT`."""
    tables: tuple[TableLoad, ...] = ()
    """Told where there are several, or more than a count to tell."""
    bad_rows: int = 0
    """Skipped or put into quarantine."""
    warnings: tuple[str, ...] = ()
    """Checks that were not met and may not be, and what else a person should know."""
    columns: dict[str, str] | None = None
    """Names and types of what was extracted; told by the loader `discard`."""


# commands ---------------------------------------------------------------------------------------------------------


class RequestRun(Struct, frozen=True, kw_only=True):
    """Queue a run; holds all an executor needs, so that a later change of the job changes no queued run."""

    run_id: UUID
    job_id: UUID
    job_name: str
    job_version: int
    tasks: tuple[RunTask, ...]
    pool: str
    triggered_by: Cause
    policy: Policy
    root_id: UUID
    """The first run of a chain of manual retries; receipts are keyed by it."""
    retry_of: UUID | None = None
    due_at: datetime | None = None
    """The instant it runs for: of its schedule, of a backfill; None for a run by hand."""
    backfill_id: UUID | None = None
    priority: int = 0
    """Within its pool; higher ones are claimed first."""
    concurrency_max: int | None = None
    """Runs of its job that may be worked on at once."""
    tzdata: str | None = None
    """The release of the tz database that said when it is due."""
    refused: str | None = None
    """Why its configs may not be used as they were rendered: the run has failed as soon as it is requested."""


class StartRun(Struct, frozen=True):
    """Claim the run for the next attempt."""

    executor: str
    at: datetime


class SucceedTask(Struct, frozen=True):
    """Report the current task as loaded."""

    attempt: int
    task_order: int
    result: TaskResult


class FailAttempt(Struct, frozen=True, kw_only=True):
    """Report that the attempt failed, by a task's fault when `task_order` is given."""

    attempt: int
    kind: str
    message: str
    retryable: bool
    at: datetime
    jitter: float
    task_order: int | None = None
    uncertain: bool = False
    """The worker ended in a way that leaves open whether it committed; the next attempt reads the receipt."""
    receipt_read: bool = False
    """Whether this attempt saw that its task has no receipt; until one did, a run in doubt is not closed."""


class SettleRun(Struct, frozen=True):
    """Close a settle attempt that found no receipt for the next task."""

    attempt: int


class StopRun(Struct, frozen=True):
    """
    Report that the attempt stopped because a cancel was requested.

    Said only by who knows that its task is not loaded: it read the receipt, or nobody tried before it.
    """

    attempt: int


class LoseAttempt(Struct, frozen=True):
    """Take the run back from an executor whose lease ran out."""

    attempt: int
    at: datetime


class TimeOutQueue(Struct, frozen=True):
    """Give up a run that nobody claimed in time."""


class CancelRun(Struct, frozen=True):
    """Wish the run to end without loading anything more."""

    reason: str = ""


Command = (
    RequestRun
    | StartRun
    | SucceedTask
    | FailAttempt
    | SettleRun
    | StopRun
    | LoseAttempt
    | TimeOutQueue
    | CancelRun
)


# events -----------------------------------------------------------------------------------------------------------


class _Event(Struct, frozen=True, kw_only=True, tag_field="type"):
    pass


class RunRequested(_Event, frozen=True, kw_only=True, tag="run.requested"):
    """The run waits for an executor of its pool."""

    run_id: UUID
    job_id: UUID
    job_name: str
    job_version: int
    tasks: tuple[RunTask, ...]
    pool: str
    triggered_by: Cause
    policy: Policy
    root_id: UUID
    retry_of: UUID | None = None
    due_at: datetime | None = None
    """The instant it runs for: of its schedule, of a backfill; None for a run by hand."""
    backfill_id: UUID | None = None
    priority: int = 0
    """Within its pool; higher ones are claimed first."""
    concurrency_max: int | None = None
    """Runs of its job that may be worked on at once."""
    tzdata: str | None = None
    """The release of the tz database that said when it is due."""
    refused: str | None = None
    """Why its configs may not be used as they were rendered; `run.failed` follows, and the configs are as written."""


class RunStarted(_Event, frozen=True, kw_only=True, tag="run.started"):
    """An executor claimed the run: this attempt owns it now."""

    attempt: int
    """1 for the first try; never reused, never decreases."""
    executor: str
    settle: bool = False


class TaskSucceeded(_Event, frozen=True, kw_only=True, tag="task.succeeded"):
    """A task's rows are in their table, as its receipt says."""

    attempt: int
    task_id: UUID
    task_order: int
    result: TaskResult


class TaskFailed(_Event, frozen=True, kw_only=True, tag="task.failed"):
    """A task has no result of this attempt; its table is as before, unless the attempt ended in doubt."""

    attempt: int
    task_id: UUID
    task_order: int
    kind: str
    message: str
    retryable: bool


class RunAttemptFailed(_Event, frozen=True, kw_only=True, tag="run.attempt_failed"):
    """The attempt is over; the run waits for another, not before `retry_at`."""

    attempt: int
    kind: str
    """`lost` when the executor vanished, else what failed."""
    message: str
    retry_at: datetime
    in_doubt: bool = False
    """The current task may be loaded, though no attempt said so; always true of a lost one."""
    is_final: bool = False
    """Nothing more is loaded: the next attempt reads receipts only, and closes the run."""


class RunSucceeded(_Event, frozen=True, kw_only=True, tag="run.succeeded"):
    """Every task is loaded."""

    attempt: int


class RunFailed(_Event, frozen=True, kw_only=True, tag="run.failed"):
    """The run ended without loading every task."""

    attempt: int
    """0 when it was never started."""
    kind: str
    message: str


class RunCancelRequested(_Event, frozen=True, kw_only=True, tag="run.cancel_requested"):
    """Somebody wishes the run to stop."""

    reason: str = ""


class RunCancelled(_Event, frozen=True, kw_only=True, tag="run.cancelled"):
    """The run stopped because somebody wished it."""

    attempt: int


Event = (
    RunRequested | RunStarted | TaskSucceeded | TaskFailed | RunAttemptFailed
    | RunSucceeded | RunFailed | RunCancelRequested | RunCancelled
)  # fmt: skip
