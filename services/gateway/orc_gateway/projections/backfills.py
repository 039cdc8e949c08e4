"""
Backfills: fold `backfill.*` into `backfills`.

A row says what `backfill_definitions.backfill_definition` of the stream's fold says, and who asked. How far the runs are
is counted from `runs` when somebody looks.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from msgspec import Struct, structs

from orc_domain.backfill import (
    BackfillCancelled,
    BackfillCancelRequested,
    BackfillFinished,
    BackfillRequested,
)
from orc_domain.streams import BACKFILL
from orc_events.event import Recorded
from orc_events.statements import load
from orc_runtime.deciders import BACKFILLS

_logger = structlog.get_logger()

_LOAD = load("orc_gateway", "load_backfills", "queries")
_SAVE = load("orc_gateway", "save_backfills", "queries")

_ID = len(BACKFILL) + 1
"""Where the backfill's id begins in its stream's name."""


class BackfillRow(Struct):
    """A row of `backfills`, in the order of its columns."""

    backfill_id: UUID
    job_id: UUID
    status: str
    start_at: datetime
    end_at: datetime
    total: int
    skipped: int
    reprocess: str
    concurrency: int
    reverse: bool
    reason: str | None
    requested_by: str
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    position: int


async def project(connection: Any, batch: Sequence[Recorded]) -> None:
    """Fold a batch's backfill events into the table, within the caller's transaction."""
    facts = [recorded for recorded in batch if recorded.type in BACKFILLS.codec.types]
    if not facts:
        return
    begun = {recorded.stream for recorded in facts if recorded.type == "backfill.requested"}
    gone_on = {recorded.stream for recorded in facts} - begun
    rows: dict[str, BackfillRow] = {}
    for row in await connection.fetch(_LOAD, [stream[_ID:] for stream in gone_on]) if gone_on else ():
        rows[f"{BACKFILL}-{row[0]}"] = BackfillRow(*row)
    for recorded in facts:
        _apply(rows, recorded)
    if rows:
        await connection.execute(_SAVE, *zip(*map(structs.astuple, rows.values()), strict=True))


def _apply(rows: dict[str, BackfillRow], recorded: Recorded) -> None:
    stream, at, event = recorded.stream, recorded.occurred_at, BACKFILLS.codec.decode(recorded)
    if isinstance(event, BackfillRequested):
        rows[stream] = BackfillRow(
            event.backfill_id, event.job_id, "running", event.start, event.end, len(event.instants), event.skipped,
            event.reprocess, event.concurrency, event.reverse, None, recorded.actor, at, at, None, recorded.position,
        )  # fmt: skip
        return
    row = rows.get(stream)
    if row is None:
        _logger.error("event of a backfill without a row", stream=stream, position=recorded.position)
        return
    row.updated_at = at
    match event:
        case BackfillCancelRequested(reason=reason):
            row.status, row.reason = "cancelling", reason
        case BackfillFinished():
            row.status, row.finished_at = "finished", at
        case BackfillCancelled():
            row.status, row.finished_at = "cancelled", at
