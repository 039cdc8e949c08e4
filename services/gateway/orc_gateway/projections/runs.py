"""
Runs: fold `run.*` and `task.*` into `runs`, `run_tasks` and `run_counts`.

    a batch's events → the rows they begin or go on from (one SELECT) → folded in order → written back (one upsert each)

A row says what `definitions.job_run` of the stream's fold says. Nothing here decides: what cannot be folded because
its row is gone is left out, and `orc replay` names it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from orc_domain.run_messages import (
    RunAttemptFailed,
    RunCancelled,
    RunCancelRequested,
    RunFailed,
    RunRequested,
    RunStarted,
    RunSucceeded,
    TaskFailed,
    TaskResult,
    TaskSucceeded,
)
from orc_domain.streams import RUN
from orc_events.codec import EventCodec
from orc_events.event import Recorded
from orc_events.statements import load
from orc_gateway.task_details import details_of

_logger = structlog.get_logger()

_LOAD = load("orc_gateway", "load_runs", "queries")
_SAVE = load("orc_gateway", "save_runs", "queries")
_SAVE_TASKS = load("orc_gateway", "save_run_tasks", "queries")
_SAVE_COUNTS = load("orc_gateway", "save_run_counts", "queries")

_ID = len(RUN) + 1
"""Where the run's id begins in its stream's name."""


COPY_MIN = 100
"""Rows from which on COPY pays for the round trip it needs more."""


class Requested(Struct, frozen=True, kw_only=True, tag_field="type", tag="run.requested"):
    """What a row shows of RunRequested; its tasks, most of the text, are passed over."""

    SCHEMA_VERSION: ClassVar[int] = getattr(RunRequested, "SCHEMA_VERSION", 1)

    job_id: UUID
    pool: str
    triggered_by: str
    retry_of: UUID | None = None
    due_at: datetime | None = None
    backfill_id: UUID | None = None
    priority: int = 0
    job_version: int
    tzdata: str | None = None


CODEC: EventCodec[Any] = EventCodec(
    Requested
    | RunStarted
    | TaskSucceeded
    | TaskFailed
    | RunAttemptFailed
    | RunSucceeded
    | RunFailed
    | RunCancelRequested
    | RunCancelled
)


class RunRow(Struct):
    """A row of `runs`, in the order of its columns."""

    run_id: UUID | str
    job_id: UUID
    status: str
    triggered_by: str
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
    position: int


class RunTaskRow(Struct, frozen=True):
    """A row of `run_tasks`, in the order of its columns."""

    run_id: str
    task_order: int
    attempt: int
    rows: int | None
    bytes: int | None
    seconds: float | None
    receipt: str | None
    cursor: str | None
    schema_changes: str | None
    error_kind: str | None
    error_message: str | None
    finished_at: datetime
    details: str | None


async def project(connection: Any, batch: Sequence[Recorded]) -> None:
    """Fold a batch's run events into the tables, within the caller's transaction."""
    facts = [recorded for recorded in batch if recorded.type in CODEC.types]
    if not facts:
        return
    begun = {recorded.stream for recorded in facts if recorded.type == "run.requested"}
    gone_on = {recorded.stream for recorded in facts} - begun
    rows: dict[str, RunRow] = {}
    counts: Counter[tuple[str, str]] = Counter()
    if gone_on:
        for row in await connection.fetch(_LOAD, [stream[_ID:] for stream in gone_on]):
            run = rows[f"{RUN}-{row[0]}"] = RunRow(*row)
            counts[str(run.job_id), run.status] -= 1
    tasks = _fold(rows, facts)
    counts.update((str(run.job_id), run.status) for run in rows.values())
    for are_new in (True, False):
        runs = [run for stream, run in rows.items() if (stream in begun) is are_new]
        await _save(connection, "runs", _SAVE, runs, are_new=are_new)
        done = [task for (stream, _), task in tasks.items() if (stream in begun) is are_new]
        await _save(connection, "run_tasks", _SAVE_TASKS, done, are_new=are_new)
    if moved := [(*place, change) for place, change in sorted(counts.items()) if change]:
        await connection.execute(_SAVE_COUNTS, *zip(*moved, strict=True))


def _fold(rows: dict[str, RunRow], facts: Sequence[Recorded]) -> dict[tuple[str, int], RunTaskRow]:
    """Fold events into the rows of their runs, in place, and return what became of tasks."""
    decode = CODEC.decode
    tasks: dict[tuple[str, int], RunTaskRow] = {}
    for recorded in facts:
        stream, at, event = recorded.stream, recorded.occurred_at, decode(recorded)
        kind = type(event)
        if kind is Requested:
            rows[stream] = RunRow(
                stream[_ID:], event.job_id, "queued", event.triggered_by, None, None, None, 0, False,
                event.due_at, event.retry_of, None, event.pool, at, at, event.backfill_id, event.priority,
                recorded.position,
            )  # fmt: skip
            continue
        row = rows.get(stream)
        if row is None:
            _logger.error("event of a run without a row", stream=stream, position=recorded.position)
            continue
        row.updated_at = at
        if kind is TaskSucceeded or kind is TaskFailed:
            task = _task(stream[_ID:], event, at)
            tasks[stream, task.task_order] = task
        if change := _CHANGES.get(kind):
            change(row, event, at)
    return tasks


def _started(row: RunRow, event: RunStarted, at: datetime) -> None:
    row.status, row.attempt, row.retry_at, row.started_at = (
        "running",
        event.attempt,
        None,
        row.started_at or at,
    )


def _task_failed(row: RunRow, event: TaskFailed, _at: datetime) -> None:
    row.error_message = event.message


def _attempt_failed(row: RunRow, event: RunAttemptFailed, _at: datetime) -> None:
    row.status, row.retry_at, row.error_message = "queued", event.retry_at, event.message


def _succeeded(row: RunRow, _event: RunSucceeded, at: datetime) -> None:
    row.status, row.finished_at, row.error_message = "success", at, None


def _failed(row: RunRow, event: RunFailed, at: datetime) -> None:
    row.status, row.finished_at, row.error_message = "failed", at, event.message


def _cancel_requested(row: RunRow, _event: RunCancelRequested, _at: datetime) -> None:
    row.cancel_requested = True


def _cancelled(row: RunRow, _event: RunCancelled, at: datetime) -> None:
    row.status, row.finished_at = "cancelled", at


_CHANGES: dict[type, Callable[[RunRow, Any, datetime], None]] = {
    RunStarted: _started,
    TaskFailed: _task_failed,
    RunAttemptFailed: _attempt_failed,
    RunSucceeded: _succeeded,
    RunFailed: _failed,
    RunCancelRequested: _cancel_requested,
    RunCancelled: _cancelled,
}


def _task(run_id: str, event: TaskSucceeded | TaskFailed, at: datetime) -> RunTaskRow:
    if isinstance(event, TaskFailed):
        facts = (None, None, None, None, None, None, event.kind, event.message)
        return RunTaskRow(run_id, event.task_order, event.attempt, *facts, at, None)
    result = event.result
    return RunTaskRow(
        run_id, event.task_order, event.attempt, result.rows, result.bytes, result.seconds, result.receipt,
        _json(result.cursor), _json(result.schema_changes), None, None, at, _details(result),
    )  # fmt: skip


def _details(result: TaskResult) -> str | None:
    """Return what few tasks have to tell, None where there is none of it."""
    text = msgspec.json.encode(details_of(result))
    return None if text == b"{}" else text.decode()


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


async def _save(
    connection: Any, table: str, statement: str, rows: Iterable[Struct], *, are_new: bool
) -> None:
    """Write rows; many new ones by COPY, which costs Postgres half of what an upsert does."""
    values = [msgspec.structs.astuple(row) for row in rows]
    if are_new and len(values) >= COPY_MIN:
        columns = _COLUMNS[table]
        await connection.copy_records_to_table(table, records=values, columns=columns)
    elif values:
        await connection.execute(statement, *zip(*values, strict=True))


_COLUMNS = {"runs": RunRow.__struct_fields__, "run_tasks": RunTaskRow.__struct_fields__}
