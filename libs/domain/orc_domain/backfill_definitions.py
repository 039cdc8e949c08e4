"""What REST answers of a backfill: the same shape from a fold of the log and from a read table."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct, structs

from orc_domain.backfill import Backfill, Reprocess, Status


class BackfillDefinition(Struct, frozen=True, kw_only=True):
    """What was asked for, and what became of it; how far its runs are is not told here."""

    backfill_id: UUID
    job_id: UUID
    status: Status
    start: datetime
    end: datetime
    total: int
    """Instants that are run."""
    skipped: int
    """Instants of the range that are left out, since `reprocess` says so of the runs they had."""
    reprocess: Reprocess
    concurrency: int
    reverse: bool
    reason: str | None
    """Why it was cancelled."""
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class BackfillWithInstants(BackfillDefinition, frozen=True, kw_only=True):
    """The same with the instants, the oldest first: the answer to its request."""

    instants: tuple[datetime, ...]


def backfill_definition(backfill: Backfill) -> BackfillDefinition:
    """Show a backfill that exists."""
    asked = backfill.requested
    assert asked is not None
    assert backfill.created_at is not None
    assert backfill.updated_at is not None
    return BackfillDefinition(
        backfill_id=asked.backfill_id,
        job_id=asked.job_id,
        status=backfill.status,
        start=asked.start,
        end=asked.end,
        total=len(asked.instants),
        skipped=asked.skipped,
        reprocess=asked.reprocess,
        concurrency=asked.concurrency,
        reverse=asked.reverse,
        reason=backfill.reason,
        created_at=backfill.created_at,
        updated_at=backfill.updated_at,
        finished_at=backfill.finished_at,
    )


def backfill_with_instants(backfill: Backfill) -> BackfillWithInstants:
    """Show a backfill that exists with its instants."""
    assert backfill.requested is not None
    return BackfillWithInstants(
        **structs.asdict(backfill_definition(backfill)), instants=backfill.requested.instants
    )
