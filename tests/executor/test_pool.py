"""The pool of worker processes: lent, reused, replaced, kept few."""

import asyncio
import os
import signal
import time
from functools import partial
from uuid import uuid4

import pytest
from support.executor_world import SCRIPTED

from orc_executor.child import WORKER, WorkerDied, spawn
from orc_executor.frames import Failed, Loaded, Stopped, TaskOrder
from orc_executor.orphans import Registry, process_of
from orc_executor.pool import IDLE_SECONDS_MAX, NoWorker, Pool
from orc_executor.worker_settings import worker_environment


def order(do, **more):
    return TaskOrder(
        run_id=uuid4(),
        root_id=uuid4(),
        attempt=1,
        task_id=uuid4(),
        task_order=1,
        extractor_config={"do": do},
        loader_config={},
        **more,
    )


@pytest.fixture
async def pools(tmp_path):
    """Make pools of scripted workers, closed at the end."""
    opened = []

    def make(slots=2, tasks_max=100, program=SCRIPTED):
        registry = Registry(tmp_path / "workers")
        pool = Pool(partial(spawn, registry, dict(os.environ), program), slots=slots, tasks_max=tasks_max)
        opened.append(pool)
        return pool

    yield make
    for pool in opened:
        await pool.close()


def unheard(_progress):
    pass


async def test_workers_are_started_on_demand_and_reused(pools):
    """Nothing runs before it is needed; the same process serves one order after another."""
    pool = pools()
    assert (pool.size, pool.trouble) == (0, "no worker was started yet")
    pids = []
    for _ in range(3):
        worker = await pool.acquire()
        assert isinstance(await worker.perform(order("load"), unheard), Loaded)
        pids.append(worker.pid)
        pool.release(worker)
    assert (len(set(pids)), pool.size, pool.trouble) == (1, 1, None)


async def test_no_more_workers_than_slots(pools):
    """Who comes when all slots are taken waits for one, and gets the worker that was given back."""
    pool = pools(slots=2)
    first, second = await pool.acquire(), await pool.acquire()
    waiting = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    assert (waiting.done(), pool.size) == (False, 2)
    pool.release(first)
    assert await waiting is first
    pool.release(first)
    pool.release(second)


async def test_a_worker_is_replaced_after_its_share(pools):
    """After so many tasks a fresh process takes over."""
    pool = pools(slots=1, tasks_max=2)
    pids = []
    for _ in range(4):
        worker = await pool.acquire()
        await worker.perform(order("load"), unheard)
        pids.append(worker.pid)
        pool.release(worker)
    assert pids == [pids[0], pids[0], pids[2], pids[2]]
    assert pids[0] != pids[2]


@pytest.mark.parametrize("do", ["die", "nonsense"])
async def test_a_worker_that_dies_answers_by_its_death(pools, do):
    """A process that ends, or speaks nonsense, is a WorkerDied that says how; the next order gets another."""
    pool = pools(slots=1)
    worker = await pool.acquire()
    with pytest.raises(WorkerDied, match="the worker process was ended by SIGKILL"):
        await worker.perform(order(do), unheard)
    pool.release(worker)
    other = await pool.acquire()
    assert other.pid != worker.pid
    assert isinstance(await other.perform(order("load"), unheard), Loaded)
    pool.release(other)


async def test_a_fatal_failure_costs_the_process(pools):
    """A worker that can no longer trust itself is not used again."""
    pool = pools(slots=1)
    worker = await pool.acquire()
    answer = await worker.perform(order("break"), unheard)
    assert answer == Failed("source_malformed", "line 3", False, fatal=True)
    pool.release(worker)
    assert pool.size == 0


async def test_an_idle_worker_that_died_is_not_lent(pools):
    """A process killed between two orders is replaced without anybody noticing."""
    pool = pools(slots=1)
    worker = await pool.acquire()
    pool.release(worker)
    os.kill(worker.pid, signal.SIGKILL)
    await asyncio.wait_for(asyncio.shield(worker._ended), 10)
    other = await pool.acquire()
    assert isinstance(await other.perform(order("load"), unheard), Loaded)
    pool.release(other)


