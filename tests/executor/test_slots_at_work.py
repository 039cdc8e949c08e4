"""Slots at work: executors that race, wait and retry, on a real log and a real bus."""

import asyncio
from contextlib import AsyncExitStack

from msgspec import structs
from support.executor_world import QUICK, eventually, pool_of, scripted, types
from support.limited import JOB, Claimant

from orc_domain.run_messages import ENDED, RunStarted, SucceedTask, TaskResult
from orc_events.jetstream import call
from orc_events.topology import WORK
from orc_executor.slots import HeldBack

LIVE = "SELECT count(*) FROM executor.slots WHERE scope = $1 AND lease_until > clock_timestamp()"


async def test_eight_executors_race_for_two_slots(database, scheduler, limited):
    """Of 50 runs never more than 2 are worked on at once, by live slots and by the log, and all end."""
    runs = [await limited(2) for _ in range(50)]
    left, live, refused = set(runs), [], asyncio.Event()

    async def race(racer):
        while left:
            for run_id in sorted(left):
                try:
                    owned = await racer.claim(run_id)
                except HeldBack:
                    refused.set()
                    continue
                left.discard(run_id)
                if owned is None:
                    continue
                if len(left) > len(racers):
                    # Keep it until somebody else was refused.
                    refused.clear()
                    await refused.wait()
                live.append(await racer.pool.fetchval(LIVE, f"job:{JOB}"))
                await owned.say(SucceedTask(1, 1, TaskResult(rows=1)), "done")
                racer.slots.give_back(owned.slots)
            await racer.leases.renew()

    async with AsyncExitStack() as stack:
        racers = [
            Claimant(await stack.enter_async_context(pool_of(database, "orc_executor")), scheduler, f"e{nth}")
            for nth in range(8)
        ]
        await asyncio.gather(*map(race, racers))
    stories = [types(await scheduler.events(run_id)) for run_id in runs]
    assert stories == [["run.requested", "run.started", "task.succeeded", "run.succeeded"]] * 50
    assert (max(live), overlapping(await all_events(scheduler.log, runs))) == (2, 2)


async def all_events(log, runs):
    names = {f"run-{run_id}" for run_id in runs}
    return [event for event in await log.read(0, 5_000) if event.stream in names]


def overlapping(events) -> int:
    """Count how many runs were running at once at most, as the log tells it."""
    running, most = 0, 0
    for event in events:
        running += (event.type == "run.started") - (event.type in {"run.succeeded", "run.attempt_failed"})
        most = max(most, running)
    return most


async def test_the_pool_has_slots_too(pool, scheduler, executors, bus):
    """With a limit for the pool, runs wait their turn in the executor that took their message, none is lost."""
    await executors(name="east", slots=4, pool_max=2)
    await executors(name="west", slots=4, pool_max=2)
    runs = [(await scheduler.request(scripted("load"))).run_id for _ in range(30)]
    for run_id in runs:
        await scheduler.offer(bus, run_id)
    for run_id in runs:
        await scheduler.until(run_id, ENDED)
    assert overlapping(await all_events(scheduler.log, runs)) <= 2


async def test_a_message_that_finds_no_slot_is_done_with(scheduler, executors, bus, limited):
    """It neither comes again nor holds others: the rescuer sends the run when its turn has come."""
    executor = await executors(slots=2)
    first, second = await limited(1, scripted("wait")), await limited(1, scripted("load"))
    await scheduler.offer(bus, first)
    await scheduler.until(first, ["running"])
    await scheduler.offer(bus, second)
    await eventually(lambda: executor.consumer._metrics.claims.labels("held")._value.get() == 1)
    other = await scheduler.request(scripted("load"))
    await scheduler.offer(bus, other.run_id)
    await scheduler.until(other.run_id, ENDED)
    info = await call(bus, f"CONSUMER.INFO.{WORK}.pool-default")
    assert (info["num_ack_pending"], info["num_pending"]) == (1, 0)
    await scheduler.cancel(first)
    executor.leases.poke(first)
    await scheduler.until(first, ENDED)
    await scheduler.offer(bus, second)
    assert (await scheduler.until(second, ENDED)).status == "success"


async def test_a_retry_takes_a_slot_anew(scheduler, executors, bus, limited):
    """Each attempt holds a slot of its own, and the next finds the last one's free."""
    await executors()
    run_id = await limited(1, scripted("die once"), policy=structs.replace(QUICK, attempts_max=2))
    await scheduler.offer(bus, run_id)
    await scheduler.until(run_id, ["queued"], after=2)
    await scheduler.offer(bus, run_id)
    assert (await scheduler.until(run_id, ENDED)).status == "success"
    assert RunStarted(attempt=2, executor="east") in await scheduler.events(run_id)
