"""
The log: what happened, in order, for good.

    append ──▶ pending ──▶ one `SELECT log.append(batch)`, its own transaction, one round trip ──▶ each its outcome

Appends of one process that come while a batch is under way share the next one; reads of single streams likewise.
The database does the judging (command ids, versions, rights, positions, hashes): see migrations/0002_append.sql.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from orc_events import storable
from orc_events.batch import answers, arguments
from orc_events.coalesce import Coalescer
from orc_events.errors import GapFound, LogError, LogUnavailable, NotStorable
from orc_events.event import (
    NO_STREAM,
    Append,
    Appended,
    CommandRecord,
    Head,
    Position,
    Recorded,
    StreamName,
    Version,
)
from orc_events.statements import load

ANSWER_SECONDS_MAX = 2.0
ASKED_MAX = 2
"""How often a batch is sent when the connection is lost on the way; the command ids make the repeat harmless."""

# The connection or the server went away: what was sent may or may not have been done.
_LOST = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    # What asyncpg raises for a statement that crosses the server's goodbye.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
)
# The values themselves were refused, so nothing was done and asking again would be refused again.
_REFUSED = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError)

_APPEND = load("orc_events", "append")
_READ_AFTER = load("orc_events", "read_after")
_READ_STREAMS = load("orc_events", "read_streams")
_HEAD = load("orc_events", "head")
_COMMAND = load("orc_events", "command")


class EventLog(Protocol):
    """What every log offers; `PostgresLog` and `MemoryLog` pass one contract suite."""

    async def append(self, item: Append) -> Appended:
        """
        Append once, ever, for this command id; a repeat returns what was recorded.

        Raises VersionConflict, CommandConflict, CommandExpired, TypeNotAllowed, NotStorable; LogUnavailable when it
        may or may not have happened, and only asking again with the same command id can tell.
        """
        ...

    async def read_stream(self, stream: StreamName, after: Version = NO_STREAM) -> list[Recorded]:
        """Return the stream's events after a version, in order; nothing when there is no such stream."""
        ...

    async def read(self, after: Position, limit: int) -> list[Recorded]:
        """Return at most `limit` events after a position, in order; raises GapFound when one is missing."""
        ...

    async def head(self) -> Position:
        """Return the last position, 0 for an empty log."""
        ...

    async def chain_head(self) -> Head:
        """Return where the log ends and the hash it ends with."""
        ...

    async def command(self, command_id: UUID) -> CommandRecord | None:
        """Return what the log remembers of a command id."""
        ...


class PostgresLog:
    """The log in Postgres, over a pool whose role the rights are judged by. Safe for any number of callers."""

    def __init__(
        self,
        pool: Any,
        *,
        on_append: Callable[[Position], None] | None = None,
        batch_max: int = 500,
        lanes: int = 1,
    ) -> None:
        """`on_append` is told the last new position after each commit; `batch_max` counts events."""
        self._pool = pool
        self._on_append = on_append
        self._appends: Coalescer[Append, Appended] = Coalescer(
            self._append_batch, lanes=lanes, batch_max=batch_max, weigh=lambda item: len(item.events)
        )
        self._reads: Coalescer[tuple[StreamName, Version], list[Recorded]] = Coalescer(
            self._read_streams, lanes=lanes, batch_max=batch_max
        )

    async def append(self, item: Append) -> Appended:
        """See `EventLog.append`."""
        storable.check(item)
        return await self._appends.ask(item)

    async def read_stream(self, stream: StreamName, after: Version = NO_STREAM) -> list[Recorded]:
        """See `EventLog.read_stream`."""
        return await self._reads.ask((stream, after))

    async def read(self, after: Position, limit: int) -> list[Recorded]:
        """See `EventLog.read`."""
        recorded = [Recorded(*row) for row in await self._fetch(_READ_AFTER, after, limit)]
        assert_contiguous(after, recorded)
        return recorded

    async def head(self) -> Position:
        """See `EventLog.head`."""
        return (await self.chain_head()).position

    async def chain_head(self) -> Head:
        """See `EventLog.chain_head`."""
        return Head(*(await self._fetch(_HEAD))[0])

    async def command(self, command_id: UUID) -> CommandRecord | None:
        """See `EventLog.command`."""
        rows = await self._fetch(_COMMAND, command_id)
        return CommandRecord(**rows[0]) if rows else None

    async def _append_batch(self, items: list[Append]) -> Sequence[Appended | LogError]:
        try:
            row = (await self._fetch(_APPEND, *arguments(items), asked_max=ASKED_MAX))[0]
        except NotStorable as error:
            if len(items) == 1:
                return [error]
            # One of them spoils the batch for all; nothing was appended. Each for itself finds out which.
            return [answer for item in items for answer in await self._append_batch([item])]
        done = answers(items, row)
        new = [answer.position for answer in done if isinstance(answer, Appended) and not answer.repeated]
        if new and self._on_append:
            self._on_append(max(new))
        return done

    async def _read_streams(self, wanted: list[tuple[StreamName, Version]]) -> list[list[Recorded]]:
        afters: dict[StreamName, Version] = {}
        for stream, after in wanted:
            afters[stream] = min(after, afters.get(stream, after))
        found: dict[StreamName, list[Recorded]] = {stream: [] for stream in afters}
        for row in await self._fetch(_READ_STREAMS, list(afters), list(afters.values())):
            recorded = Recorded(*row)
            found[recorded.stream].append(recorded)
        # A stream's versions have no gaps, so a version is also an index.
        return [found[stream][after - afters[stream] :] for stream, after in wanted]

    async def _fetch(self, statement: str, *values: Any, asked_max: int = 1) -> Any:
        for asked in range(1, asked_max + 1):
            try:
                return await self._ask(statement, values)
            except _REFUSED as error:
                raise NotStorable(str(error)) from error
            except (*_LOST, asyncpg.PostgresError) as error:
                # What the server itself says no to (a lock held too long, no disk, no partition) was not done.
                if asked == asked_max or not isinstance(error, _LOST):
                    raise LogUnavailable(f"{type(error).__name__}: {error}") from error
        raise AssertionError

    async def _ask(self, statement: str, values: Sequence[Any]) -> Any:
        async with self._pool.acquire(timeout=ANSWER_SECONDS_MAX) as connection:
            try:
                return await connection.fetch(statement, *values, timeout=ANSWER_SECONDS_MAX)
            except _LOST:
                # The pool may not have noticed yet, and would hand it out again.
                connection.terminate()
                raise


async def append_within(connection: Any, items: Sequence[Append]) -> list[Appended | LogError]:
    """
    Append inside the caller's transaction, as its last statement: the log's only lock is held until the COMMIT.

    Returns what became of each item, in order; an item that was refused did nothing. Raises NotStorable, and the
    database's own errors, after which the transaction cannot be committed.
    """
    for item in items:
        storable.check(item)
    if not items:
        return []
    return answers(items, await connection.fetchrow(_APPEND, *arguments(items)))


def assert_contiguous(after: Position, recorded: Sequence[Recorded]) -> None:
    """Raise GapFound unless the positions follow `after` and one another."""
    for expected, event in enumerate(recorded, after + 1):
        if event.position != expected:
            raise GapFound(Position(expected), event.position)
