"""
The calendar's fold: when each job is due next.

A schedule is in force from the moment its event was recorded, by the database's clock: creation, resume and a change of
schedule, zone or activity look forward from there, so none of them fires the past. An edit that leaves the schedule as
it was moves nothing. An instant that the earlier schedule had not accounted for when it was replaced is no due instant
any more.

The ticker moves `next_due_at` on in the transaction that accounts for an instant. The fold does it only for a row that
does not know yet, which is after a rebuild. A run by hand never touches a job's row.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct, structs

from orc_domain.job import Event as JobEvent
from orc_domain.job import JobChanged, JobCreated, JobDeleted, JobPaused, JobResumed
from orc_events.statements import load
from orc_scheduler.schedules import next_due_at

_READ, _PUT, _EDIT = (load("orc_scheduler", name) for name in ("jobs_read", "jobs_put", "jobs_edit"))
_DELETE, _BEHIND, _MOVE = (
    load("orc_scheduler", name) for name in ("jobs_delete", "jobs_behind", "jobs_move")
)


class JobRow(Struct, frozen=True, kw_only=True):
    """A row of `jobs` with what the fold decided about it."""

    job_id: UUID
    version: int
    schedule: str
    timezone: str
    pool: str
    is_active: bool
    next_due_at: datetime | None = None
    begins_anew: bool = False
    """Whether `next_due_at` counts; else the row keeps its own."""


class JobFact(Struct, frozen=True):
    """One event of a job."""

    event: JobEvent
    version: int
    recorded_at: datetime


async def apply_jobs(connection: Any, facts: Sequence[JobFact]) -> set[str]:
    """Fold a batch of job events into `jobs`; returns the pools they name."""
    if not facts:
        return set()
    ids = {fact.event.job_id for fact in facts}
    rows: dict[UUID, JobRow | None] = {
        row["job_id"]: JobRow(**row) for row in await connection.fetch(_READ, list(ids))
    }
    for fact in facts:
        rows[fact.event.job_id] = evolve_row(rows.get(fact.event.job_id), fact)
    gone = [job_id for job_id, row in rows.items() if row is None]
    kept = [row for row in rows.values() if row is not None]
    anew = [row for row in kept if row.begins_anew]
    if gone:
        await connection.execute(_DELETE, gone)
    if anew:
        await connection.execute(_PUT, *_columns(anew, "job_id", "version", "schedule", "timezone", "pool",
                                                 "is_active", "next_due_at"))  # fmt: skip
    if len(anew) < len(kept):
        edited = [row for row in kept if not row.begins_anew]
        await connection.execute(_EDIT, *_columns(edited, "job_id", "version", "pool"))
    return {row.pool for row in kept}


def evolve_row(row: JobRow | None, fact: JobFact) -> JobRow | None:
    """Return the row after an event; None once the job is deleted."""
    match fact.event:
        case JobCreated(job_id=job_id, spec=spec) | JobChanged(job_id=job_id, spec=spec):
            named = JobRow(
                job_id=job_id,
                version=fact.version,
                schedule=spec.schedule,
                timezone=spec.timezone,
                pool=spec.pool,
                is_active=spec.is_active,
            )
            if row is not None and _schedule_of(row) == _schedule_of(named):
                return structs.replace(named, next_due_at=row.next_due_at, begins_anew=row.begins_anew)
            return _anew(named, fact.recorded_at)
        case JobPaused() | JobResumed():
            assert row is not None, "a job begins with its creation"
            is_active = isinstance(fact.event, JobResumed)
            return _anew(structs.replace(row, version=fact.version, is_active=is_active), fact.recorded_at)
        case JobDeleted():
            return None


async def apply_ticks(connection: Any, accounted: dict[UUID, datetime]) -> None:
    """Move schedules on past the last instants that ended in an event, where the calendar does not know of them."""
    if not accounted:
        return
    behind = await connection.fetch(_BEHIND, list(accounted), list(accounted.values()))
    if behind:
        following = [next_due_at(row["schedule"], row["timezone"], row["due_at"]) for row in behind]
        await connection.execute(
            _MOVE, [row["job_id"] for row in behind], [row["due_at"] for row in behind], following
        )


def _anew(row: JobRow, since: datetime) -> JobRow:
    due = next_due_at(row.schedule, row.timezone, since) if row.is_active else None
    return structs.replace(row, next_due_at=due, begins_anew=True)


def _schedule_of(row: JobRow) -> tuple[str, str, bool]:
    return row.schedule, row.timezone, row.is_active


def _columns(rows: Sequence[JobRow], *names: str) -> list[list[Any]]:
    return [[getattr(row, name) for row in rows] for name in names]
