"""The log's partitions: crossed without a seam, made ahead of time."""

import asyncpg
import pytest
from support.lights import ON, grant_rights, open_log, superuser, switched

from orc_events.event import NewEvent, Position


@pytest.fixture
async def log(database):
    await grant_rights(database)
    async with open_log(database) as log:
        yield log


async def test_across_partitions(database, log):
    """A batch may begin in one partition and end in the next; a stream is read across them."""
    async with superuser(database) as other:
        await other.execute("UPDATE log.head SET position = 4999998")
    item = switched(events=(NewEvent(ON, "{}"),) * 4)
    await log.append(item)
    assert [event.position for event in await log.read_stream(item.stream)] == [
        4999999,
        5000000,
        5000001,
        5000002,
    ]
    assert await log.read_stream(item.stream) == await log.read(Position(4999998), 10)


async def test_spare_partitions(database, log):
    """Two partitions lie ahead of the head; they are made again when it has moved on, and only once."""
    async with superuser(database) as other:
        assert await other.fetchval("SELECT log.spare_partitions()") == 2
        await other.execute("UPDATE log.head SET position = 10000001")
        assert await other.fetchval("SELECT log.spare_partitions()") == 0
    connection = await asyncpg.connect(database.url("orc_scheduler"))
    assert [await connection.fetchval("SELECT log.ensure_partitions()") for _ in range(2)] == [2, 0]
    assert await connection.fetchval("SELECT log.spare_partitions()") == 2
    await connection.close()
    assert (await log.append(switched())).position == 10000002
