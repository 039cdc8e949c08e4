"""The executor as it is deployed: its own process and rights, real workers, real files."""

import asyncio
import os
import signal
import subprocess
import sys

import duckdb
import msgspec
import pytest
from msgspec import structs
from support.executor_process import ROWS, Source
from support.executor_world import DISCARD, INLINE, QUICK, eventually, pool_of, types

from orc_domain.run_messages import ENDED
from orc_events.jetstream import call
from orc_events.topology import WORK
from orc_executor.orphans import Process, Record, process_of
from orc_scheduler.calendar import Calendar, Listeners


@pytest.fixture
async def source():
    """Serve on loopback; yields the source and its task."""
    source = Source()
    server = await asyncio.start_server(source.serve, "127.0.0.1", 0)
    source.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/rows"
    yield source
    for released in source.waiting:
        released.set()
    server.close()


def into_duckdb(extractor, **more):
    return extractor, {"type": "duckdb", "db_path": "out.duckdb", "table_name": "t"} | more


def api(source):
    return {"type": "api", "url": source.url}


async def test_it_is_ready_and_says_why(start):
    """Readiness names the database, the bus, the consumer and the workers."""
    executor = await start()
    answer = (await executor.readiness()).json()
    checks = {"postgres": "ok", "nats": "ok", "consumer": "ok", "workers": "ok"}
    assert answer == {"ready": True, "checks": checks}


async def test_a_run_loads_rows(start, scheduler, bus):
    """Tasks of a run load one after another; what the log says of them is what is in the file."""
    executor = await start()
    wish = await scheduler.request(
        into_duckdb({"type": "inline", "rows": ROWS}),
        into_duckdb({"type": "inline", "rows": ROWS[:1]}, table_name="u"),
        (INLINE, DISCARD),
    )
    await scheduler.offer(bus, wish.run_id)
    run = await scheduler.until(wish.run_id, ENDED)
    assert (run.status, run.error_message, [task.rows for task in run.tasks_done]) == (
        "success",
        None,
        [2, 1, 2],
    )
    assert (executor.rows(), executor.rows("u")) == ([(1, "one"), (2, "two")], [(1, "one")])


async def test_a_killed_worker_loads_once_all_the_same(start, scheduler, bus, source):
    """`kill -9` of the worker in mid-task costs an attempt; the next one appends the rows, once."""
    executor = await start()
    wish = await scheduler.request(into_duckdb(api(source), write_disposition="append"))
    await scheduler.offer(bus, wish.run_id)
    await source.asked(1)
    worker = executor.online_worker()
    os.kill(worker, signal.SIGKILL)
    run = await scheduler.until(wish.run_id, ["queued"])
    await scheduler.offer(bus, wish.run_id)
    await source.asked(2)
    source.waiting[1].set()
    run = await scheduler.until(wish.run_id, ENDED)
    assert (run.status, run.attempt, executor.rows()) == ("success", 2, [(1, "one"), (2, "two")])
    assert types(await scheduler.events(wish.run_id)) == [
        "run.requested",
        "run.started",
        "task.failed",
        "run.attempt_failed",
        "run.started",
        "task.succeeded",
        "run.succeeded",
    ]


async def test_a_killed_executor_takes_its_workers_along(start, scheduler, bus, source):
    """`kill -9` of the executor leaves no process; its successor performs the run once the rescuer took it back."""
    first = await start(ORC_EXECUTOR_NAME="east")
    wish = await scheduler.request(into_duckdb(api(source), write_disposition="append"))
    await scheduler.offer(bus, wish.run_id)
    await source.asked(1)
    workers = first.workers()
    first.process.kill()
    await eventually(lambda: {process_of(pid) for pid in workers} == {None})
    second = await start(ORC_EXECUTOR_NAME="east")
    await scheduler.lose(wish.run_id, 1)
    await scheduler.offer(bus, wish.run_id)
    await source.asked(2)
    source.waiting[1].set()
    run = await scheduler.until(wish.run_id, ENDED)
    assert (run.status, run.attempt, second.rows()) == ("success", 2, [(1, "one"), (2, "two")])


async def test_a_start_kills_what_a_dead_executor_left(start, tmp_path):
    """An executor clears the workers recorded by one that is gone before it takes work."""
    orphan = await asyncio.to_thread(subprocess.Popen, [sys.executable, "-c", "import time; time.sleep(600)"])
    folder = tmp_path / "data" / ".scratch" / "workers"
    folder.mkdir(parents=True)
    dead = Process(2**22 + 1, "another boot/1")
    (folder / "1.json").write_bytes(msgspec.json.encode(Record(dead, (process_of(orphan.pid),))))
    await start()
    assert await asyncio.to_thread(orphan.wait, 10) == -signal.SIGKILL


