"""A cancelled run is not recorded as such before what worked on it is known to have stopped."""

import os

import pytest
from support.executor_world import eventually, scripted, types

from orc_domain.run_messages import ENDED


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def watched(scheduler, bus, monkeypatch):
    """Have a run performed and say, of each event that its executor appends from then on, what its worker is at."""

    async def watched(executor, do):
        wish = await scheduler.request(scripted(do))
        await scheduler.offer(bus, wish.run_id)
        await eventually(lambda: any(bool(worker._answer) for worker in executor.workers._busy))
        (worker,) = executor.workers._busy
        seen, log = [], executor.consumer._voice.log
        append = log.append

        async def look(item):
            is_working = worker._answer is not None
            seen.extend((event.type, lives(worker.pid), is_working) for event in item.events)
            return await append(item)

        monkeypatch.setattr(log, "append", look)
        await scheduler.cancel(wish.run_id)
        executor.leases.poke(wish.run_id)
        return wish.run_id, seen

    return watched


async def test_a_worker_that_stops_has_answered(executors, scheduler, watched):
    """Its word that it stopped comes before the event, and no order is open at it any more; the process is kept."""
    run_id, seen = await watched(await executors(), "wait")
    assert (await scheduler.until(run_id, ENDED)).status == "cancelled"
    assert seen == [("run.cancelled", True, False)]


async def test_a_worker_that_does_not_stop_is_gone(executors, scheduler, bus, watched):
    """Past the grace its process is dead and reaped before the attempt's end is recorded, and so before the run's."""
    run_id, seen = await watched(await executors(grace=0.05), "deaf")
    await scheduler.until(run_id, ["queued"])
    assert set(seen) == {("task.failed", False, False), ("run.attempt_failed", False, False)}
    assert "run.cancelled" not in types(await scheduler.events(run_id))
