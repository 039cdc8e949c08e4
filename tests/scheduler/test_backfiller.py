"""The backfiller: each instant one run, never more open than asked for, and an end that is told."""

import asyncio

from msgspec import structs
from scheduler.backfills import (
    DAILY,
    START,
    backfiller,
    days,
    end,
    open_runs,
    record_job,
    request,
    runs,
    story,
    work_off,
)
from scheduler.parts import NOW, assemble, spec

from orc_domain.backfill import (
    BackfillCancelled,
    BackfillCancelRequested,
    BackfillFinished,
    run_id_of_instant,
)
from orc_domain.job_spec import TaskSpec
from orc_domain.run_messages import StartRun, StopRun
from orc_domain.wire import WireCancelBackfill, WireChangeJob, WireDeleteJob
from orc_domain.zones import TZDATA
from orc_events.event import StreamName
from orc_events.wakeup import Wakeup
from orc_scheduler.calendar import Listeners
from orc_scheduler.overlaps import open_runs_now

ROWS = "SELECT requested, succeeded, failed, cancelled, cancel_requested FROM backfills"


async def test_runs_of_a_backfill(parts):
    """A run of a backfill is of the job as it stands, for one instant, and its id follows from both."""
    job_id = await parts.create(**DAILY, pool="big")
    backfill_id = await request(parts, job_id, concurrency=2)
    await backfiller(parts).drive()
    found = await runs(parts)
    assert [
        (run.run_id, run.due_at, run.backfill_id, run.job_id, run.job_version, run.pool, run.tzdata) for run in found
    ] == [
        (run_id_of_instant(backfill_id, at), at, backfill_id, job_id, 1, "big", TZDATA) for at in days(2)
    ]  # fmt: skip
    recorded = (await parts.log.read_stream(StreamName(f"run-{found[0].run_id}")))[0]
    assert (recorded.actor, recorded.correlation_id) == ("scheduler", backfill_id)


async def test_the_next_follows_the_last(parts, executor):
    """As one run ends the next is asked for, in order, and after the last it is told how they ended."""
    backfill_id = await request(parts, await parts.create(**DAILY), 3, skipped=4)
    driver, seen = backfiller(parts), []
    for nth in range(3):
        await driver.drive()
        (run_id,) = await open_runs(parts)
        seen.append(run_id)
        await end(executor, run_id, fails=nth == 1)
        await parts.fold()
    await driver.drive()
    await parts.fold()
    assert seen == [run_id_of_instant(backfill_id, at) for at in days(3)]
    assert await story(parts, backfill_id) == [
        BackfillFinished(succeeded=2, failed=1, cancelled=0, skipped=4)
    ]
    assert [await parts.rows(f"SELECT * FROM {table}") for table in ("backfills", "backfill_runs")] == [
        [],
        [],
    ]


async def test_newest_first(parts, executor):
    """In reverse the newest instant is first."""
    await request(parts, await parts.create(**DAILY), 4, reverse=True, concurrency=2)
    await work_off(parts, executor)
    assert [run.due_at for run in await runs(parts)] == list(reversed(days(4)))


async def test_never_more_than_asked_for(parts):
    """However often and by however many replicas it is driven, and whatever the calendar has not seen, no more are open."""
    await request(parts, await parts.create(**DAILY), 20, concurrency=3)
    replicas = [backfiller(assemble(parts.pool)) for _ in range(4)]
    for _ in range(3):
        await asyncio.gather(*(replica.drive() for replica in replicas))
    assert [run.due_at for run in await runs(parts)] == list(days(3))
    assert await parts.rows(ROWS) == [(3, 0, 0, 0, False)]


async def test_several_backfills(parts, executor):
    """Backfills of one job and of others do not count for one another."""
    first, second = await parts.create(**DAILY), await parts.create(**DAILY)
    ids = [await request(parts, job_id, count) for job_id, count in ((first, 2), (first, 3), (second, 1))]
    await backfiller(parts).drive()
    assert {run.backfill_id for run in await runs(parts)} == set(ids)
    await work_off(parts, executor)
    assert [await story(parts, one) for one in ids] == [
        [BackfillFinished(succeeded=count, failed=0, cancelled=0, skipped=0)] for count in (2, 3, 1)
    ]


