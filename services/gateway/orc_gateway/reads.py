"""
Reads: what REST shows, from the read tables; bounded in time, so that a database that is away is a 503 and no hang.

A list is a page, newest first: `limit` rows below the one named by `after`. One row more is read than shown, which
tells whether there is a next page.
"""

from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from orc_domain.definitions import JobDefinition, JobRun, JobWithTasks, TaskDefinition, Terms, due_after
from orc_domain.job import task_id
from orc_domain.rejection import Invalid
from orc_domain.run_messages import Status
from orc_events.errors import EventsError
from orc_events.event import Position, Recorded
from orc_events.statements import load
from orc_gateway.problems import Unavailable
from orc_gateway.task_details import TaskDetails, read_details
from orc_runtime.deadline import within

T = TypeVar("T")

READ_SECONDS_MAX = 1.8
ASKED_MAX = 2
"""A connection that broke in the pool is found by using it; the second try gets a fresh one."""
NEWEST = 2**63 - 1
_FIRST, _LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
EVENTS_BYTES_MAX = 8 * 1024 * 1024
"""Of events' data read at once: an event may hold all that a request's body did."""

# The connection went away under the question; a statement that crosses the server's goodbye is an InternalClientError.
_LOST = (asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresConnectionError, OSError)
# Or the server is away, or the answer took too long; anything else is a bug of ours.
_AWAY = (
    *_LOST,
    TimeoutError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.InvalidAuthorizationSpecificationError,
)


class Page(Struct, Generic[T], frozen=True):
    """A part of a list."""

    items: list[T]
    total: int
    """Of the whole list, whatever part this is."""
    has_more: bool


class TaskOutcome(Struct, frozen=True, kw_only=True):
    """What became of a task of a run so far: a row of `run_tasks`."""

    task_order: int
    attempt: int
    rows: int | None
    bytes: int | None
    seconds: float | None
    receipt: str | None
    cursor: Any
    schema_changes: tuple[str, ...]
    error_kind: str | None
    error_message: str | None
    finished_at: Any
    details: TaskDetails


class Tick(Struct, frozen=True, kw_only=True):
    """What became of due instants of a schedule: of one that a run was requested for, or of some that were let pass."""

    due_at: datetime
    outcome: Literal["requested", "skipped"]
    reason: str | None
    """Why it was let pass, as `tick.skipped` has it."""
    run_id: UUID | None
    position: int
    """Of the event that says so."""
    last_due_at: datetime
    """The last instant of the span; the same as `due_at` for one."""
    count: int
    job_version: int
    """Of the job's definition when this was decided."""
    tzdata: str | None