async def test_a_cancel_is_quick(start, scheduler, bus, source):
    """A poke makes the executor look at once: the worker stops, the run is cancelled, nothing is loaded."""
    executor = await start(ORC_CANCEL_GRACE_SECONDS="20")
    wish = await scheduler.request(into_duckdb(api(source)))
    await scheduler.offer(bus, wish.run_id)
    await source.asked(1)
    await scheduler.cancel(wish.run_id)
    bus.poke(f"orc.poke.run.{wish.run_id}")
    run = await scheduler.until(wish.run_id, ENDED)
    assert (run.status, run.attempt, (executor.data / "out.duckdb").exists()) == ("cancelled", 1, False)


async def test_a_poke_tells_of_urgent_runs(start, scheduler, bus, source, database):
    """With word of a more urgent run in its pool, and the right to read which, that one is claimed first."""
    await start(ORC_SLOTS="1")
    first = await scheduler.request(into_duckdb(api(source)))
    await scheduler.offer(bus, first.run_id)
    await source.asked(1)
    ordinary, urgent = await scheduler.request(), await scheduler.request(priority=10)
    async with pool_of(database, "orc_scheduler") as owner:
        await Calendar(owner, scheduler.log, Listeners()).projector.catch_up()
    bus.poke("orc.poke.pool.default", b"10")
    # Once this is answered, the server has passed the poke on.
    await call(bus, f"CONSUMER.INFO.{WORK}.pool-default")
    await scheduler.offer(bus, ordinary.run_id)
    source.waiting[0].set()
    places = []
    for wish in (first, urgent, ordinary):
        await scheduler.until(wish.run_id, ENDED)
        places.append((await scheduler.recorded(wish.run_id))[1].position)
    assert places == sorted(places)


async def test_a_task_past_its_time_is_ended(start, scheduler, bus, source):
    """The task's limit holds against a source that never answers."""
    await start()
    policy = structs.replace(QUICK, attempts_max=1, task_timeout_seconds=0.5)
    wish = await scheduler.request(into_duckdb(api(source)), policy=policy)
    await scheduler.offer(bus, wish.run_id)
    run = await scheduler.until(wish.run_id, ["queued", *ENDED], after=2)
    assert run.error_message == "task 1 took longer than 0.5 s (timeouts.task_seconds)"


async def test_a_run_past_its_time_is_ended(start, scheduler, bus, source):
    """The run's limit is the task's when it is the shorter one; what it ends is not tried again, however often it may be."""
    await start()
    policy = structs.replace(QUICK, attempts_max=5, run_timeout_seconds=0.5)
    wish = await scheduler.request(into_duckdb(api(source)), policy=policy)
    await scheduler.offer(bus, wish.run_id)
    await scheduler.until(wish.run_id, ["queued", *ENDED], after=2)
    # A worker that did not answer in time was killed, and its receipt is looked for first.
    await scheduler.offer(bus, wish.run_id)
    run = await scheduler.until(wish.run_id, ENDED)
    assert run.error_message == "the run took longer than 0.5 s (timeouts.run_seconds)"


async def test_a_frozen_worker_is_killed_before_its_run_is_cancelled(start, scheduler, bus, source):
    """A process that hears nothing is gone when the run is recorded as cancelled, and nothing is loaded."""
    executor = await start(ORC_CANCEL_GRACE_SECONDS="0.1")
    wish = await scheduler.request(into_duckdb(api(source)))
    await scheduler.offer(bus, wish.run_id)
    await source.asked(1)
    worker = executor.online_worker()
    os.kill(worker, signal.SIGSTOP)
    await scheduler.cancel(wish.run_id)
    bus.poke(f"orc.poke.run.{wish.run_id}")
    run = await scheduler.until(wish.run_id, ["queued"], after=2)
    assert (process_of(worker), run.error_kind) == (None, "worker_died")
    await scheduler.offer(bus, wish.run_id)
    run = await scheduler.until(wish.run_id, ENDED)
    assert run.status == "cancelled"
    with pytest.raises(duckdb.CatalogException):
        executor.rows()


async def test_a_missing_file_fails_the_run_at_once(start, scheduler, bus):
    """What will not pass is not tried again, and the worker's reason is the run's."""
    await start()
    wish = await scheduler.request(into_duckdb({"type": "csv", "path": "absent.csv"}))
    await scheduler.offer(bus, wish.run_id)
    run = await scheduler.until(wish.run_id, ENDED)
    assert (run.status, run.error_kind, run.attempt) == ("failed", "source_missing", 1)
    assert "absent.csv" in run.error_message


async def test_it_stops_clean(start, scheduler, bus, source):
    """SIGTERM with a long run under way: exit code 0, no process left, the lease free, nothing said."""
    executor = await start()
    wish = await scheduler.request(into_duckdb(api(source)))
    await scheduler.offer(bus, wish.run_id)
    await source.asked(1)
    workers = executor.workers()
    executor.process.send_signal(signal.SIGTERM)
    assert await executor.ended() == 0
    assert {process_of(pid) for pid in workers} == {None}
    assert list((executor.data / ".scratch" / "workers").iterdir()) == []
    assert types(await scheduler.events(wish.run_id)) == ["run.requested", "run.started"]
    assert (await scheduler.run(wish.run_id)).status == "running"