async def test_a_run_by_another_way_counts_for_nothing(parts, executor):
    """A run by hand of the same job neither waits for the backfill nor holds it up."""
    job_id = await parts.create(**DAILY)
    await request(parts, job_id, 2)
    by_hand = await parts.request(job_id)
    await backfiller(parts).drive()
    await end(executor, by_hand)
    await parts.fold()
    assert await parts.rows(ROWS) == [(1, 0, 0, 0, False)]


async def test_overlap_looks_away(parts):
    """A schedule neither waits for a backfill's runs nor has them give way, folded or not."""
    job_id = await parts.create(**DAILY)
    await request(parts, job_id, 2)
    by_hand = await parts.request(job_id)
    await backfiller(parts).drive()
    seen = []
    for _ in range(2):
        async with parts.pool.acquire() as connection:
            seen.append(await open_runs_now(connection, parts.log, [job_id]))
        await parts.fold()
    assert (seen, await parts.rows("SELECT count(*) FROM open_runs")) == ([{job_id: {by_hand}}] * 2, [(2,)])


async def test_a_changed_job(parts, executor):
    """A change holds for the runs that are requested after it, for the instants that were listed."""
    job_id = await parts.create(**DAILY)
    await request(parts, job_id, 2)
    driver = backfiller(parts)
    await driver.drive()
    await parts.perform(WireChangeJob(job_id=job_id, spec=spec(schedule="@hourly", pool="big")))
    await work_off(parts, executor, driver)
    assert [(run.job_version, run.pool, run.due_at) for run in await runs(parts)] == [
        (1, "default", days(2)[0]), (2, "big", days(2)[1]),
    ]  # fmt: skip


async def test_refused_configs(parts, executor):
    """An instant whose configs are refused as they are rendered has a failed run, and the others go on."""
    # 1024 characters are a path at most: the names of three days are too long.
    job_id = await record_job(parts, "{{ due_at:%A }}/" + ("a" * 250 + "/") * 4 + "a" * 12)
    backfill_id = await request(parts, job_id, 7)
    await work_off(parts, executor)
    assert await story(parts, backfill_id) == [
        BackfillFinished(succeeded=4, failed=3, cancelled=0, skipped=0)
    ]
    assert sum(kind == "run.failed" for kind in await parts.types()) == 3


async def test_cancelled(parts, executor):
    """A cancel stops queued runs at once and tells running ones; it has ended when none is open."""
    backfill_id = await request(parts, await parts.create(**DAILY), 5, concurrency=3)
    told = []
    driver = backfiller(parts, told)
    await driver.drive()
    first, running, queued = await open_runs(parts)
    await end(executor, first)
    await executor.say(running, StartRun("e1", NOW))
    await parts.fold()
    await parts.perform(WireCancelBackfill(backfill_id=backfill_id, reason="typo"))
    await parts.fold()
    async with parts.folding():
        await driver.drive()
    await parts.fold()
    assert (set(told), await open_runs(parts)) == ({running, queued}, [running])
    assert await parts.types(f"run-{queued}") == ["run.requested", "run.cancel_requested", "run.cancelled"]
    assert await story(parts, backfill_id) == [BackfillCancelRequested(reason="typo")]
    await executor.say(running, StopRun(1))
    await parts.fold()
    async with parts.folding():
        await driver.drive()
    await parts.fold()
    assert (await story(parts, backfill_id))[1:] == [
        BackfillCancelled(succeeded=1, failed=0, cancelled=2, skipped=0, remaining=2)
    ]
    assert (len(await runs(parts)), await parts.rows("SELECT * FROM backfills")) == (3, [])


