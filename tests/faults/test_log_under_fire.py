"""P11, P12, P13: 32 writers that dawdle and roll back; readers see exactly 1..N; nobody rewrites history quietly."""

import asyncio
import random
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from faults.oracle_log import chain_faults

WRITERS, READERS, EACH = 32, 4, 12
APPEND = """
    SELECT outcomes[1] AS outcome FROM log.append(ARRAY[$1::uuid], ARRAY['\\x00'::bytea], ARRAY[$2::text],
        ARRAY[$3::int8], ARRAY['faults'], ARRAY[$1::uuid], ARRAY[$4::timestamptz], ARRAY[NULL::text],
        ARRAY[NULL::timestamptz], ARRAY[1], ARRAY['run.requested'], ARRAY[1], ARRAY['{}'])
"""
EVENTS = (
    "SELECT position, stream, version, type, schema_version, data::text AS data, actor, command_id, correlation_id, "
    "occurred_at, recorded_at, hash FROM log.events ORDER BY position"
)
SEQUENCE = "CREATE TABLE plain (position bigserial PRIMARY KEY)"


async def append(connection: Any, stream: str, version: int) -> str:
    """Append one event past the product's Python; returns what became of it."""
    return await connection.fetchval(APPEND, uuid.uuid4(), stream, version, datetime.now(UTC))


async def write(url: str, chance: random.Random, step: Any) -> int:
    """Write `EACH` times with a pause before the commit, a fifth rolled back; returns how many were committed."""
    connection = await asyncpg.connect(url)
    committed = 0
    try:
        while committed < EACH:
            transaction = connection.transaction()
            await transaction.start()
            try:
                await step(connection)
                await asyncio.sleep(chance.uniform(0, 0.004))
            except asyncpg.LockNotAvailableError:
                await transaction.rollback()
                continue
            if chance.random() < 0.2:
                await transaction.rollback()
            else:
                await transaction.commit()
                committed += 1
    finally:
        await connection.close()
    return committed


async def tail(url: str, sql: str, count: int) -> list[int]:
    """Read on from the last position seen, as a follower does, until `count` were seen or nothing came for 2 s."""
    connection = await asyncpg.connect(url)
    seen: list[int] = []
    try:
        with suppress(TimeoutError):
            while len(seen) < count:
                async with asyncio.timeout(2):
                    # The log is polled, as followers do.
                    while not (rows := await connection.fetch(sql, seen[-1] if seen else 0)):  # noqa: ASYNC110
                        await asyncio.sleep(0.002)
                seen += [row[0] for row in rows]
    finally:
        await connection.close()
    return seen


async def under_fire(writer_url: str, reader_url: str, sql: str, step: Any, seed: int) -> list[list[int]]:
    """Run writers and readers together and return what each reader saw."""
    count = WRITERS * EACH
    async with asyncio.TaskGroup() as group:
        readers = [group.create_task(tail(reader_url, sql, count)) for _ in range(READERS)]
        for number in range(WRITERS):
            group.create_task(write(writer_url, random.Random(seed + number), step))
    return [reader.result() for reader in readers]


async def test_readers_see_every_position(database: Any, seed: int):
    """32 writers, a fifth rolled back, an old transaction open elsewhere: four readers see exactly 1..N in order."""
    idle = await asyncpg.connect(database.superuser_url)
    try:
        await idle.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        await idle.fetchval("SELECT pg_current_xact_id()")
        seen = await under_fire(
            database.url("orc_scheduler"),
            database.url("orc_gateway"),
            "SELECT position FROM log.read_after($1, 500)",
            lambda connection: append(connection, f"run-{uuid.uuid4()}", 0),
            seed,
        )
    finally:
        await idle.close()
    assert seen == [list(range(1, WRITERS * EACH + 1))] * READERS


async def test_control_plain_sequence(database: Any, seed: int):
    """The same fire on positions from a sequence: readers miss some, so the test above could see it."""
    await _execute(database.superuser_url, SEQUENCE)
    seen = await under_fire(
        database.superuser_url,
        database.superuser_url,
        "SELECT position FROM plain WHERE position > $1 ORDER BY position",
        lambda connection: connection.execute("INSERT INTO plain DEFAULT VALUES"),
        seed,
    )
    connection = await asyncpg.connect(database.superuser_url)
    written = [row[0] for row in await connection.fetch("SELECT position FROM plain ORDER BY position")]
    await connection.close()
    assert all(set(positions) < set(written) for positions in seen)


async def test_one_winner_per_version(database: Any):
    """Of 16 writers racing for one version of a stream exactly one wins, round after round; the chain holds."""
    pool = await asyncpg.create_pool(database.url("orc_scheduler"), min_size=16, max_size=16)
    try:
        for version in range(20):
            outcomes = await asyncio.gather(*(append(pool, "run-raced", version) for _ in range(16)))
            assert sorted(outcomes) == ["appended", *["version_conflict"] * 15]
        events = await pool.fetch(EVENTS)
    finally:
        await pool.close()
    assert (len(events), chain_faults(events)) == (20, [])


STATEMENTS = (
    "UPDATE log.events SET data = '{}'",
    "DELETE FROM log.events",
    "TRUNCATE log.events",
    "DROP TABLE log.events",
    "ALTER TABLE log.events DISABLE TRIGGER ALL",
    "INSERT INTO log.streams VALUES ('run-x', 1, 1)",
    "UPDATE log.head SET position = 0",
    "DELETE FROM log.commands",
    "INSERT INTO log.rights VALUES ('orc_gateway', 'run.requested')",
    "SET ROLE orc_owner",
    "SET session_replication_role = replica",
    "COPY log.events FROM PROGRAM 'true'",
)


@pytest.mark.parametrize("role", ["gateway", "auth", "scheduler", "executor", "auditor"])
async def test_no_credentials_rewrite(database: Any, role: str):
    """With each service's own credentials every way to change history is refused."""
    connection = await asyncpg.connect(database.url(f"orc_{role}"))
    try:
        for statement in STATEMENTS:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


TAMPERINGS = {
    "a byte changed": "UPDATE log.events SET data = '{ }' WHERE position = 5",
    "an actor changed": "UPDATE log.events SET actor = 'nobody' WHERE position = 5",
    "one in the middle deleted": "DELETE FROM log.events WHERE position = 5",
    "two swapped": "UPDATE log.events e SET command_id = o.command_id FROM log.events o "
    "WHERE e.position IN (5, 6) AND o.position = 11 - e.position",
}


@pytest.mark.parametrize("what", TAMPERINGS)
async def test_superuser_is_seen(database: Any, what: str):
    """What a superuser changes with all guards off shows at its position."""
    writer = await asyncpg.connect(database.url("orc_scheduler"))
    for number in range(10):
        await append(writer, f"run-{number + 1}", 0)
    await writer.close()
    connection = await asyncpg.connect(database.superuser_url)
    try:
        assert chain_faults(await connection.fetch(EVENTS)) == []
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(TAMPERINGS[what])
        found = chain_faults(await connection.fetch(EVENTS))
    finally:
        await connection.close()
    expected = (
        "(iv) position 6 where 5 belongs"
        if "deleted" in what
        else "(iv) the hash of position 5 does not follow"
    )
    assert found[:1] == [expected]


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()
