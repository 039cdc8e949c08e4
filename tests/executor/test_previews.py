"""Previews beside the runs: how they are asked for over the bus, and that no run waits for one."""

import asyncio
import os
import signal
import subprocess
import sys

import msgspec
import nats
import pytest
from support.executor_process import Executor, Source, free_port
from support.executor_world import DISCARD, INLINE, eventually

from orc_domain.previews import (
    PreviewAnswer,
    PreviewBusy,
    PreviewFailed,
    PreviewLate,
    PreviewShown,
    PreviewWish,
)
from orc_domain.run_messages import ENDED
from orc_executor.child import spawn
from orc_executor.frames import NOTHING_STORED
from orc_executor.orphans import Registry, process_of
from orc_executor.pool import NoWorker, Pool
from orc_executor.previews import AT_ONCE_MAX, Previews


def wish(extractor=INLINE, loader=None):
    return msgspec.json.encode(PreviewWish(extractor_config=extractor, loader_config=loader, rows_wanted=20))


def read(data):
    return msgspec.json.decode(data, type=PreviewAnswer)


@pytest.fixture
async def source():
    """Serve on loopback a source that answers when it is told to."""
    source = Source()
    server = await asyncio.start_server(source.serve, "127.0.0.1", 0)
    source.config = {
        "type": "api",
        "url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/rows",
    }
    yield source
    for released in source.waiting:
        released.set()
    server.close()


async def nothing(*_configs):
    return NOTHING_STORED


@pytest.fixture
async def workers(tmp_path):
    """Have a pool of one slot with real workers."""
    registry = Registry(tmp_path / "workers")
    environ = {
        "PATH": os.environ["PATH"], "ORC_DATA_DIR": str(tmp_path), "ORC_EGRESS_ALLOW": "loopback",
    }  # fmt: skip
    pool = Pool(lambda: spawn(registry, environ), slots=1, tasks_max=100)
    yield pool
    await pool.close()
    registry.close()


async def test_no_run_waits_for_a_preview(workers, source):
    """With previews under way the slot is free; with the slot taken a preview is answered."""
    previews = Previews(workers, nothing)
    waiting = [asyncio.create_task(previews.answer(wish(source.config))) for _ in range(AT_ONCE_MAX)]
    await source.asked(AT_ONCE_MAX)
    held = await asyncio.wait_for(workers.acquire(), 30)
    for released in source.waiting:
        released.set()
    assert [type(read(answer)) for answer in await asyncio.gather(*waiting)] == [PreviewShown] * AT_ONCE_MAX
    assert isinstance(read(await previews.answer(wish())), PreviewShown)
    workers.release(held)


async def test_so_many_at_once(workers, source):
    """One more than may be looked at is told so at once, and is welcome afterwards."""
    previews = Previews(workers, nothing)
    waiting = [asyncio.create_task(previews.answer(wish(source.config))) for _ in range(AT_ONCE_MAX)]
    await source.asked(AT_ONCE_MAX)
    assert read(await previews.answer(wish())) == PreviewBusy()
    for released in source.waiting:
        released.set()
    await asyncio.gather(*waiting)
    assert isinstance(read(await previews.answer(wish())), PreviewShown)


async def test_one_that_takes_too_long(workers, source):
    """The worker gives up by itself and is used again; one that is frozen is killed."""
    previews = Previews(workers, nothing, seconds_max=0.5)
    assert read(await previews.answer(wish(source.config))) == PreviewLate(0.5)
    assert isinstance(read(await previews.answer(wish())), PreviewShown)
    (worker,) = [entry[0] for entry in workers._idle]
    os.kill(worker.pid, signal.SIGSTOP)
    assert (read(await previews.answer(wish())), worker.is_usable) == (PreviewLate(0.5), False)


async def test_a_worker_that_dies(workers, source):
    """A source that takes its worker along is told as that."""
    asking = asyncio.create_task(Previews(workers, nothing).answer(wish(source.config)))
    await source.asked(1)
    for worker in workers._busy:
        worker.kill()
    died = read(await asking)
    assert (died.kind, "SIGKILL" in died.message) == ("worker_died", True)


async def test_no_worker_starts(tmp_path):
    """Where none can be started, that is the answer, and the next one may be."""

    async def fail():
        raise OSError("no memory")

    previews = Previews(Pool(fail, slots=1, tasks_max=1), nothing)
    for _ in range(AT_ONCE_MAX + 1):
        answer = read(await previews.answer(wish()))
        assert (type(answer), answer.kind) == (PreviewFailed, "worker_died")
    with pytest.raises(NoWorker):
        await Pool(fail, slots=1, tasks_max=1).acquire_extra()


@pytest.fixture
async def executor(database, nats_server, bus, tmp_path):
    """Run an executor as a process of its own, with its own rights."""
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ORC_")} | {
        "ORC_EXECUTOR_DATABASE_URL": database.url("orc_executor"),
        "ORC_NATS_EXECUTOR_URL": nats_server.urls["executor"],
        "ORC_EXECUTOR_HEALTH_PORT": str(port), "ORC_DATA_DIR": str(tmp_path), "ORC_SLOTS": "1",
        "ORC_EGRESS_ALLOW": "loopback", "ORC_DRAIN_SECONDS": "0.3",
    }  # fmt: skip
    process = await asyncio.to_thread(subprocess.Popen, [sys.executable, "-m", "orc_executor"], env=environ)
    try:
        found = Executor(process, port, tmp_path)
        await found.ready()
        yield found
    finally:
        process.kill()
        process.wait()


async def test_asked_over_the_bus(executor, nats_server, bus, scheduler, source):
    """The gateway's own rights reach an executor while its slot is taken; it stops clean with a preview under way."""
    run = await scheduler.request((source.config, DISCARD))
    await scheduler.offer(bus, run.run_id)
    await source.asked(1)
    gateway = await nats.connect(nats_server.urls["gateway"], inbox_prefix="_INBOX_gateway")
    answer = read((await gateway.request("orc.preview.default", wish(), timeout=30)).data)
    assert [bytes(row) for row in answer.preview.rows] == [b'{"a":1}', b'{"a":2}']
    source.waiting[0].set()
    assert (await scheduler.until(run.run_id, ENDED)).status == "success"
    asking = asyncio.create_task(gateway.request("orc.preview.default", wish(source.config), timeout=30))
    await source.asked(2)
    workers = executor.workers()
    executor.process.send_signal(signal.SIGTERM)
    assert await executor.ended() == 0
    asking.cancel()
    await gateway.close()
    await eventually(lambda: [process_of(pid) for pid in workers] == [None] * len(workers))
