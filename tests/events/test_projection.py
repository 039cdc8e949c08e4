"""A projection can be emptied and folded again, here or in another schema, with the same result."""

import asyncio

import pytest
from support.following import append, following_pool, remember, seen

from orc_events.checkpoint import Checkpoint
from orc_events.errors import LeaseLost
from orc_events.follower import Follower
from orc_events.memory import MemoryLog
from orc_events.projection import Projector


async def clear(connection):
    await connection.execute("DELETE FROM seen")


@pytest.fixture
async def pool(database):
    async with following_pool(database) as pool:
        yield pool


async def test_rebuild(pool):
    """Rebuilding empties the tables and folds everything again."""
    log = MemoryLog()
    await append(log, "a", "b")
    projector = Projector(Follower(pool, log, "test"), remember, clear=clear)
    assert await projector.catch_up() == 2
    await pool.execute("DELETE FROM seen WHERE position = 1")
    await projector.rebuild()
    assert await seen(pool) == []
    await projector.catch_up()
    assert await seen(pool) == [1, 2]


async def test_rebuild_while_running(pool):
    """A running loop notices that its checkpoint was moved to the beginning, and folds anew."""
    log = MemoryLog()
    await append(log, "a", "b")
    projector = Projector(Follower(pool, log, "test"), remember, clear=clear)
    task = asyncio.create_task(projector.run())
    assert await projector.passed(2, 5)
    await projector.rebuild()
    await append(log, "c")
    assert await projector.passed(3, 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await seen(pool) == [1, 2, 3]


async def test_rebuild_is_refused_to_others(pool):
    """While another process folds, its tables are not emptied under it."""
    log = MemoryLog()
    await append(log, "a")
    await Projector(Follower(pool, log, "test"), remember, clear=clear).catch_up()
    async with pool.acquire() as connection:
        await Checkpoint("test", "another").take(connection)
    with pytest.raises(LeaseLost):
        await Projector(Follower(pool, log, "test"), remember, clear=clear).rebuild()
    assert await seen(pool) == [1]


async def test_shadow(pool, database):
    """The same projector on a pool with another search_path folds there, and leaves the live tables alone."""
    log = MemoryLog()
    await append(log, "a", "b")
    await Projector(Follower(pool, log, "test"), remember, clear=clear).catch_up()
    async with following_pool(database, "replay_1") as shadow:
        await Projector(Follower(shadow, log, "test"), remember, clear=clear).catch_up()
        assert await seen(shadow) == await seen(pool) == [1, 2]
