"""Leases: kept by those that live, seen by those that wait, lost in time."""

import asyncio
import time
from contextlib import suppress
from uuid import UUID

import asyncpg

from orc_events.log import PostgresLog
from orc_executor.claim import Voice, claim, read_work
from orc_executor.leases import MARGIN_SECONDS, RENEW_SECONDS, Leases
from orc_executor.slots import Slots
from orc_runtime.clock import SystemClock

ALL = "SELECT run_id, attempt, executor, lease_until > clock_timestamp() AS holds FROM executor.leases"


class Holder:
    """An attempt that writes down what it is told."""

    def __init__(self, run_id: UUID, attempt: int, claim_version: int) -> None:
        self.run_id, self.attempt, self.claim_version = run_id, attempt, claim_version
        self.slots_holder, self.slots_count, self.kept_at = None, 0, 0.0
        self.told: list[str] = []

    def cancel(self) -> None:
        self.told.append("cancel")

    def lose(self, why: str) -> None:
        self.told.append(f"lost: {why}")


async def claimed(pool, scheduler, executor="east"):
    """Request a run, claim it, and return who holds it."""
    wish = await scheduler.request()
    return await claimed_again(pool, scheduler, wish.run_id, executor)


async def claimed_again(pool, scheduler, run_id, executor):
    voice = Voice(PostgresLog(pool), SystemClock(), executor)
    work = await scheduler.work(run_id)
    owned = await claim(
        voice, read_work(work.headers, work.data), Slots(pool, executor, 30, end=lambda _: None)
    )
    assert owned is not None
    return Holder(owned.run_id, owned.attempt, owned.claim_version)


async def rows(pool):
    return [tuple(row) for row in await pool.fetch(ALL)]


async def test_a_short_run_never_touches_the_table(pool, scheduler):
    """An attempt younger than the first renewal has no row."""
    leases = Leases(pool, "east", 30)
    holder = await claimed(pool, scheduler)
    leases.hold(holder)
    await leases.renew()
    assert (await rows(pool), holder.told) == ([], [])


async def test_a_poked_run_is_renewed_at_once(pool, scheduler):
    """A poke makes the first renewal come early; the row says whose the attempt is."""
    leases = Leases(pool, "east", 30)
    holder = await claimed(pool, scheduler)
    leases.hold(holder)
    leases.poke(holder.run_id)
    await leases.renew()
    assert (await rows(pool), holder.told) == ([(holder.run_id, 1, "east", True)], [])


async def test_a_row_goes_with_its_attempt(pool, scheduler):
    """When the attempt has ended, the next renewal removes its row."""
    leases = Leases(pool, "east", 30)
    holder = await claimed(pool, scheduler)
    leases.hold(holder)
    leases.poke(holder.run_id)
    await leases.renew()
    leases.let_go(holder)
    await leases.renew()
    assert await rows(pool) == []


async def test_a_renewal_tells_of_a_cancel(pool, scheduler):
    """What somebody wished since the claim is heard with the renewal, for that run alone."""
    leases = Leases(pool, "east", 30)
    cancelled, other = await claimed(pool, scheduler), await claimed(pool, scheduler)
    for holder in (cancelled, other):
        leases.hold(holder)
        leases.poke(holder.run_id)
    await scheduler.cancel(cancelled.run_id)
    await leases.renew()
    assert (cancelled.told, other.told) == (["cancel"], [])


async def test_keeping_hears_a_poke(pool, scheduler):
    """The loop wakes for a poke instead of waiting for its turn."""
    leases = Leases(pool, "east", 30)
    holder = await claimed(pool, scheduler)
    heard = asyncio.Event()
    holder.cancel = heard.set
    leases.hold(holder)
    await scheduler.cancel(holder.run_id)
    keeping = asyncio.create_task(leases.keep())
    await asyncio.sleep(0)
    leases.poke(holder.run_id)
    async with asyncio.timeout(RENEW_SECONDS * 0.9):
        await heard.wait()
    keeping.cancel()


