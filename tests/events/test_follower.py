"""A follower takes each event once, in order, whatever happens to it in between."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from support.following import append, following_pool, remember, seen

from orc_events.checkpoint import Checkpoint
from orc_events.errors import GapFound, LeaseLost
from orc_events.follower import Follower
from orc_events.memory import MemoryLog


@asynccontextmanager
async def running(follower, effect=remember, on_applied=None):
    task = asyncio.create_task(follower.run(effect, on_applied))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def pool(database):
    async with following_pool(database) as pool:
        yield pool


async def expire(pool):
    """Let the lease run out, as when its holder was paused."""
    await pool.execute("UPDATE checkpoints SET lease_until = now() - interval '1 minute'")


async def test_follows(pool):
    """Events before and after the start are applied once, and the checkpoint stands at the last."""
    log = MemoryLog()
    await append(log, "a", "b")
    applied = []
    follower = Follower(pool, log, "test")
    async with running(follower, on_applied=applied.append):
        assert await follower.passed(2, 5)
        await append(log, "c")
        follower.poke(3)
        assert await follower.passed(3, 5)
    assert await seen(pool) == [1, 2, 3]
    assert await pool.fetchval("SELECT position FROM checkpoints") == 3
    assert applied == [2, 3]


async def test_batches(pool):
    """A long way is gone in batches, none of them longer than allowed, without a gap."""
    log = MemoryLog()
    await append(log, *["a"] * 25)
    sizes = []

    async def count(connection, batch):
        sizes.append(len(batch))
        await remember(connection, batch)

    await Follower(pool, log, "test", batch_max=10).catch_up(count, 25)
    assert sizes == [10, 10, 5]
    assert await seen(pool) == list(range(1, 26))


async def test_goes_on_where_it_stopped(pool):
    """A second start, by another holder, applies only what is new."""
    log = MemoryLog()
    await append(log, "a", "b")
    await Follower(pool, log, "test").catch_up(remember, 2)
    await append(log, "c")
    await Follower(pool, log, "test").catch_up(remember, 3)
    assert await seen(pool) == [1, 2, 3]


async def test_effect_and_checkpoint_together(pool):
    """An effect that fails after writing leaves neither rows nor a moved checkpoint."""
    log = MemoryLog()
    await append(log, "a")

    async def write_then_fail(connection, batch):
        await remember(connection, batch)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Follower(pool, log, "test").catch_up(write_then_fail, 1)
    assert await seen(pool) == []
    assert await pool.fetchval("SELECT position FROM checkpoints") == 0


async def test_one_leads(pool):
    """While a lease runs another holder is refused; once it has run out, it is taken."""
    first, second = Checkpoint("test", "first"), Checkpoint("test", "second")
    async with pool.acquire() as connection:
        assert await first.take(connection) == 0
        assert await second.take(connection) is None
        assert await first.take(connection) == 0
        await expire(pool)
        assert await second.take(connection) == 0
        assert await first.take(connection) is None


async def test_released_lease_is_free(pool):
    """A lease given back can be taken at once."""
    first, second = Checkpoint("test", "first"), Checkpoint("test", "second")
    async with pool.acquire() as connection:
        await first.take(connection)
        await first.release(connection)
        assert await second.take(connection) == 0


async def test_paused_holder_does_not_double(pool):
    """A holder paused past its lease, in the middle of a batch, rolls back what another has done meanwhile."""
    log = MemoryLog()
    await append(log, "a", "b")
    begun, may_go_on = asyncio.Event(), asyncio.Event()

    async def slowly(connection, batch):
        await connection.execute("CREATE TABLE IF NOT EXISTS half_done ()")
        begun.set()
        await may_go_on.wait()

    paused = asyncio.create_task(Follower(pool, log, "test").catch_up(slowly, 2))
    await begun.wait()
    await expire(pool)
    await Follower(pool, log, "test").catch_up(remember, 2)
    may_go_on.set()
    with pytest.raises(LeaseLost):
        await paused
    assert await seen(pool) == [1, 2]
    assert await pool.fetchval("SELECT to_regclass('half_done')") is None


async def test_standby_takes_over(pool):
    """A follower on standby leads as soon as the lease has run out, and loses no event."""
    log = MemoryLog()
    await append(log, "a")
    async with pool.acquire() as connection:
        await Checkpoint("test", "dead").take(connection)
    follower = Follower(pool, log, "test")
    async with running(follower):
        assert not await follower.passed(1, 0.05)
        await expire(pool)
        assert await follower.passed(1, 5)
    assert await seen(pool) == [1]


async def test_waiting_in_vain(pool):
    """Waiting for a position that does not come ends at its time, saying no."""
    assert not await Follower(pool, MemoryLog(), "test").passed(1, 0.01)


async def test_told_by_the_leader(pool):
    """On standby what the leader tells ends the wait."""
    follower = Follower(pool, MemoryLog(), "test")
    waiting = asyncio.create_task(follower.passed(3, 5))
    await asyncio.sleep(0)
    follower.saw(4)
    assert await waiting


async def test_gap_ends_it(pool):
    """A hole in what is read is a bug: the loop ends with it instead of going on behind it."""
    whole = MemoryLog()
    await append(whole, "a", "b", "c")

    class Holed(MemoryLog):
        async def read(self, after, limit):
            return [one for one in await whole.read(after, limit) if one.position != 2]

    with pytest.raises(GapFound):
        await asyncio.wait_for(Follower(pool, Holed(), "test").run(remember), 5)
    assert await seen(pool) == []


async def test_appends_keep_their_durability(pool):
    """Following leaves no setting behind in a session of the pool: an append there still waits for the disk."""
    log = MemoryLog()
    await append(log, "a")
    async with pool.acquire() as connection:
        await connection.execute("SET synchronous_commit = on")
        follower = Follower(OneConnection(connection), log, "test")
        await follower.catch_up(remember, 1)
        assert await connection.fetchval("SHOW synchronous_commit") == "on"


class OneConnection:
    """A pool of one connection that is never reset, as the services' pools."""

    def __init__(self, connection):
        self._connection = connection

    @asynccontextmanager
    async def acquire(self):
        yield self._connection
