"""The backfiller killed anywhere, doubled, behind and rebuilt: each instant one run, never more open than asked for."""

import asyncio
import random
from collections import Counter
from contextlib import suppress

import pytest
from scheduler.backfills import DAILY, backfiller, days, end, ends, open_runs, request, runs, story, work_off
from scheduler.flaky import Broken, Flaky
from scheduler.parts import assemble

from orc_domain.backfill import BackfillCancelled, BackfillCancelRequested, BackfillFinished
from orc_domain.wire import WireCancelBackfill
from orc_events.errors import LogUnavailable
from orc_events.event import Position

STEPS_MAX = 60
TABLES = ("backfills", "backfill_runs")
WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def tables(parts):
    return [await parts.rows(f"SELECT * FROM {table} ORDER BY 1") for table in TABLES]


async def interrupted(parts, at: int, *, after: bool) -> bool:
    """Drive on as a process that is killed at a step; returns whether it came that far."""
    flaky = Flaky(parts.pool, at, after=after)
    with suppress(Broken, LogUnavailable):
        await backfiller(assemble(flaky)).drive()
    return flaky.steps >= at


@pytest.mark.parametrize("after", [False, True])
async def test_killed_between_any_two_steps(parts, executor, after):
    """Wherever it is killed while it asks for runs and while it tells the end, nothing is lost and nothing doubled."""
    job_id = await parts.create(**DAILY)
    for at in range(1, STEPS_MAX):
        backfill_id = await request(parts, job_id, 3, concurrency=2)
        reached = [await interrupted(parts, at, after=after)]
        assert len(await open_runs(parts)) in {0, 2}
        await backfiller(parts).drive()
        await parts.fold()
        for _ in range(2):
            for run_id in await open_runs(parts):
                await end(executor, run_id)
            await parts.fold()
            reached.append(await interrupted(parts, at, after=after))
            await backfiller(parts).drive()
            await parts.fold()
        assert await story(parts, backfill_id) == [
            BackfillFinished(succeeded=3, failed=0, cancelled=0, skipped=0)
        ]
        assert await tables(parts) == [[], []]
        if not any(reached):
            break
    assert at < STEPS_MAX - 1
    requested = [(run.backfill_id, run.due_at) for run in await runs(parts)]
    assert Counter(Counter(requested).values()) == {1: 3 * at}


@pytest.mark.parametrize("after", [False, True])
async def test_killed_while_cancelling(parts, after):
    """Wherever it is killed, every open run is cancelled and the end is told once."""
    job_id = await parts.create(**DAILY)
    for at in range(1, STEPS_MAX):
        backfill_id = await request(parts, job_id, 3, concurrency=2)
        await backfiller(parts).drive()
        await parts.perform(WireCancelBackfill(backfill_id=backfill_id))
        await parts.fold()
        reached = []
        for _ in range(2):
            flaky = Flaky(parts.pool, at, after=after)
            killed = assemble(flaky)
            killed.calendar.follower.saw(Position(1 << 40))
            with suppress(Broken, LogUnavailable):
                await backfiller(killed).drive()
            reached.append(flaky.steps >= at)
            parts.calendar.follower.saw(Position(1 << 40))
            await backfiller(parts).drive()
            await parts.fold()
        assert await story(parts, backfill_id) == [
            BackfillCancelRequested(),
            BackfillCancelled(succeeded=0, failed=0, cancelled=2, skipped=0, remaining=1),
        ]
        assert await tables(parts) == [[], []]
        if not any(reached):
            break
    assert at < STEPS_MAX - 1
    assert (await ends(parts))["cancelled"] == len(await runs(parts)) == 2 * at


@pytest.mark.parametrize("seed", range(12))
async def test_any_order_of_things(parts, executor, seed):
    """Replicas that drive, are killed, run behind and rebuild their tables, in any order, never open too many."""
    chance = random.Random(seed)
    concurrency, count = chance.randint(1, 4), chance.randint(3, 12)
    job_id = await parts.create(**DAILY)
    backfill_id = await request(
        parts, job_id, count, concurrency=concurrency, reverse=chance.random() < 0.5, fold=False
    )
    parts.calendar.follower._batch_max = 1
    replicas = [backfiller(assemble(parts.pool)) for _ in range(2)]
    for _ in range(60):
        match chance.choice(("drive", "drive", "end", "end", "fold", "killed", "rebuild")):
            case "drive":
                await chance.choice(replicas).drive()
            case "killed":
                await interrupted(parts, chance.randint(1, 12), after=chance.random() < 0.5)
            case "end" if waiting := await open_runs(parts):
                await end(executor, chance.choice(waiting), fails=chance.random() < 0.3)
            case "fold":
                head = await parts.log.head()
                await parts.calendar.projector.catch_up(Position(chance.randint(0, head)))
            case "rebuild":
                await parts.calendar.projector.rebuild()
        assert len(await open_runs(parts)) <= concurrency
    await parts.fold()
    await work_off(parts, executor)
    assert Counter(run.due_at for run in await runs(parts)) == Counter(days(count))
    (told,) = await story(parts, backfill_id)
    how = await ends(parts)
    assert told == BackfillFinished(succeeded=how["succeeded"], failed=how["failed"], cancelled=0, skipped=0)


async def test_rebuild_comes_to_the_same(parts, executor):
    """Emptied and folded again, event by event or at once, the tables are as they were."""
    job_id = await parts.create(**DAILY)
    for count, concurrency in ((5, 3), (4, 1), (1, 1)):
        await request(parts, job_id, count, concurrency=concurrency, reverse=count == 4)
    await backfiller(parts).drive()
    first, *_, last = await open_runs(parts)
    await end(executor, first)
    await end(executor, last, fails=True)
    await parts.fold()
    await backfiller(parts).drive()
    await parts.fold()
    before = await tables(parts)
    await parts.calendar.projector.rebuild()
    assert await tables(parts) == [[], []]
    await parts.fold()
    at_once = await tables(parts)
    await parts.calendar.projector.rebuild()
    parts.calendar.follower._batch_max = 1
    for position in range(1, await parts.log.head() + 1):
        await parts.calendar.projector.catch_up(Position(position))
    assert (at_once, await tables(parts)) == (before, before)
    assert [len(rows) for rows in before] == [2, 4]


async def test_fold_beside_the_backfiller(parts, executor):
    """A fold that comes while the backfiller has a row waits for it, and forgets nothing of what it did."""
    backfill_id = await request(parts, await parts.create(**DAILY), 4, concurrency=2)
    await backfiller(parts).drive()
    (first, _) = await open_runs(parts)
    await end(executor, first)
    async with parts.pool.acquire() as connection:
        asking = connection.transaction()
        await asking.start()
        await connection.execute("UPDATE backfills SET requested = requested + 1")
        await connection.execute("INSERT INTO backfill_runs VALUES (gen_random_uuid(), $1)", backfill_id)
        folding = asyncio.create_task(parts.fold())
        while not await parts.rows(WAITING):  # noqa: ASYNC110 - it is the server's state, which signals nothing
            await asyncio.sleep(0)
        await asking.commit()
    await folding
    assert await parts.rows("SELECT requested, succeeded FROM backfills") == [(3, 1)]
    assert await parts.rows("SELECT count(*) FROM backfill_runs") == [(2,)]