async def test_an_attempt_that_the_log_ended_is_lost(pool, scheduler):
    """After the rescuer took the run back, the renewal kills the worker and makes no row."""
    leases = Leases(pool, "east", 30)
    holder = await claimed(pool, scheduler)
    leases.hold(holder)
    leases.poke(holder.run_id)
    await scheduler.lose(holder.run_id, 1)
    await leases.renew()
    assert (await rows(pool), holder.told) == ([], ["lost: the log or another executor has it"])


async def test_a_later_attempt_takes_the_row_over(pool, scheduler):
    """The next attempt's row replaces the old one's, and the old executor hears of it."""
    old, new = Leases(pool, "east", 30), Leases(pool, "west", 30)
    first = await claimed(pool, scheduler)
    old.hold(first)
    old.poke(first.run_id)
    await old.renew()
    await scheduler.lose(first.run_id, 1)
    second = await claimed_again(pool, scheduler, first.run_id, "west")
    new.hold(second)
    new.poke(second.run_id)
    await new.renew()
    old.poke(first.run_id)
    await old.renew()
    await old.renew()
    assert (await rows(pool), first.told, second.told) == (
        [(first.run_id, 2, "west", True)],
        ["lost: the log or another executor has it"],
        [],
    )


async def test_an_older_attempt_never_takes_the_row_back(pool, scheduler):
    """An executor that does not see the log's news (a claim version from the future) still cannot steal."""
    first = await claimed(pool, scheduler)
    await pool.execute(
        "INSERT INTO executor.leases VALUES ($1, 2, 'west', clock_timestamp() + interval '1 minute')",
        first.run_id,
    )
    leases = Leases(pool, "east", 30)
    leases.hold(first)
    leases.poke(first.run_id)
    await leases.renew()
    assert (await rows(pool), first.told) == (
        [(first.run_id, 2, "west", True)],
        ["lost: the log or another executor has it"],
    )


async def test_what_cannot_be_renewed_is_given_up_before_the_rescuer_acts(pool, scheduler):
    """A lease is lost a margin before it runs out, by this process's own clock and without the database."""
    leases = Leases(pool, "east", 30)
    holder = await claimed(pool, scheduler)
    leases.hold(holder)
    now = time.monotonic()
    leases.give_up(now + 30 - MARGIN_SECONDS - 1)
    assert holder.told == []
    leases.give_up(now + 30 - MARGIN_SECONDS + 1)
    assert holder.told == ["lost: its lease could not be renewed"]


async def test_a_process_that_stops_lets_its_leases_run_out(pool, scheduler):
    """What is still held at the end is free for the rescuer at once, with or without a row before."""
    leases = Leases(pool, "east", 30)
    with_row, without = await claimed(pool, scheduler), await claimed(pool, scheduler)
    for holder in (with_row, without):
        leases.hold(holder)
    leases.poke(with_row.run_id)
    await leases.renew()
    await leases.close()
    assert sorted(await rows(pool)) == sorted(
        [(with_row.run_id, 1, "east", False), (without.run_id, 1, "east", False)]
    )


class Leaving:
    """A pool whose server says goodbye while it is asked."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def fetch(self, *_asked):
        self.asked.set()
        raise asyncpg.InternalClientError("got result for unknown protocol state")


async def test_a_goodbye_of_the_server_does_not_end_the_keeping():
    """Whatever asyncpg makes of a server that ends while it is asked, leases are asked for again."""
    pool = Leaving()
    leases = Leases(pool, "east", 30)
    leases.hold(Holder(UUID(int=1), 1, 2))
    keeping = asyncio.create_task(leases.keep())
    for _ in range(2):
        pool.asked.clear()
        leases.poke(UUID(int=1))
        await asyncio.wait({keeping, asyncio.create_task(pool.asked.wait())}, return_when="FIRST_COMPLETED")
    assert not keeping.done()
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping
