"""What becomes of an attempt when its worker stops, hangs, breaks or dies: a real log, scripted workers."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs
from support.executor_world import PATIENCE_SECONDS, QUICK, eventually, scripted, types

from orc_domain.run_messages import ENDED, RunAttemptFailed, RunCancelled, RunFailed, TaskSucceeded
from orc_runtime.clock import ManualClock


@pytest.fixture
def perform(scheduler, bus):
    """Request a run, offer it, and offer it again whenever it waits; returns what happened once it ended."""

    async def perform(*dos, **more):
        wish = await scheduler.request(*map(scripted, dos), **more)
        run = await scheduler.run(wish.run_id)
        while not run.is_ended:
            await scheduler.offer(bus, wish.run_id)
            run = await scheduler.until(wish.run_id, [*ENDED, "queued"], after=run.version)
        return await scheduler.events(wish.run_id)

    return perform


async def running(scheduler, run_id, workers):
    """Wait until a run is running in a worker."""
    await scheduler.until(run_id, ["running"])
    await eventually(lambda: bool(workers._busy) and all(bool(worker._answer) for worker in workers._busy))


async def test_tasks_run_in_order_to_success(executors, perform):
    """Each task's result is recorded, the last one with the run's."""
    await executors()
    assert types(await perform("load", "load", "load")) == [
        "run.requested",
        "run.started",
        "task.succeeded",
        "task.succeeded",
        "task.succeeded",
        "run.succeeded",
    ]


async def test_a_passing_failure_is_tried_until_the_attempts_are_spent(executors, perform):
    """The worker's word is what the log says of it."""
    await executors()
    events = await perform("fail")
    assert types(events)[-3:] == ["run.started", "task.failed", "run.failed"]
    assert events[-1] == RunFailed(attempt=3, kind="source_unavailable", message="HTTP 503")


async def test_a_dead_worker_costs_an_attempt(executors, perform):
    """A process that vanishes may have committed, so another attempt looks, and loads."""
    await executors()
    events = await perform("load", "die once", "load")
    assert types(events) == [
        "run.requested",
        "run.started",
        "task.succeeded",
        "task.failed",
        "run.attempt_failed",
        "run.started",
        "task.succeeded",
        "task.succeeded",
        "run.succeeded",
    ]
    assert [event.result.rows for event in events if isinstance(event, TaskSucceeded)] == [1, 2, 2]
    (failed,) = [event for event in events if isinstance(event, RunAttemptFailed)]
    assert (failed.kind, failed.message) == ("worker_died", "the worker process ended with exit status 3")


async def test_a_worker_that_always_dies_is_settled(executors, perform):
    """When attempts are spent, a settle attempt reads the receipt and closes the run by it."""
    await executors()
    events = await perform("look", policy=structs.replace(QUICK, attempts_max=1, task_timeout_seconds=0.1))
    assert types(events) == [
        "run.requested",
        "run.started",
        "task.failed",
        "run.attempt_failed",
        "run.started",
        "run.failed",
    ]
    assert (events[1].settle, events[4].settle) == (False, True)
    assert (events[3].kind, events[3].message) == (
        "task_timeout",
        "task 1 took longer than 0.1 s (timeouts.task_seconds)",
    )
    assert events[5] == RunFailed(
        attempt=2, kind="task_timeout", message="task 1 took longer than 0.1 s (timeouts.task_seconds)"
    )


async def test_a_run_past_its_time_is_closed_after_a_look(executors, perform):
    """The run's own limit covers all attempts; the worker is killed, and the next attempt only reads the receipt."""
    await executors(clock=ManualClock(datetime.now(UTC)))
    events = await perform("look", policy=structs.replace(QUICK, run_timeout_seconds=0.1))
    assert [(type(event).__name__, getattr(event, "kind", None)) for event in events[2:]] == [
        ("TaskFailed", "run_timeout"),
        ("RunAttemptFailed", "run_timeout"),
        ("RunStarted", None),
        ("RunFailed", "run_timeout"),
    ]
    assert (events[4].settle, events[-1].message) == (
        True,
        "the run took longer than 0.1 s (timeouts.run_seconds)",
    )


async def test_an_attempt_that_begins_too_late_only_looks(executors, scheduler, bus):
    """A run in doubt whose time is over when it is claimed again fails once its receipt was read."""
    clock = ManualClock(datetime.now(UTC))
    executor = await executors(clock=clock)
    wish = await scheduler.request(scripted("look"), policy=structs.replace(QUICK, run_timeout_seconds=60.0))
    await scheduler.offer(bus, wish.run_id)
    await running(scheduler, wish.run_id, executor.workers)
    (worker,) = executor.workers._busy
    worker.kill()
    await scheduler.until(wish.run_id, ["queued"])
    clock.advance(timedelta(seconds=61))
    await scheduler.offer(bus, wish.run_id)
    await scheduler.until(wish.run_id, ENDED)
    events = await scheduler.events(wish.run_id)
    assert (types(events)[4:], events[4].settle) == (["run.started", "task.failed", "run.failed"], False)
    assert (events[-1].kind, events[-1].message) == (
        "run_timeout",
        "the run took longer than 60 s (timeouts.run_seconds)",
    )


