"""What tests of followers need: the checkpoints table, a pool that sees it, events to follow."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
from support.servers import TestDatabase

from orc_events.event import Append, NewEvent, Recorded, StreamName, Version
from orc_events.memory import MemoryLog
from orc_events.statements import load

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RUN = UUID(int=7)


@asynccontextmanager
async def following_pool(database: TestDatabase, schema: str = "following") -> AsyncIterator[asyncpg.Pool]:
    """Open a pool on a schema that holds `checkpoints` and a table `seen` of positions."""
    connection = await asyncpg.connect(database.superuser_url)
    try:
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}; SET search_path = {schema}")
        if await connection.fetchval("SELECT to_regclass('checkpoints')") is None:
            await connection.execute(load("orc_events", "checkpoints"))
            await connection.execute("CREATE TABLE seen (position bigint PRIMARY KEY)")
    finally:
        await connection.close()
    async with asyncpg.create_pool(
        database.superuser_url, min_size=0, max_size=4, server_settings={"search_path": schema}
    ) as pool:
        yield pool


async def remember(connection: asyncpg.Connection, batch: Sequence[Recorded]) -> None:
    """Note every position of a batch; noting one twice fails."""
    await connection.executemany("INSERT INTO seen VALUES ($1)", [(one.position,) for one in batch])


async def seen(pool: asyncpg.Pool) -> list[int]:
    """Return the positions noted, in order."""
    return [row["position"] for row in await pool.fetch("SELECT position FROM seen ORDER BY position")]


async def append(log: MemoryLog, *types: str) -> None:
    """Append an event of each type, each to a stream of its own."""
    for wire_type in types:
        await log.append(
            Append(
                command_id=uuid4(),
                body_hash=bytes(32),
                stream=StreamName(f"run-{uuid4()}"),
                expected_version=Version(0),
                events=(NewEvent(type=wire_type, data='{"a": 1}'),),
                actor="user:anna",
                correlation_id=RUN,
                occurred_at=AT,
            )
        )