async def test_one_is_kept_warm_and_idle_ones_go(pools):
    """Tidying starts the first worker and ends those that were idle for long, but the last one."""
    pool = pools(slots=2)
    await pool.tidy(time.monotonic())
    assert pool.size == 1
    first, second = await pool.acquire(), await pool.acquire()
    pool.release(first)
    pool.release(second)
    await pool.tidy(time.monotonic())
    assert pool.size == 2
    await pool.tidy(time.monotonic() + IDLE_SECONDS_MAX + 1)
    assert pool.size == 1
    last = await pool.acquire()
    assert last is second
    pool.release(last)


async def test_a_worker_that_cannot_start_is_said(pools):
    """A broken installation is a reason, for the attempt and for readiness; the slot is not lost."""
    pool = pools(slots=1, program=("-c", "raise SystemExit(7)"))
    for _ in range(2):
        with pytest.raises(NoWorker, match="ended with exit status 7"):
            await pool.acquire()
    assert "ended with exit status 7" in pool.trouble


async def test_a_stop_ends_the_order_and_keeps_the_worker(pools):
    """A cancelled order is answered by Stopped."""
    pool = pools(slots=1)
    worker = await pool.acquire()
    answering = asyncio.create_task(worker.perform(order("wait"), unheard))
    await asyncio.sleep(0)
    worker.stop()
    assert await answering == Stopped()
    assert worker.is_usable
    pool.release(worker)


async def test_progress_is_heard(pools):
    """What a worker tells of its progress reaches who gave the order."""
    pool, heard = pools(slots=1), []
    worker = await pool.acquire()
    await worker.perform(order("load"), heard.append)
    pool.release(worker)
    assert [(one.rows, one.bytes, one.percent) for one in heard] == [(1, 10, 50.0)]


async def test_a_chattering_worker_is_cut_short(pools, capfd):
    """What a worker writes to standard error reaches the log up to a limit, and never blocks it."""
    pool = pools(slots=1)
    worker = await pool.acquire()
    assert isinstance(await worker.perform(order("chatter"), unheard), Loaded)
    pool.release(worker)
    await pool.close()
    assert 60_000 < capfd.readouterr().out.count("x") < 140_000


async def test_closing_leaves_no_process(pools):
    """Idle workers end, busy ones are killed, and their orders are answered by their death."""
    pool = pools(slots=2)
    busy, idle = await pool.acquire(), await pool.acquire()
    pool.release(idle)
    answering = asyncio.create_task(busy.perform(order("deaf"), unheard))
    await asyncio.sleep(0)
    await pool.close()
    with pytest.raises(WorkerDied):
        await answering
    pool.release(busy)
    await pool.close()
    assert [process_of(worker.pid) for worker in (busy, idle)] == [None, None]


def test_a_worker_knows_no_way_to_the_database():
    """A worker's environment holds its settings, the secrets and the interpreter's; offline, no secrets; nothing else."""
    environ = {
        "ORC_DATA_DIR": "/data",
        "ORC_SECRET_GITHUB_TOKEN": "t",
        "ORC_DATABASE_URL": "postgresql://u:p@h/d",
        "ORC_EXECUTOR_DATABASE_URL": "postgresql://u:p@h/d",
        "ORC_NATS_URL": "nats://u:p@h",
        "PGPASSWORD": "p",
        "PATH": "/bin",
        "PYTHONPATH": "/lib",
    }
    assert worker_environment(environ) == {
        "ORC_DATA_DIR": "/data",
        "ORC_SECRET_GITHUB_TOKEN": "t",
        "PATH": "/bin",
        "PYTHONPATH": "/lib",
    }
    assert worker_environment(environ, offline=True) == {
        "ORC_DATA_DIR": "/data",
        "PATH": "/bin",
        "PYTHONPATH": "/lib",
    }
    assert WORKER == ("-P", "-m", "orc_executor.worker")
