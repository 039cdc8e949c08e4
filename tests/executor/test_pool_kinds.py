"""Workers with and without network: each task gets its kind, and neither kind is started more often than it must."""

import pytest

from orc_executor.pool import NoWorker, Pool


class Worker:
    is_usable, tasks_done = True, 0

    def __init__(self, kind):
        self.kind = kind

    async def close(self):
        self.is_usable = False

    def kill(self):
        self.is_usable = False


class Started:
    """What was started, by kind."""

    def __init__(self):
        self.kinds = []

    def spawn(self, kind):
        async def start():
            self.kinds.append(kind)
            return Worker(kind)

        return start


@pytest.fixture
async def world():
    started = Started()
    pool = Pool(started.spawn("online"), slots=1, tasks_max=9, spawn_offline=started.spawn("offline"))
    yield pool, started
    await pool.close()


async def test_mixed_loads_start_two_processes(world):
    """A slot keeps an idle worker of one kind while one of the other works."""
    pool, started = world
    for offline in (True, False, True, False, True):
        worker = await pool.acquire(offline=offline)
        assert worker.kind == ("offline" if offline else "online")
        pool.release(worker)
    assert (started.kinds, pool.size) == (["offline", "online"], 2)


async def test_a_worker_is_exchanged_within_its_slot(world):
    """A run whose next task is of the other kind gets another worker, and goes on with its own where it is not."""
    pool, started = world
    first = await pool.acquire(offline=True)
    assert await pool.exchange(first, offline=True) is first
    other = await pool.exchange(first, offline=False)
    assert (other.kind, started.kinds) == ("online", ["offline", "online"])
    pool.release(other)
    assert await pool.acquire(offline=True) is first


async def test_where_none_can_be_kept_from_the_network_there_is_one_kind():
    """Then who wishes for one without gets one with, and nothing is started for it."""
    started = Started()
    pool = Pool(started.spawn("online"), slots=1, tasks_max=9)
    worker = await pool.acquire(offline=True)
    assert await pool.exchange(worker, offline=False) is worker
    pool.release(worker)
    assert await pool.acquire() is worker
    assert started.kinds == ["online"]


async def test_one_that_cannot_be_exchanged_is_kept():
    """The slot is not lost with a worker that did not start."""

    async def fail():
        raise OSError("no memory")

    pool = Pool(Started().spawn("online"), slots=1, tasks_max=9, spawn_offline=fail)
    worker = await pool.acquire()
    with pytest.raises(NoWorker):
        await pool.exchange(worker, offline=True)
    pool.release(worker)
    assert await pool.acquire() is worker
