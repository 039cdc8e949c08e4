"""From a work message to the log: real Postgres, real NATS, scripted workers."""

import asyncio
from uuid import UUID, uuid4

import msgspec
import pytest
from support.executor_world import eventually, executor_running, scripted, types

from orc_domain.run_messages import ENDED
from orc_events.jetstream import call
from orc_events.topology import WORK

SUCCESS = ["run.requested", "run.started", "task.succeeded", "run.succeeded"]


async def unacked(bus):
    """Count the messages that were delivered or wait to be."""
    info = await call(bus, f"CONSUMER.INFO.{WORK}.pool-default")
    return info["num_ack_pending"] + info["num_pending"]


async def settled(bus):
    """Wait until every message is acked."""

    async def is_settled():
        return await unacked(bus) == 0

    await eventually(is_settled)


async def test_a_message_becomes_a_finished_run(executors, scheduler, bus):
    """The run is claimed, performed, told, and the message acked after that."""
    await executors()
    wish = await scheduler.request(scripted("load"))
    await scheduler.offer(bus, wish.run_id)
    run = await scheduler.until(wish.run_id, ENDED)
    assert (run.status, run.executor, types(await scheduler.events(wish.run_id))) == (
        "success",
        "east",
        SUCCESS,
    )
    assert {one.actor for one in await scheduler.recorded(wish.run_id)} == {"scheduler", "executor:east"}
    assert len({one.correlation_id for one in await scheduler.recorded(wish.run_id)}) == 1
    await settled(bus)


async def test_a_redelivery_is_a_no_op(executors, scheduler, bus):
    """The same message again, while the run is running and after it ended, is acked and adds nothing."""
    executor = await executors()
    wish = await scheduler.request(scripted("wait"))
    await scheduler.offer(bus, wish.run_id)
    await scheduler.until(wish.run_id, ["running"])
    await scheduler.offer(bus, wish.run_id)
    await eventually(lambda: executor.consumer._metrics.claims.labels("refused")._value.get() == 1)
    await scheduler.cancel(wish.run_id)
    executor.leases.poke(wish.run_id)
    await scheduler.until(wish.run_id, ENDED)
    past = await scheduler.events(wish.run_id)
    await scheduler.offer(bus, wish.run_id)
    await settled(bus)
    assert await scheduler.events(wish.run_id) == past


async def test_many_runs_over_two_executors_are_each_performed_once(executors, scheduler, bus):
    """Whoever claims first performs; messages delivered twice change nothing."""
    await executors(name="east")
    await executors(name="west")
    wishes = [await scheduler.request(scripted("load"), job_id=UUID(int=1)) for _ in range(40)]
    for wish in [*wishes, *wishes]:
        await scheduler.offer(bus, wish.run_id)
    for wish in wishes:
        await scheduler.until(wish.run_id, ENDED)
    await settled(bus)
    assert [types(await scheduler.events(wish.run_id)) for wish in wishes] == [SUCCESS] * 40


async def test_what_is_no_work_is_acked_and_forgotten(executors, scheduler, bus):
    """A message that is no run's first event stops nobody."""
    await executors()
    await bus.publish("orc.work.default", b"{}", {"ce-type": "what"})
    await bus.publish("orc.work.default", b"\xff")
    wish = await scheduler.request(scripted("load"))
    await scheduler.offer(bus, wish.run_id)
    await scheduler.until(wish.run_id, ENDED)
    await settled(bus)


async def test_work_of_a_newer_version_is_left_for_others(executors, scheduler, bus):
    """An event this version cannot read is given back, not acked."""
    await executors()
    wish = await scheduler.request(scripted("load"))
    offered = await scheduler.work(wish.run_id)
    await bus.publish(offered.subject, offered.data, offered.headers | {"orc-schema-version": "999"})
    other = await scheduler.request(scripted("load"))
    await scheduler.offer(bus, other.run_id)
    await scheduler.until(other.run_id, ENDED)

    async def is_alone():
        return await unacked(bus) == 1

    await eventually(is_alone)
    assert (await scheduler.run(wish.run_id)).status == "queued"


async def test_a_long_run_holds_no_other_back(executors, scheduler, bus):
    """With all slots taken by long runs, a message goes to whoever is free."""
    await executors(name="east", slots=1)
    long = await scheduler.request(scripted("deaf"))
    await scheduler.offer(bus, long.run_id)
    await scheduler.until(long.run_id, ["running"])
    wishes = [await scheduler.request(scripted("load")) for _ in range(3)]
    for wish in wishes:
        await scheduler.offer(bus, wish.run_id)
    await executors(name="west", slots=1)
    runs = [await scheduler.until(wish.run_id, ENDED) for wish in wishes]
    assert [run.executor for run in runs] == ["west"] * 3


async def test_a_process_that_stops_says_nothing_untrue(pool, scheduler, bus, tmp_path):
    """Told to stop, it lets short runs end; a long one's worker is killed, its lease runs out, the log stays silent."""
    async with executor_running(pool, bus, tmp_path) as executor:
        long = await scheduler.request(scripted("deaf"))
        await scheduler.offer(bus, long.run_id)
        await scheduler.until(long.run_id, ["running"])
        await eventually(lambda: bool(executor.workers._busy))
        (worker,) = executor.workers._busy
    assert not worker.is_usable
    assert types(await scheduler.events(long.run_id)) == ["run.requested", "run.started"]
    rows = await pool.fetch(
        "SELECT run_id, attempt, lease_until < clock_timestamp() AS is_over FROM executor.leases"
    )
    assert [tuple(row) for row in rows] == [(long.run_id, 1, True)]
    assert await unacked(bus) == 1


async def test_progress_is_told_on_the_bus(executors, scheduler, bus):
    """Who listens hears how far a task is."""
    await executors()
    heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
    await bus.listen("orc.progress.*", lambda subject, data: heard.put_nowait((subject, data)))
    wish = await scheduler.request(scripted("load"))
    await scheduler.offer(bus, wish.run_id)
    async with asyncio.timeout(20):
        subject, data = await heard.get()
    told = msgspec.json.decode(data)
    del told["at"]
    assert (subject, told) == (
        f"orc.progress.{wish.run_id}",
        {
            "run_id": str(wish.run_id),
            "attempt": 1,
            "task": 1,
            "rows": 1,
            "bytes": 10,
            "percent": 50.0,
            "phase": "gather",
            "rows_per_second": None,
            "bytes_per_second": None,
        },
    )


@pytest.mark.parametrize("count", [1, 4])
async def test_slots_bound_what_runs(executors, scheduler, bus, count):
    """Never more runs than slots while they are long."""
    executor = await executors(slots=count)
    for _ in range(count + 3):
        wish = await scheduler.request(scripted("deaf"), job_id=uuid4())
        await scheduler.offer(bus, wish.run_id)
    await eventually(lambda: len(executor.workers._busy) == count)
    assert (executor.consumer.active, executor.workers.size) == (count, count)