async def test_a_cancel_stops_the_worker(executors, scheduler, bus):
    """A poked cancel reaches the worker at once; it stops, and the run is cancelled."""
    executor = await executors()
    wish = await scheduler.request(scripted("wait"), scripted("load"))
    await scheduler.offer(bus, wish.run_id)
    await running(scheduler, wish.run_id, executor.workers)
    await scheduler.cancel(wish.run_id)
    executor.leases.poke(wish.run_id)
    await scheduler.until(wish.run_id, ENDED)
    assert types(await scheduler.events(wish.run_id)) == [
        "run.requested",
        "run.started",
        "run.cancel_requested",
        "run.cancelled",
    ]
    assert all(worker.is_usable for worker, *_ in executor.workers._idle)


async def test_a_worker_that_does_not_stop_is_killed(executors, scheduler, bus, perform):
    """Past the grace time the process is killed; whether it had committed is settled before the run is cancelled."""
    executor = await executors(grace=0.1)
    wish = await scheduler.request(scripted("deaf"))
    await scheduler.offer(bus, wish.run_id)
    await running(scheduler, wish.run_id, executor.workers)
    await scheduler.cancel(wish.run_id)
    executor.leases.poke(wish.run_id)
    await scheduler.until(wish.run_id, ["queued"])
    events = await scheduler.events(wish.run_id)
    assert types(events)[2:] == ["run.cancel_requested", "task.failed", "run.attempt_failed"]
    assert events[-1].message == "the worker process did not stop within 0.1 s of the cancel and was killed"


async def test_a_cancelled_second_attempt_looks_before_it_says_so(executors, scheduler, bus):
    """A run whose first worker may have committed is not cancelled before the receipt was read."""
    executor = await executors()
    wish = await scheduler.request(scripted("wait"))
    await scheduler.offer(bus, wish.run_id)
    await running(scheduler, wish.run_id, executor.workers)
    (worker,) = executor.workers._busy
    worker.kill()
    await scheduler.until(wish.run_id, ["queued"])
    await scheduler.offer(bus, wish.run_id)
    await running(scheduler, wish.run_id, executor.workers)
    (worker,) = executor.workers._busy
    orders = []
    given = worker._write
    worker._write = lambda frame: (orders.append(frame), given(frame))
    await scheduler.cancel(wish.run_id)
    executor.leases.poke(wish.run_id)
    await eventually(lambda: len(orders) == 2)
    assert b'"settle":true' in orders[1]
    assert (await scheduler.run(wish.run_id)).status == "running"


async def test_a_lost_lease_kills_the_worker_and_says_nothing(executors, scheduler, bus):
    """When the rescuer took the run back, the next renewal ends the worker; the log hears nothing of it."""
    executor = await executors()
    wish = await scheduler.request(scripted("deaf"))
    await scheduler.offer(bus, wish.run_id)
    await running(scheduler, wish.run_id, executor.workers)
    (worker,) = executor.workers._busy
    await scheduler.lose(wish.run_id, 1)
    executor.leases.poke(wish.run_id)
    await asyncio.wait_for(asyncio.shield(worker._ended), PATIENCE_SECONDS)
    await eventually(lambda: not executor.consumer.active)
    assert types(await scheduler.events(wish.run_id)) == [
        "run.requested",
        "run.started",
        "run.attempt_failed",
    ]


async def test_a_silent_worker_is_taken_for_dead(executors, scheduler, bus):
    """A process that answers no ping for the time of a lease is killed, and costs an attempt."""
    executor = await executors()
    wish = await scheduler.request(scripted("mute"))
    await scheduler.offer(bus, wish.run_id)
    await running(scheduler, wish.run_id, executor.workers)
    (attempt,) = executor.consumer._active
    (worker,) = executor.workers._busy
    assert attempt.check(30.0)
    worker._pinged_at -= 20
    assert not attempt.check(30.0)
    assert (await scheduler.run(wish.run_id)).status == "running"
    worker._pinged_at -= 20
    assert not attempt.check(30.0)
    await scheduler.until(wish.run_id, ["queued"])
    failed = (await scheduler.events(wish.run_id))[-1]
    assert (failed.kind, failed.message) == ("worker_died", "the worker process did not answer for 30 s")


async def test_a_cancel_of_a_settle_attempt_is_told_by_its_receipt(executors, scheduler, bus, perform):
    """A settle attempt is not stopped: it reads the receipt, and the run is cancelled by it."""
    executor = await executors(grace=0.1)
    wish = await scheduler.request(scripted("look"))
    await scheduler.offer(bus, wish.run_id)
    await running(scheduler, wish.run_id, executor.workers)
    await scheduler.cancel(wish.run_id)
    executor.leases.poke(wish.run_id)
    await scheduler.until(wish.run_id, ["queued"])
    await scheduler.offer(bus, wish.run_id)
    await scheduler.until(wish.run_id, ENDED)
    events = await scheduler.events(wish.run_id)
    assert (events[-2].settle, events[-1]) == (True, RunCancelled(attempt=2))
