"""The tasks of a run as REST shows them: what was to be done, from its first event, and what became of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct, structs

from orc_domain.config import Config
from orc_domain.definitions import JobRun
from orc_domain.run_messages import RunRequested, RunTask, Status, TableLoad
from orc_events.event import Recorded
from orc_gateway.reads import TaskOutcome
from orc_runtime.deciders import RUNS

TaskStatus = Literal["queued", "running", "success", "failed", "cancelled", "skipped"]

_CURRENT: Mapping[Status, TaskStatus] = {
    "queued": "queued",
    "running": "running",
    "success": "success",
    "failed": "failed",
    "cancelled": "cancelled",
}
"""What the first task without rows is, by what its run is."""


class TaskView(Struct, frozen=True, kw_only=True):
    """One task of a run."""

    task_id: UUID
    run_id: UUID
    task_order: int
    status: TaskStatus
    """`skipped`: the run ended before its turn came."""
    extractor_config: Config
    loader_config: Config
    attempt: int | None = None
    """The attempt that said the last word of it; null until one did."""
    rows: int | None = None
    bytes: int | None = None
    seconds: float | None = None
    receipt: str | None = None
    cursor: Any = None
    schema_changes: tuple[str, ...] = ()
    tables: tuple[TableLoad, ...] = ()
    """Told where there are several, or more than a count to tell."""
    bad_rows: int = 0
    """Skipped or put into quarantine."""
    warnings: tuple[str, ...] = ()
    columns: dict[str, str] | None = None
    """Names and types of what was extracted; told by the loader `discard`."""
    error_kind: str | None = None
    error_message: str | None = None
    finished_at: datetime | None = None


def show_tasks(trail: Sequence[Recorded], run: JobRun, outcomes: Mapping[int, TaskOutcome]) -> list[TaskView]:
    """Show the tasks of a run whose events begin with `run.requested`."""
    requested = RUNS.codec.decode(trail[0])
    assert isinstance(requested, RunRequested)
    shown: list[TaskView] = []
    for task in requested.tasks:
        outcome = outcomes.get(task.task_order)
        is_current = all(one.status == "success" for one in shown)
        shown.append(_show(task, run, outcome, _status(run.status, outcome, is_current=is_current)))
    return shown


def _status(run: Status, outcome: TaskOutcome | None, *, is_current: bool) -> TaskStatus:
    if outcome is not None and outcome.error_kind is None:
        return "success"
    if is_current:
        return _CURRENT[run]
    return "queued" if run in {"queued", "running"} else "skipped"


def _show(task: RunTask, run: JobRun, outcome: TaskOutcome | None, status: TaskStatus) -> TaskView:
    facts = {}
    if outcome is not None:
        facts = structs.asdict(outcome)
        del facts["task_order"]
        facts |= structs.asdict(facts.pop("details"))
    return TaskView(
        task_id=task.task_id,
        run_id=run.run_id,
        task_order=task.task_order,
        status=status,
        extractor_config=task.extractor_config,
        loader_config=task.loader_config,
        **facts,
    )
