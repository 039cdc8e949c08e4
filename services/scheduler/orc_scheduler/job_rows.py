"""
The calendar's fold: when each job is due next.

A schedule is in force from the moment its event was recorded, by the database's clock: creation, resume and a change of
when or of activity look forward from there, so none of them fires the past. What the state before had not accounted for
by then is kept in `passing`, and the ticker records it as let pass: `paused` while the schedule was, else `replaced` or `deleted`.
A deleted job has a row until that is recorded. An edit that leaves alone when the job is due moves nothing.

The ticker moves a row on in the transaction that accounts for its instants. The fold does it only for a row that does
not know yet, which is after a rebuild. A run by hand never touches a job's row.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import Struct, structs

from orc_domain.job import Event as JobEvent
from orc_domain.job import JobChanged, JobCreated, JobCursorSet, JobDeleted, JobPaused, JobResumed
from orc_domain.job_spec import JobSpec, timing_of
from orc_events.event import Position
from orc_events.statements import load
from orc_scheduler.schedules import next_due_at, recorded_timetable

PAUSED_SPAN_SECONDS = 3600.0
"""A paused schedule's instants are recorded so much later at most, together."""
DELETED = ""
"""The timing of a deleted job, which has no schedule any more."""

_READ, _PUT, _DELETE, _BEHIND = (
    load("orc_scheduler", name) for name in ("jobs_read", "jobs_put", "jobs_delete", "jobs_behind")
)
_encoder = msgspec.json.Encoder()


class Passing(Struct, frozen=True):
    """Instants of an earlier state of a schedule, to be recorded as let pass."""

    timing: str
    due_at: datetime
    """The first of them."""
    until: datetime
    """None after it; itself may be one."""
    reason: Literal["paused", "replaced", "deleted"]


_passing_decoder = msgspec.json.Decoder(tuple[Passing, ...])


class JobRow(Struct, frozen=True, kw_only=True):
    """A row of `jobs`, its fields in the order of the columns; `wake_at` follows from them."""

    job_id: UUID
    version: int
    pool: str
    timing: str
    is_active: bool
    next_due_at: datetime | None = None
    passing: tuple[Passing, ...] = ()
    failures_max: int | None = None
    failures: int = 0
    failed_run_id: UUID | None = None

    @property
    def is_over(self) -> bool:
        """Whether the job was deleted, and all is accounted for."""
        return self.timing == DELETED and not self.passing

    @property
    def wake_at(self) -> datetime | None:
        """When the ticker is to look at it; None when there is nothing to account for."""
        if self.passing:
            return self.passing[0].due_at
        if self.next_due_at is None:
            return None
        if not self.is_active:
            return self.next_due_at + timedelta(seconds=PAUSED_SPAN_SECONDS)
        timetable = recorded_timetable(self.timing)
        return timetable.asked_at(self.job_id, self.next_due_at) if timetable else self.next_due_at


class JobFact(Struct, frozen=True):
    """One event of a job."""

    event: JobEvent
    version: int
    recorded_at: datetime
    position: Position


class Applied(Struct, frozen=True):
    """What others want to know of a batch's events of jobs."""

    pools: set[str]
    """Those that they name."""
    renewed: dict[UUID, Position]
    """Where the schedules of jobs began anew for the last time: failures before it count no more."""


async def apply_jobs(connection: Any, facts: Sequence[JobFact]) -> Applied:
    """Fold a batch of job events into `jobs`."""
    renewed = dict[UUID, Position]()
    if not facts:
        return Applied(set(), renewed)
    ids = {fact.event.job_id for fact in facts}
    rows: dict[UUID, JobRow | None] = {
        row.job_id: row for row in map(row_of, await connection.fetch(_READ, list(ids)))
    }
    for fact in facts:
        job_id, before = fact.event.job_id, rows.get(fact.event.job_id)
        rows[job_id] = after = evolve_row(before, fact)
        if after is not None and _begins_anew(before, after, fact.event):
            renewed[job_id] = fact.position
    if gone := [job_id for job_id, row in rows.items() if row is None]:
        await connection.execute(_DELETE, gone)
    kept = [row for row in rows.values() if row is not None]
    await put_rows(connection, kept)
    return Applied({row.pool for row in kept}, renewed)


def _begins_anew(before: JobRow | None, after: JobRow, event: JobEvent) -> bool:
    """Say whether an event counts failures from zero."""
    if before is None or isinstance(event, JobResumed):
        return True
    is_counted_now = before.failures_max is None and after.failures_max is not None
    return before.timing != after.timing or (after.is_active and not before.is_active) or is_counted_now


