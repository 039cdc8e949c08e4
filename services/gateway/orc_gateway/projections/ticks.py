"""
Ticks: fold `tick.skipped`, and each `run.requested` that a schedule asked for, into `ticks`.

A row is one event and never changes, so nothing is loaded. What is read of an event is no more than what a row shows:
a reason that was recorded under another name once is shown as it was recorded.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from orc_domain.streams import RUN
from orc_events.codec import EventCodec
from orc_events.event import Recorded
from orc_events.statements import load
from orc_gateway.projections.runs import COPY_MIN, Requested

_SAVE = load("orc_gateway", "save_ticks", "queries")

_ID = len(RUN) + 1
"""Where the run's id begins in its stream's name."""


class Skipped(Struct, frozen=True, kw_only=True, tag_field="type", tag="tick.skipped"):
    """What a row shows of TickSkipped; fields that old events lack are not made up."""

    job_id: UUID
    due_at: datetime
    last_due_at: datetime
    count: int
    reason: str
    job_version: int = 0
    tzdata: str | None = None


CODEC: EventCodec[Any] = EventCodec(Requested | Skipped)


class TickRow(Struct, frozen=True):
    """A row of `ticks`, in the order of its columns."""

    job_id: UUID
    due_at: datetime
    last_due_at: datetime
    count: int
    outcome: str
    reason: str | None
    run_id: str | None
    job_version: int
    tzdata: str | None
    position: int


async def project(connection: Any, batch: Sequence[Recorded]) -> None:
    """Fold a batch's ticks into the table, within the caller's transaction."""
    rows = [
        row
        for recorded in batch
        if recorded.type in CODEC.types and (row := _row(recorded, CODEC.decode(recorded)))
    ]
    values = [msgspec.structs.astuple(row) for row in rows]
    if len(values) >= COPY_MIN:
        await connection.copy_records_to_table("ticks", records=values, columns=TickRow.__struct_fields__)
    elif values:
        await connection.execute(_SAVE, *zip(*values, strict=True))


def _row(recorded: Recorded, event: Requested | Skipped) -> TickRow | None:
    """Return what a row says of an event; None for a run that no schedule asked for."""
    if isinstance(event, Skipped):
        return TickRow(
            event.job_id, event.due_at, event.last_due_at, event.count, "skipped", event.reason, None,
            event.job_version, event.tzdata, recorded.position,
        )  # fmt: skip
    if event.triggered_by != "scheduler" or event.due_at is None:
        return None
    return TickRow(
        event.job_id, event.due_at, event.due_at, 1, "requested", None, recorded.stream[_ID:],
        event.job_version, event.tzdata, recorded.position,
    )  # fmt: skip