class Reads:
    """The read tables, over a pool whose sessions see them."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def jobs(self, limit: int, after: UUID | None = None) -> Page[JobDefinition]:
        """Return jobs, newest first; raises Invalid when `after` is no job."""
        below = NEWEST if after is None else await self._position("job_position", after)
        rows = await self._fetch("list_jobs", below, limit + 1)
        total = await self._count(len(rows), limit, after, "count_jobs")
        return Page([JobDefinition(**_facts(row)) for row in rows[:limit]], total, len(rows) > limit)

    async def job(self, job_id: UUID, now: datetime) -> JobWithTasks | None:
        """Return a job with its tasks and its next instants after `now`; None when there is none."""
        rows = await self._fetch("job", job_id)
        if not rows:
            return None
        first = _facts(rows[0])
        for name in ("task_order", "extractor_config", "loader_config"):
            del first[name]
        created_at, updated_at = first["created_at"], first["updated_at"]
        tasks = tuple(
            TaskDefinition(
                task_id=task_id(job_id, row["task_order"]),
                job_id=job_id,
                task_order=row["task_order"],
                extractor_config=msgspec.json.decode(row["extractor_config"]),
                loader_config=msgspec.json.decode(row["loader_config"]),
                created_at=created_at,
                updated_at=updated_at,
            )
            for row in rows
        )
        return due_after(JobWithTasks(**first, next_due_at=(), tasks=tasks), now)

    async def runs(
        self,
        limit: int,
        after: UUID | None = None,
        *,
        job_id: UUID | None = None,
        status: Status | None = None,
    ) -> Page[JobRun]:
        """Return runs, newest first; raises Invalid when `after` is no run."""
        below = NEWEST if after is None else await self._position("run_position", after)
        match job_id, status:
            case None, None:
                rows = await self._fetch("list_runs", below, limit + 1)
            case None, "success":
                rows = await self._fetch("list_runs_successful", below, limit + 1)
            case None, _:
                rows = await self._fetch("list_runs_by_status", below, limit + 1, status)
            case _, None:
                rows = await self._fetch("list_runs_of_job", below, limit + 1, job_id)
            case _:
                rows = await self._fetch("list_runs_of_job_by_status", below, limit + 1, job_id, status)
        total = await self._count(len(rows), limit, after, "count_runs", job_id, status)
        return Page([JobRun(**row) for row in rows[:limit]], total, len(rows) > limit)

    async def run(self, run_id: UUID) -> JobRun | None:
        """Return a run, None when there is none."""
        rows = await self._fetch("run", run_id)
        return JobRun(**rows[0]) if rows else None

    async def ticks(
        self, job_id: UUID, after: datetime | None, before: datetime | None, limit: int
    ) -> tuple[list[Tick], bool]:
        """Return what became of a job's instants between two times, newest first, and whether there is more of it."""
        rows = await self._fetch("list_ticks", job_id, after or _FIRST, before or _LAST, limit + 1)
        return [Tick(**row) for row in rows[:limit]], len(rows) > limit

    async def ticks_around(self, job_id: UUID, at: datetime) -> tuple[Tick | None, Tick | None]:
        """Return the last record of a job's instants that begins at or before `at`, and the first that begins after."""
        ticks = [Tick(**row) for row in await self._fetch("ticks_around", job_id, at)]
        return next((t for t in ticks if t.due_at <= at), None), next(
            (t for t in ticks if t.due_at > at), None
        )

    async def task_outcomes(self, run_id: UUID) -> dict[int, TaskOutcome]:
        """Return what became of a run's tasks, by their order."""
        return {row["task_order"]: _outcome(row) for row in await self._fetch("run_tasks", run_id)}

    async def events(
        self,
        after: Position,
        limit: int,
        *,
        event_type: str | None = None,
        stream: str | None = None,
        bytes_max: int = EVENTS_BYTES_MAX,
    ) -> tuple[list[Recorded], bool]:
        """
        Return events of the log in order, after a position, and whether there may be more of them.

        The one that passes `bytes_max` is the last, so there is always one if there is any.
        """
        if stream is None:
            rows = await self._fetch("list_events", after, event_type, limit + 1, bytes_max)
        else:
            rows = await self._fetch("list_stream_events", after, event_type, limit + 1, bytes_max, stream)
        events = [Recorded(*row) for row in rows]
        is_full = sum(len(event.data.encode()) for event in events) >= bytes_max
        return events[:limit], is_full or len(events) > limit

    async def checkpoint(self, name: str) -> Position:
        """Return up to which position the tables tell."""
        rows = await self._fetch("checkpoint", name)
        return Position(rows[0][0] if rows else 0)

    async def check(self) -> None:
        """Ask for anything; raises Unavailable."""
        await self._fetch("count_jobs")

    async def ask(self, statement: str, *values: Any) -> list[Any]:
        """Return the rows of any statement, in time; raises Unavailable."""
        return await in_time(self._ask(statement, values))

    async def _position(self, query: str, identity: UUID) -> int:
        rows = await self._fetch(query, identity)
        if not rows:
            raise Invalid("after", f"there is no {identity} to go on after", valid="an id of an earlier page")
        position: int = rows[0][0]
        return position

    async def _count(self, found: int, limit: int, after: UUID | None, query: str, *values: Any) -> int:
        if found <= limit and after is None:
            return found
        total: int = (await self._fetch(query, *values))[0][0]
        return total

    async def _fetch(self, query: str, *values: Any) -> list[Any]:
        return await in_time(self._ask(_STATEMENTS[query], values))

    async def _ask(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
        for asked in range(1, ASKED_MAX + 1):
            try:
                async with self._pool.acquire() as connection:
                    try:
                        rows: list[Any] = await connection.fetch(statement, *values)
                        return rows
                    except _LOST:
                        # The pool may not have noticed yet, and would hand it out again.
                        connection.terminate()
                        raise
            except _LOST:
                if asked == ASKED_MAX:
                    raise
        raise AssertionError("the loop returns or raises")


async def in_time(work: Awaitable[T]) -> T:
    """Return what is read, or raise Unavailable: at once when the database is away, in bounded time when it hangs."""
    try:
        return await within(READ_SECONDS_MAX, work)
    except (*_AWAY, EventsError) as error:
        raise Unavailable("the database does not answer now") from error


def _facts(row: Any) -> dict[str, Any]:
    """Return the columns of a job's row as the fields of what it shows."""
    facts = dict(row)
    return facts | msgspec.structs.asdict(_terms.decode(facts.pop("terms")))


def _outcome(row: Any) -> TaskOutcome:
    facts = dict(row)
    cursor, changes = facts.pop("cursor"), facts.pop("schema_changes")
    details = read_details(facts.pop("details"))
    return TaskOutcome(
        **facts,
        cursor=None if cursor is None else msgspec.json.decode(cursor),
        schema_changes=() if changes is None else tuple(msgspec.json.decode(changes)),
        details=details,
    )


_terms = msgspec.json.Decoder(Terms)
_QUERIES = (
    *("list_jobs", "count_jobs", "job_position", "job"),
    *(
        "list_runs",
        "list_runs_of_job",
        "list_runs_by_status",
        "list_runs_successful",
        "list_runs_of_job_by_status",
    ),
    *("count_runs", "run_position", "run", "run_tasks", "checkpoint"),
    *("list_events", "list_stream_events", "list_ticks", "ticks_around"),
)
_STATEMENTS = {name: load("orc_gateway", name, "queries") for name in _QUERIES}
