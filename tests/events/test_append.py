"""The append itself, seen from beside it: batches, transactions, many connections, lost ones."""

import asyncio
from typing import Any, Self
from uuid import uuid4

import asyncpg
import pytest
from msgspec.structs import replace
from support.lights import NOON, OFF, ON, grant_rights, open_log, superuser, switched

from orc_events import storable
from orc_events.errors import (
    CommandConflict,
    CommandExpired,
    GapFound,
    LogUnavailable,
    NotStorable,
    TypeNotAllowed,
    VersionConflict,
)
from orc_events.event import Append, Appended, NewEvent, Position, Version
from orc_events.log import PostgresLog, append_within
from orc_events.verify import verify

pytestmark = pytest.mark.usefixtures("rights")


@pytest.fixture
async def rights(database):
    await grant_rights(database)


@pytest.fixture
async def log(database):
    async with open_log(database) as log:
        yield log


@pytest.fixture
async def connection(database):
    connection = await asyncpg.connect(database.url("orc_scheduler"))
    yield connection
    await connection.close()


def done(item: Append, position: int, version: int, *, repeated: bool = False) -> Appended:
    return Appended(
        command_id=item.command_id,
        position=Position(position),
        version=Version(version),
        result=item.result,
        repeated=repeated,
    )


def told(outcomes: list[Any]) -> list[Any]:
    return [str(outcome) if isinstance(outcome, Exception) else outcome for outcome in outcomes]


async def test_items_of_one_stream_in_one_batch(connection, log):
    """Within a batch an item sees what the items before it did to its stream."""
    first = switched(events=(NewEvent(ON, "{}"), NewEvent(OFF, "{}")))
    stream = first.stream
    second = switched(stream=stream, expected_version=Version(2))
    late = switched(stream=stream, expected_version=Version(2))
    other = switched()
    third = switched(stream=stream, expected_version=Version(3))
    outcomes = await append_within(connection, [first, second, late, other, third])
    assert told(outcomes) == told(
        [
            done(first, 2, 2),
            done(second, 3, 3),
            VersionConflict(stream, Version(2), Version(3)),
            done(other, 4, 1),
            done(third, 5, 4),
        ]
    )
    assert [event.version for event in await log.read_stream(stream)] == [1, 2, 3, 4]
    assert (await verify(log.read, log.chain_head)).first_bad is None


async def test_one_command_twice_in_one_batch(connection, log):
    """Within a batch a repeated command is known, on whatever stream it comes; another body is a conflict."""
    item = switched()
    elsewhere = replace(item, stream="light-elsewhere")
    other_body = replace(item, body_hash=bytes(32))
    outcomes = await append_within(connection, [item, elsewhere, other_body])
    assert told(outcomes) == told(
        [done(item, 1, 1), done(item, 1, 1, repeated=True), CommandConflict(item.command_id)]
    )
    assert await log.head() == 1


async def test_refused_items_leave_the_others_alone(connection, log):
    """Each item of a batch is judged by itself: positions go to those that are accepted, without a gap."""
    good = [switched() for _ in range(3)]
    expired = switched(deadline=NOON.replace(year=2020))
    foreign = switched(events=(NewEvent("light.smashed", "{}"),))
    outcomes = await append_within(connection, [good[0], expired, good[1], foreign, good[2]])
    assert told(outcomes) == told(
        [
            done(good[0], 1, 1),
            CommandExpired(expired.command_id),
            done(good[1], 2, 1),
            TypeNotAllowed("orc_scheduler", "light.smashed"),
            done(good[2], 3, 1),
        ]
    )
    assert (await verify(log.read, log.chain_head)).events == 3


async def test_nothing_to_append(connection):
    """An empty batch is answered without the database."""
    assert await append_within(connection, []) == []


async def test_rolled_back(connection, log):
    """What is appended within a transaction comes and goes with it, and its positions are taken again."""
    item = switched()
    transaction = connection.transaction()
    await transaction.start()
    await append_within(connection, [item])
    await transaction.rollback()
    assert await log.head() == 0
    assert await log.append(item) == done(item, 1, 1)


async def test_stalled_caller(connection):
    """Who holds the log's lock may not sit on it: the session is cut off after 5 s of doing nothing."""
    async with connection.transaction():
        assert await connection.fetchval("SHOW idle_in_transaction_session_timeout") == "0"
        await append_within(connection, [switched()])
        assert await connection.fetchval("SHOW idle_in_transaction_session_timeout") == "5s"
    assert await connection.fetchval("SHOW idle_in_transaction_session_timeout") == "0"


@pytest.mark.parametrize("isolation", ["repeatable_read", "serializable"])
async def test_wrong_isolation(connection, isolation):
    """A snapshot from before the lock would judge by what is no longer true, so it is refused."""
    with pytest.raises(asyncpg.InvalidTransactionStateError):
        async with connection.transaction(isolation=isolation):
            await append_within(connection, [switched()])


