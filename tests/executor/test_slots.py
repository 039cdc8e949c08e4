"""Slots: never more runs of a job under work than it allows, whoever asks, dies or comes late."""

import asyncio
import time

import pytest
from support.executor_world import eventually, types
from support.limited import JOB, Claimant, Holder

from orc_domain.run_messages import RunStarted, SucceedTask, TaskResult
from orc_executor.leases import MARGIN_SECONDS
from orc_executor.slots import NO_SLOTS, Overtaken

ROWS = "SELECT scope, number, run_id, attempt, executor FROM executor.slots ORDER BY scope, number"


@pytest.fixture
def east(pool, scheduler):
    return Claimant(pool, scheduler)


async def rows(pool):
    return [tuple(row) for row in await pool.fetch(ROWS)]


async def test_a_run_without_a_limit_takes_no_slot(pool, scheduler, east):
    """Where nothing is limited the table is not asked."""
    wish = await scheduler.request()
    owned = await east.claim(wish.run_id)
    assert (owned.slots, await rows(pool)) == (NO_SLOTS, [])


async def test_a_job_has_so_many_slots(pool, limited, east):
    """The run beyond the limit is held back and not claimed; whose slots they are can be read."""
    first, second, third = [await limited(2) for _ in range(3)]
    owned = [await east.claim(first), await east.claim(second)]
    assert await east.held_back(third) == f"job:{JOB}"
    assert [one.attempt for one in owned] == [1, 1]
    assert await rows(pool) == [(f"job:{JOB}", 1, first, 1, "east"), (f"job:{JOB}", 2, second, 1, "east")]
    assert types(await east.scheduler.events(third)) == ["run.requested"]


async def test_the_last_event_frees_the_slot(pool, limited, east):
    """A run that the log has ended holds nobody back, though its executor gave nothing back."""
    first, second = await limited(1), await limited(1)
    owned = await east.claim(first)
    assert await east.held_back(second) == f"job:{JOB}"
    await owned.say(SucceedTask(1, 1, TaskResult(rows=1)), "done")
    assert (await east.claim(second)).attempt == 1
    assert await rows(pool) == [(f"job:{JOB}", 1, second, 1, "east")]


async def test_an_executor_that_died_keeps_its_slot_for_a_lease(pool, scheduler, limited, east):
    """Before its lease ran out its slot is nobody else's; after it another run has it, and the lost run goes on."""
    dead = Claimant(pool, scheduler, "dead")
    lost, other = await limited(1), await limited(1)
    await dead.claim(lost)
    assert await east.held_back(other) == f"job:{JOB}"
    await pool.execute("UPDATE executor.slots SET lease_until = clock_timestamp() - interval '1 ms'")
    owned = await east.claim(other)
    await scheduler.lose(lost, 1)
    assert await east.held_back(lost) == f"job:{JOB}"
    await owned.say(SucceedTask(1, 1, TaskResult(rows=1)), "done")
    assert ((await east.claim(lost)).attempt, await rows(pool)) == (2, [(f"job:{JOB}", 1, lost, 2, "east")])


async def test_a_lost_attempt_frees_its_slot_for_the_next(pool, scheduler, limited, east):
    """The run that was taken back is claimed again at once, whatever is left of its old slot's lease."""
    run_id = await limited(1)
    await Claimant(pool, scheduler, "dead").claim(run_id)
    await scheduler.lose(run_id, 1)
    assert ((await east.claim(run_id)).attempt, await rows(pool)) == (
        2,
        [(f"job:{JOB}", 1, run_id, 2, "east")],
    )


async def test_slots_are_renewed_with_the_lease(pool, limited, east):
    """One renewal keeps both; a slot that somebody else has by now loses the attempt."""
    owned = await east.claim(await limited(1))
    holder = Holder(owned)
    east.leases.hold(holder)
    await pool.execute("UPDATE executor.slots SET lease_until = clock_timestamp() + interval '1 s'")
    east.leases.poke(owned.run_id)
    await east.leases.renew()
    until = await pool.fetchval(
        "SELECT min(lease_until) > clock_timestamp() + interval '20 s' FROM executor.slots"
    )
    assert (until, holder.told) == (True, [])
    await pool.execute("UPDATE executor.slots SET holder = gen_random_uuid()")
    east.leases.poke(owned.run_id)
    await east.leases.renew()
    assert holder.told == ["the log or another executor has it"]


async def test_a_slot_counts_from_when_it_was_asked_for(limited, east):
    """An attempt is given up a margin before its slot's lease ends, though its claim came later."""
    holder = Holder(await east.claim(await limited(1)), asked_earlier=20)
    east.leases.hold(holder)
    east.leases.give_up(time.monotonic() + 30 - MARGIN_SECONDS - 19)
    assert holder.told == ["its lease could not be renewed"]


async def test_a_claim_that_came_too_late_is_not_begun(pool, limited, east, monkeypatch):
    """Who claims when its slot may be another's by now does nothing, and leaves the run to the rescuer."""
    run_id = await limited(1)
    append = east.voice.append

    async def slow(*asked):
        answer = await append(*asked)
        east.slots._lease_seconds = 0.0
        return answer

    monkeypatch.setattr(east.voice, "append", slow)
    assert await east.claim(run_id) is None
    await east.leases.renew()
    assert (types(await east.scheduler.events(run_id)), await rows(pool)) == (
        ["run.requested", "run.started"],
        [],
    )