async def test_cancelled_before_the_calendar_knows(parts):
    """Once a cancel was answered no run is requested, though the calendar has not seen it."""
    backfill_id = await request(parts, await parts.create(**DAILY))
    await parts.perform(WireCancelBackfill(backfill_id=backfill_id))
    assert await backfiller(parts).drive()
    assert await runs(parts) == []


async def test_a_cancel_waits_for_the_calendar(parts):
    """Runs are cancelled, and the end is told, only by who knows all that were requested."""
    backfill_id = await request(parts, await parts.create(**DAILY), 2)
    await backfiller(parts).drive()
    await parts.fold()
    await parts.perform(WireCancelBackfill(backfill_id=backfill_id))
    await parts.fold()
    # Something else happens that is not folded yet.
    await parts.perform(WireCancelBackfill(backfill_id=await request(parts, await parts.create(**DAILY))))
    assert await backfiller(parts).drive()
    assert len(await open_runs(parts)) == 1


async def test_a_deleted_job(parts):
    """A backfill whose job was deleted in the same moment is given up, and says why."""
    job_id = await parts.create(**DAILY)
    async with parts.folding():
        await parts.perform(WireDeleteJob(job_id=job_id))
    # Its request is decided on the job as it was just before.
    stale = assemble(parts.pool)
    stale.jobs.current = lambda _: _now(existing)  # type: ignore[method-assign]
    existing = structs.replace(await parts.jobs.current(job_id), is_deleted=False, version=1)
    backfill_id = await request(stale, job_id)
    await backfiller(parts).drive()
    await parts.fold()
    async with parts.folding():
        await backfiller(parts).drive()
    assert [await runs(parts), await story(parts, backfill_id)] == [
        [],
        [
            BackfillCancelRequested(reason="the job was deleted"),
            BackfillCancelled(succeeded=0, failed=0, cancelled=0, skipped=0, remaining=3),
        ],
    ]


async def _now(value):
    return value


async def test_runs_too_large_for_the_log(parts):
    """A backfill whose runs cannot be recorded is given up, and holds up no other."""
    rows = [{"day": "{{ due_at }}" * 55_000}]
    task = TaskSpec({"type": "inline", "rows": rows}, {"type": "discard"})
    large = await request(parts, await parts.create(**DAILY, tasks=(task,)))
    await request(parts, await parts.create(**DAILY), 1)
    await backfiller(parts).drive()
    (told,) = await story(parts, large)
    assert isinstance(told, BackfillCancelRequested)
    assert told.reason.startswith("no run can be recorded: ")
    assert [run.due_at for run in await runs(parts)] == [START]


async def test_who_is_told(parts, executor):
    """The backfiller hears of what the fold learnt of backfills, and of nothing else."""
    told = []
    parts.calendar._listeners = Listeners(backfills=lambda: told.append("backfills"))
    job_id = await parts.create(**DAILY)
    by_hand = await parts.request(job_id)

    async def fold() -> int:
        parts.calendar._tell(await parts.calendar.projector.catch_up())
        return len(told)

    await end(executor, by_hand)
    counts = [await fold()]
    await request(parts, job_id, 2, fold=False)
    counts.append(await fold())
    await backfiller(parts).drive()
    counts.append(await fold())
    await end(executor, (await open_runs(parts))[0])
    counts.append(await fold())
    assert counts == [0, 1, 2, 3]


async def test_the_loop_goes_on_as_runs_end(parts, executor):
    """Poked by the calendar, the loop asks for run after run and tells the end."""
    changed = Wakeup()
    parts.calendar._listeners = Listeners(backfills=changed.poke)
    backfill_id = await request(parts, await parts.create(**DAILY), 4, concurrency=2)
    loop = asyncio.create_task(backfiller(parts, wakeup=changed).run())
    async with parts.folding(), asyncio.timeout(20):
        while not await story(parts, backfill_id):
            for run_id in await open_runs(parts):
                await end(executor, run_id)
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    assert len(await runs(parts)) == 4