@pytest.mark.parametrize("counts", [[1, 2], [1, 0], [0, 2], [3, -1], [2], [1, 1, 1], []])
async def test_malformed_batch(connection, counts):
    """A caller that miscounts its own events appends nothing."""
    one = [uuid4(), uuid4()]
    events = max(1, min(2, sum(counts)))
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await connection.fetch(
            "SELECT log.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            *(one, [bytes(32)] * 2, ["light-1", "light-2"], [0, 0], ["user:alice"] * 2),
            *(one, [NOON] * 2, [None] * 2, [None] * 2, counts),
            *([ON] * events, [1] * events, ["{}"] * events),
        )


async def test_many_connections(database, log):
    """Appends from many connections are seen in position order without gaps, by a reader that never waits."""
    total = 8 * 40

    async def follow() -> int:
        position = 0
        while position < total:
            for event in await log.read(Position(position), 100):  # raises GapFound itself
                position = event.position
        return position

    async def write() -> None:
        async with open_log(database, connections=1) as writer:
            for batch in range(10):
                await asyncio.gather(*(writer.append(switched()) for _ in range(1 + batch % 7)))

    writers = asyncio.gather(*(write() for _ in range(8)))
    reader = asyncio.create_task(follow())
    await writers
    done_by_writers = await log.head()
    await asyncio.gather(*(log.append(switched()) for _ in range(total - done_by_writers)))
    assert await reader == total
    assert (await verify(log.read, log.chain_head)).events == total


async def test_missing_position(database, log):
    """A reader that meets a gap stops: there is none in a log that nobody tampered with."""
    for _ in range(3):
        await log.append(switched())
    async with superuser(database) as other:
        await other.execute("SET session_replication_role = replica")
        await other.execute("DELETE FROM log.events WHERE position = 2")
    with pytest.raises(GapFound) as gap:
        await log.read(Position(0), 10)
    assert (gap.value.expected, gap.value.found) == (2, 3)


async def test_connection_killed_before_the_commit(database, log):
    """An append whose connection is killed while it waits is asked again and happens once."""
    item = switched()
    async with superuser(database) as other:
        blocking = other.transaction()
        await blocking.start()
        await other.execute("SELECT FROM log.head FOR UPDATE")
        appending = asyncio.create_task(log.append(item))
        async with superuser(database) as killer:
            while not await killer.fetchval(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'test-orc_scheduler' AND wait_event_type = 'Lock'"
            ):
                pass  # a question to the server is pause enough
        await blocking.rollback()
    assert await appending == done(item, 1, 1)
    assert await log.head() == 1


class LossyPool:
    """Loses the connection after the statement was done, so that its answer never arrives."""

    def __init__(self, pool: Any, losses: int) -> None:
        self._pool, self._losses, self.terminated = pool, losses, 0

    def acquire(self, timeout: float) -> "LossyPool":
        self._acquired = self._pool.acquire(timeout=timeout)
        return self

    async def __aenter__(self) -> Self:
        self._connection = await self._acquired.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._acquired.__aexit__(*error)

    async def fetch(self, *arguments: Any, **options: Any) -> Any:
        rows = await self._connection.fetch(*arguments, **options)
        if self._losses:
            self._losses -= 1
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
        return rows

    def terminate(self) -> None:
        self.terminated += 1
        self._connection.terminate()


async def test_connection_lost_after_the_commit(log):
    """An append whose answer is lost is asked again on another connection; what was recorded is the answer."""
    item, pool = switched(), LossyPool(log._pool, losses=1)
    assert await PostgresLog(pool).append(item) == done(item, 1, 1, repeated=True)
    assert await log.head() == 1
    assert pool.terminated == 1


async def test_connection_lost_again(log):
    """After the second loss the outcome is unknown and said to be; asking later with the same id resolves it."""
    item = switched()
    with pytest.raises(LogUnavailable):
        await PostgresLog(LossyPool(log._pool, losses=2)).append(item)
    assert await log.append(item) == done(item, 1, 1, repeated=True)


async def test_head_locked_too_long(database, log):
    """An append does not wait for the log's lock for ever."""
    async with superuser(database) as other, other.transaction():
        await other.execute("SELECT FROM log.head FOR UPDATE")
        with pytest.raises(LogUnavailable, match="LockNotAvailable"):
            await log.append(switched())


async def test_database_gone(database, log):
    """Without a database every question is answered by LogUnavailable."""
    async with superuser(database) as other:
        await other.execute("ALTER ROLE orc_scheduler CONNECTION LIMIT 0")
        try:
            await other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test-orc_scheduler'"
            )
            for question in (
                log.append(switched()),
                log.read(Position(0), 1),
                log.read_stream("light-1"),
                log.head(),
            ):
                with pytest.raises(LogUnavailable):
                    await question
        finally:
            await other.execute("ALTER ROLE orc_scheduler CONNECTION LIMIT -1")
    assert await log.head() == 0


async def test_poison_that_passed_the_door(log, monkeypatch):
    """Should the database refuse a value that we let pass, only its own append fails."""
    monkeypatch.setattr(storable, "check", lambda _item: None)
    good = [switched() for _ in range(3)]
    bad = switched(events=(NewEvent(ON, "not json"),))
    outcomes = await asyncio.gather(*(log.append(item) for item in (*good, bad)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Appended, Appended, Appended, NotStorable]
