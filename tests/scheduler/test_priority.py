"""Which runs executors find more urgent than theirs, and how they hear that there are some."""

from datetime import timedelta

import pytest
from msgspec import structs
from scheduler.parts import NOW
from scheduler.test_rescuer import FAILURE, Heard

from orc_domain.run_messages import StartRun, SucceedTask, TaskResult
from orc_executor.urgent import CANDIDATES_MAX, Urgent
from orc_runtime.clock import SystemClock
from orc_scheduler.calendar import Calendar, Listeners
from orc_scheduler.rescuer import Rescuer


@pytest.fixture
def queued(parts):
    """Request a run of a new job of this priority, and fold it."""

    async def queued(priority, **said):
        return await parts.request(await parts.create(priority=priority, **said))

    return queued


@pytest.fixture
def urgent(executor):
    """Ask with the executor's rights."""
    return Urgent(executor.pool, "default")


async def test_the_most_urgent_first(queued, urgent):
    """By priority, then in the order of the requests; those of no higher priority and of other pools are left out."""
    low, first, top, second = [await queued(priority) for priority in (-5, 0, 7, 0)]
    await queued(100, pool="other")
    assert await urgent.before(-5) == [top, first, second]
    assert await urgent.before(-100) == [top, first, second, low]
    assert await urgent.before(0) == [top]


async def test_so_many_are_tried(queued, urgent):
    """A long queue is not read beyond the candidates for one message."""
    runs = [await queued(1) for _ in range(CANDIDATES_MAX + 2)]
    assert await urgent.before(0) == runs[:CANDIDATES_MAX]


async def test_what_a_sibling_tries_comes_last(queued, urgent):
    """Messages that one executor has at a time begin with different runs."""
    runs = [await queued(1) for _ in range(3)]
    urgent.trying(runs[0])
    assert await urgent.before(0) == [runs[1], runs[2], runs[0]]
    urgent.tried(runs[0])
    assert await urgent.before(0) == runs


async def test_a_claim_counts_before_it_is_folded(parts, queued, urgent, executor):
    """A run that somebody claimed a moment ago is not tried, though the table still has it."""
    taken, left = await queued(5), await queued(5)
    await executor.say(taken, StartRun("e1", NOW))
    assert await urgent.before(0) == [left]
    await parts.fold()
    assert await urgent.before(0) == [left]


async def test_a_run_that_waits_for_its_turn_is_not_urgent(parts, urgent, executor):
    """One that is held is left out, however urgent, until the runs before it have ended."""
    job_id = await parts.create(priority=9, concurrency_max=1)
    first, second = await parts.request(job_id), await parts.request(job_id)
    assert await urgent.before(0) == [first]
    await executor.say(first, StartRun("e1", NOW))
    await executor.say(first, SucceedTask(1, 1, TaskResult(rows=1)))
    await parts.fold()
    assert await urgent.before(0) == [second]


async def test_a_retry_is_urgent_when_it_is_due(parts, queued, urgent, executor):
    """Between two attempts a run is left out until its `retry_at`, by the database's clock; then it is there."""
    run_id = await queued(9)
    await executor.say(run_id, StartRun("e1", NOW))
    later = SystemClock().now() + timedelta(hours=1)
    await executor.say(run_id, structs.replace(FAILURE, at=later))
    await parts.fold()
    assert await urgent.before(0) == []
    await parts.pool.execute("UPDATE open_runs SET send_after = statement_timestamp()")
    urgent.hear(9)
    assert await urgent.before(0) == [run_id]


async def test_a_cancelled_run_is_settled_in_its_place(parts, queued, urgent, executor):
    """One that only an executor can close is found as what it is; one that never began has ended and is not."""
    begun, fresh = await queued(9), await queued(9)
    await executor.say(begun, StartRun("e1", NOW))
    await executor.say(begun, structs.replace(FAILURE, at=SystemClock().now() + timedelta(hours=1)))
    for run_id in (begun, fresh):
        await parts.cancel(run_id)
    assert await urgent.before(0) == [begun]


async def test_nobody_asks_again_who_was_told_that_none_waits(queued, urgent, monkeypatch):
    """After an empty answer for ordinary runs it takes a word, or messages that pile up, to ask again."""
    monkeypatch.setattr("orc_executor.urgent.LOOK_SECONDS", float("inf"))
    assert await urgent.before(0) == []
    run_id = await queued(3)
    assert await urgent.before(0, pending=5) == []
    urgent.hear(3)
    assert [await urgent.before(3), await urgent.before(0)] == [[], [run_id]]
    monkeypatch.setattr("orc_executor.urgent.LOOK_SECONDS", 0.0)
    urgent._top = 0
    assert [await urgent.before(0), await urgent.before(0, pending=1)] == [[], [run_id]]


async def test_what_is_heard_during_the_question_is_kept(queued, urgent, monkeypatch):
    """An answer from before the word does not undo it."""
    fetch = urgent._database.fetch

    class Slow:
        async def fetch(self, *values):
            rows = await fetch(*values)
            self.run_id = await queued(3)
            urgent.hear(3)
            return rows

    slow = Slow()
    monkeypatch.setattr(urgent, "_database", slow)
    assert await urgent.before(0) == []
    monkeypatch.undo()
    assert await urgent.before(0) == [slow.run_id]


async def test_the_calendar_tells_of_urgent_runs(parts):
    """Once a batch is folded, of each pool the highest priority above 0 among runs that have begun to wait."""
    told = []
    calendar = Calendar(parts.pool, parts.log, Listeners(urgent=lambda *what: told.append(what)))
    jobs = [
        await parts.create(**said)
        for said in (
            {"priority": 3}, {"priority": 8}, {"priority": 0}, {"priority": -4}, {"priority": 5, "pool": "other"},
            {"priority": 50, "concurrency_max": 1},
        )
    ]  # fmt: skip
    for job_id in jobs:
        await parts.request(job_id)
    await parts.pool.execute(
        "UPDATE checkpoints SET position = 0, lease_until = now() WHERE name = 'calendar'"
    )
    calendar._tell(await calendar.projector.catch_up())
    calendar._tell(await calendar.projector.catch_up())
    assert told == [("default", 8), ("other", 5)]


async def test_the_rescuer_tells_of_urgent_runs(parts, queued):
    """Of those it sends work for: a turn that has come, a retry that is due, a message that was lost."""
    told = []
    rescuer = Rescuer(
        parts.pool, parts.log, Heard(None), SystemClock(), parts.metrics,
        lease_seconds=30, on_urgent=lambda *what: told.append(what),
    )  # fmt: skip
    await queued(0)
    await queued(6, concurrency_max=1)
    await rescuer.rescue()
    assert told == [("default", 6)]