def evolve_row(row: JobRow | None, fact: JobFact) -> JobRow | None:
    """Return the row after an event; None once the job is deleted."""
    match fact.event:
        case JobCreated(job_id=job_id, spec=spec):
            new = JobRow(job_id=job_id, version=fact.version, pool=spec.pool, timing="", is_active=True)
            return _anew(new, spec, fact)
        case JobDeleted():
            return None if row is None else _deleted(structs.replace(row, version=fact.version), fact)
    assert row is not None, "a job begins with its creation"
    row = structs.replace(row, version=fact.version)
    match fact.event:
        case JobChanged(spec=spec):
            row = structs.replace(row, pool=spec.pool, failures_max=spec.pause_after_failures)
            if row.timing == _text(spec) and row.is_active and not spec.is_active:
                return structs.replace(row, is_active=False)
            if row.timing == _text(spec) and row.is_active == spec.is_active:
                return row
            return _anew(_passed(row, fact.recorded_at), spec, fact)
        case JobPaused():
            return structs.replace(row, is_active=False)
        case JobResumed():
            row = _passed(row, fact.recorded_at)
            following = next_due_at(row.timing, fact.recorded_at)
            return structs.replace(row, is_active=True, next_due_at=following, failures=0, failed_run_id=None)
        case JobCursorSet():
            return row


async def apply_ticks(connection: Any, accounted: dict[UUID, datetime]) -> None:
    """Move schedules on past the last instants that ended in an event, where the calendar does not know of them."""
    if not accounted:
        return
    behind = await connection.fetch(_BEHIND, list(accounted), list(accounted.values()))
    rows = [moved_past(row_of(row), accounted[row["job_id"]]) for row in behind]
    if over := [row.job_id for row in rows if row.is_over]:
        await connection.execute(_DELETE, over)
    await put_rows(connection, [row for row in rows if not row.is_over])


def moved_past(row: JobRow, due_at: datetime) -> JobRow:
    """Return the row with nothing left to account for up to an instant."""
    passing = list[Passing]()
    for left in row.passing:
        # Instants are accounted for in order, so what is left begins after the last of them.
        following = next_due_at(left.timing, due_at) if left.due_at <= due_at else left.due_at
        if following is not None and following <= left.until:
            passing.append(structs.replace(left, due_at=following))
    following = row.next_due_at
    if following is not None and following <= due_at:
        following = next_due_at(row.timing, due_at)
    return structs.replace(row, next_due_at=following, passing=tuple(passing))


def row_of(record: Any) -> JobRow:
    """Read a row of the table."""
    values = dict(record)
    return JobRow(**values | {"passing": read_passing(values["passing"])})


def read_passing(text: str | None) -> tuple[Passing, ...]:
    """Read the column `passing`."""
    return () if text is None else _passing_decoder.decode(text)


def passing_text(passing: Sequence[Passing]) -> str | None:
    """Write the column `passing`."""
    return _encoder.encode(passing).decode() if passing else None


def _anew(row: JobRow, spec: JobSpec, fact: JobFact) -> JobRow:
    text = _text(spec)
    return structs.replace(
        row, timing=text, is_active=spec.is_active, next_due_at=next_due_at(text, fact.recorded_at),
        failures_max=spec.pause_after_failures, failures=0, failed_run_id=None,
    )  # fmt: skip


def _deleted(row: JobRow, fact: JobFact) -> JobRow | None:
    """Return what is left of a row to be let pass; None when all is accounted for."""
    left = structs.replace(
        _passed(row, fact.recorded_at, "deleted"),
        timing=DELETED, is_active=False, next_due_at=None, failures_max=None, failures=0, failed_run_id=None,
    )  # fmt: skip
    return None if left.is_over else left


def _passed(row: JobRow, until: datetime, why: Literal["replaced", "deleted"] = "replaced") -> JobRow:
    """Return the row with the instants of its state that are not accounted for set aside."""
    if row.next_due_at is None or row.next_due_at > until:
        return row
    left = Passing(row.timing, row.next_due_at, until, why if row.is_active else "paused")
    return structs.replace(row, passing=(*row.passing, left))


def _text(spec: JobSpec) -> str:
    return _encoder.encode(timing_of(spec)).decode()


async def put_rows(connection: Any, rows: Sequence[JobRow]) -> None:
    """Write rows as they are, each whole."""
    if rows:
        values = [
            (*structs.astuple(row)[:6], passing_text(row.passing), *structs.astuple(row)[7:], row.wake_at)
            for row in rows
        ]
        await connection.execute(_PUT, *map(list, zip(*values, strict=True)))