async def test_a_refused_claim_gives_its_slots_back(pool, scheduler, limited, east):
    """A message of a run that ended takes a slot for a moment only."""
    run_id = await limited(1)
    owned = await east.claim(run_id)
    await owned.say(SucceedTask(1, 1, TaskResult(rows=1)), "done")
    assert await east.claim(run_id) is None
    await east.leases.renew()
    assert await rows(pool) == []


async def test_a_run_has_one_slot(pool, scheduler, limited, east):
    """While one executor is about to claim a run no other takes a slot for it, so that a run beside it has the other."""
    run_id, other = await limited(2), await limited(2)
    requested = (await scheduler.run(run_id)).requested
    taken = await east.slots.take(requested, RunStarted(attempt=1, executor="east"), 2, waits=False)
    west = Claimant(pool, scheduler, "west")
    assert (taken.count, await west.held_back(run_id)) == (1, "busy")
    assert (await west.claim(other)).attempt == 1


async def test_a_settle_attempt_needs_no_slot(pool, scheduler, limited, east):
    """A cancelled run whose executor vanished is closed though another run has the only slot."""
    stopped, other = await limited(1), await limited(1)
    await east.claim(stopped)
    await scheduler.cancel(stopped)
    await scheduler.lose(stopped, 1)
    await east.claim(other)
    owned = await east.claim(stopped)
    assert (owned.run.settle, owned.slots) == (True, NO_SLOTS)
    assert [row[2] for row in await rows(pool)] == [other]


async def test_a_lowered_limit_counts_what_runs(pool, limited, east):
    """Runs that hold higher numbers than the limit now has count as well."""
    runs = [await limited(3) for _ in range(3)]
    owned = [await east.claim(run_id) for run_id in runs]
    await owned[0].say(SucceedTask(1, 1, TaskResult(rows=1)), "done")
    narrow = await limited(2)
    assert await east.held_back(narrow) == f"job:{JOB}"
    await owned[1].say(SucceedTask(1, 1, TaskResult(rows=1)), "done")
    assert (await east.claim(narrow)).attempt == 1


async def test_a_lost_answer_costs_nothing(pool, limited, east, monkeypatch):
    """A slot that was taken unheard is the same holder's when it asks again."""
    run_id = await limited(1)
    fetchval, lost = east.slots._pool.fetchval, []

    class Lossy:
        async def fetchval(self, *asked):
            answer = await fetchval(*asked)
            if not lost:
                lost.append(answer)
                raise ConnectionResetError("the answer was lost")
            return answer

    monkeypatch.setattr(east.slots, "_pool", Lossy())
    monkeypatch.setattr("orc_executor.slots.RETRY_SECONDS", 0.0)
    owned = await east.claim(run_id)
    assert (lost, owned.attempt, len(await rows(pool))) == (["taken"], 1, 1)


async def test_a_job_within_a_full_pool(pool, scheduler, limited):
    """What one scope lacks keeps nothing of the other."""
    east = Claimant(pool, scheduler, pool_max=2)
    first, second = await limited(1), await limited(1)
    await east.claim(first)
    assert await east.held_back(second) == f"job:{JOB}"
    assert await rows(pool) == [(f"job:{JOB}", 1, first, 1, "east"), ("pool:default", 1, first, 1, "east")]


async def test_a_process_that_stops_gives_its_slots_back(pool, limited, east):
    """Others need not wait for the leases of one that ended well."""
    east.leases.hold(Holder(await east.claim(await limited(1))))
    await east.leases.close()
    assert await rows(pool) == []


async def test_who_asks_at_the_same_time_gets_the_next_slot(pool, limited, east, monkeypatch):
    """While another is just taking one, it waits to see which is left, and need not ask twice."""
    monkeypatch.setattr("orc_executor.slots.TRIES_MAX", 1)
    first, second = await limited(2), await limited(2)
    async with pool.acquire() as connection, connection.transaction():
        await connection.fetchval(
            "SELECT executor.take_slots($1, '{2}', gen_random_uuid(), $2, 1, 2, 'west', 30)",
            [f"job:{JOB}"],
            first,
        )
        claiming = asyncio.create_task(east.claim(second))
        await eventually(lambda: waits(pool))
    assert (await claiming).attempt == 1
    assert [(row[1], row[2]) for row in await rows(pool)] == [(1, first), (2, second)]


async def test_who_was_behind_in_line_looks_first(scheduler, pool):
    """Its turn in line having come, a run does not take a free slot before others that came first meanwhile."""
    east, started = Claimant(pool, scheduler, pool_max=1), RunStarted(attempt=1, executor="east")
    asked, answers = [], iter((True, False))

    async def is_overtaken():
        asked.append(await rows(pool))
        return next(answers)

    async def take():
        requested = (await scheduler.run((await scheduler.request()).run_id)).requested
        return await east.slots.take(requested, started, 2, waits=True, is_overtaken=is_overtaken)

    async with east.slots._line:
        behind = asyncio.create_task(take())
        await eventually(lambda: bool(east.slots._line._waiters))
    with pytest.raises(Overtaken):
        await behind
    assert ((await take()).count, asked) == (1, [[]])


async def waits(pool) -> bool:
    return bool(
        await pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted AND database IS NOT NULL")
    )
