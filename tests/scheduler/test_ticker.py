"""The ticker: every due instant one event, whoever ticks, whatever the calendar believes."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
from scheduler.parts import assemble, hourly, spec

from orc_domain.instants import tick_id
from orc_domain.job_spec import TaskSpec
from orc_domain.policies import CatchUp
from orc_domain.run_messages import RunRequested
from orc_domain.ticks import TickSkipped
from orc_domain.wire import WireChangeJob, WireDeleteJob, WirePauseJob
from orc_domain.zones import TZDATA
from orc_events.event import StreamName
from orc_runtime.deciders import RUNS
from orc_scheduler.tick_events import TICK_EVENTS
from orc_scheduler.ticker import Batch

EVERY_SECOND = {"schedule": "* * * * * *"}


async def requested(parts) -> list[RunRequested]:
    return [RUNS.codec.decode(past) for past in await parts.events() if past.type == "run.requested"]


async def skipped(parts, job_id: UUID) -> list[TickSkipped]:
    return [TICK_EVENTS.decode(past) for past in await parts.log.read_stream(StreamName(f"ticks-{job_id}"))]


async def due_of(parts, job_id: UUID) -> datetime:
    ((due_at,),) = await parts.rows("SELECT next_due_at FROM jobs WHERE job_id = $1", job_id)
    return due_at


def instants(start: datetime, end: datetime) -> list[datetime]:
    return [start + timedelta(seconds=n) for n in range(round((end - start).total_seconds()))]


async def test_due_instant(parts):
    """A due instant becomes a run of the job as it stands, its id from job and instant, and the schedule moves on."""
    schedule, due_at = hourly(1)
    job_id = await parts.create(schedule=schedule, pool="big")
    await parts.set_due(due_at)
    batch = await parts.ticker().tick()
    (run,) = await requested(parts)
    (past,) = await parts.log.read_stream(StreamName(f"run-{run.run_id}"))
    assert (batch, parts.told, past.actor, past.correlation_id) == (
        Batch(1, 0),
        ["append"],
        "scheduler",
        run.run_id,
    )
    assert msgspec.structs.replace(run, tasks=()) == RunRequested(
        run_id=tick_id(job_id, due_at), job_id=job_id, job_name="flights", job_version=1, tasks=(),
        pool="big", triggered_by="scheduler", policy=run.policy, root_id=run.run_id, due_at=due_at, tzdata=TZDATA,
    )  # fmt: skip
    assert (run.tasks[0].extractor_config, await parts.ticker().tick()) == (
        {"type": "inline", "rows": [{"n": 1}]},
        Batch(0, 0),
    )


async def test_nothing_due(parts):
    """A schedule that is not due is left alone."""
    await parts.create(schedule="@yearly")
    assert (await parts.ticker().tick(), await parts.types()) == (Batch(0, 0), ["job.created"])


async def test_two_tickers(parts, connect):
    """Two replicas that tick side by side account for each of 8 instants of 20 schedules exactly once."""
    other = assemble(await connect("orc_scheduler"))
    jobs = [await parts.create(**EVERY_SECOND) for _ in range(20)]
    starts = {job_id: await parts.make_due(job_id, 8) for job_id in jobs}

    async def tick(ticker) -> None:
        while (batch := await ticker.tick()).moved or batch.left:
            pass

    await asyncio.gather(tick(parts.ticker(rows_max=3)), tick(other.ticker(rows_max=3)))
    runs = await requested(parts)
    for job_id in jobs:
        mine = [run.due_at for run in runs if run.job_id == job_id]
        assert mine == instants(starts[job_id], await due_of(parts, job_id))
        assert len(mine) >= 8


async def test_locked_by_another(parts):
    """A schedule that another replica is just accounting for is left to it, without waiting."""
    theirs, ours = await parts.create(**EVERY_SECOND), await parts.create(**EVERY_SECOND)
    await parts.make_due(theirs, 0)
    await parts.make_due(ours, 0)
    async with parts.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM jobs WHERE job_id = $1 FOR UPDATE", theirs)
        assert await parts.ticker().tick() == Batch(1, 0)
    assert {run.job_id for run in await requested(parts)} == {ours}


async def test_calendar_forgot(parts):
    """Instants that the calendar believes due again are answered by the log with what it has."""
    job_id = await parts.create(**EVERY_SECOND)
    start = await parts.make_due(job_id, 5)
    await parts.ticker().tick()
    before = await parts.types()
    await parts.set_due(start)
    assert (await parts.ticker().tick()).moved == 1
    after = await requested(parts)
    assert [run.due_at for run in after] == instants(start, await due_of(parts, job_id))
    assert len(after) - before.count("run.requested") <= 2


async def test_paused_in_the_log(parts):
    """A schedule paused in the log does not fire, though its row does not know yet."""
    job_id = await parts.create(**EVERY_SECOND)
    await parts.make_due(job_id, 1)
    await parts.perform(WirePauseJob(job_id=job_id))
    behind = await parts.ticker().tick()
    await parts.fold()
    assert (behind, await parts.ticker().tick(), await requested(parts)) == (Batch(0, 1), Batch(0, 0), [])


async def test_deleted_in_the_log(parts):
    """A schedule of a job deleted in the log does not fire, though its row is still there."""
    job_id = await parts.create(schedule="@yearly")
    async with parts.folding():
        await parts.perform(WireDeleteJob(job_id=job_id))
    await parts.fold()
    due_at = datetime.now(UTC).replace(microsecond=0)
    await parts.pool.execute(
        "INSERT INTO jobs VALUES ($1, 1, 'default', '{}', true, $2, NULL, $2, NULL, 0)", job_id, due_at
    )
    assert (await parts.ticker().tick(), await requested(parts)) == (Batch(0, 1), [])


async def test_rescheduled_in_the_log(parts):
    """A schedule replaced in the log does not fire by the row's old one; what that left is recorded after the fold."""
    job_id = await parts.create(**EVERY_SECOND)
    due_at = await parts.make_due(job_id, 1)
    done = await parts.perform(WireChangeJob(job_id=job_id, spec=spec(schedule="@yearly")))
    ((changed_at,),) = await parts.rows(
        "SELECT recorded_at FROM log.events WHERE position = $1", done.position
    )
    behind = await parts.ticker().tick()
    async with parts.folding():
        assert await parts.calendar.is_current()
        ticked = await parts.ticker().tick()
    (left,) = await skipped(parts, job_id)
    assert (behind, ticked, await requested(parts)) == (Batch(0, 1), Batch(1, 0), [])
    assert left == TickSkipped(
        job_id=job_id, due_at=due_at, last_due_at=changed_at.replace(microsecond=0),
        count=round((changed_at.replace(microsecond=0) - due_at).total_seconds()) + 1,
        reason="replaced", job_version=2, tzdata=TZDATA,
    )  # fmt: skip


async def test_missed_long_ago(parts):
    """What was missed longer ago than the window is one span, recorded once; what came later is run."""
    job_id = await parts.create(schedule="0 * * * * *")
    due_at = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=1)
    await parts.set_due(due_at)
    async with parts.folding():
        assert (await parts.ticker().tick()).moved == 1
    (span,) = await skipped(parts, job_id)
    runs = [run.due_at for run in await requested(parts)]
    assert span == TickSkipped(
        job_id=job_id,
        due_at=due_at,
        last_due_at=runs[0] - timedelta(minutes=1),
        count=round((runs[0] - due_at) / timedelta(minutes=1)),
        reason="missed",
        job_version=1,
        tzdata=TZDATA,
    )
    assert [*runs, await due_of(parts, job_id)] == [
        runs[0] + timedelta(minutes=n) for n in range(len(runs) + 1)
    ]
    assert len(runs) in {15, 16}


async def test_missed_by_a_calendar_that_is_behind(parts):
    """While the calendar is not at the log's head, nothing is recorded as missed."""
    job_id = await parts.create(schedule="0 * * * * *")
    await parts.set_due(datetime.now(UTC) - timedelta(hours=1))
    await parts.request(await parts.create())
    await parts.perform(WireChangeJob(job_id=await parts.create(), spec=spec(job_name="other")))
    assert (await parts.ticker().tick(), await skipped(parts, job_id)) == (Batch(0, 1), [])


async def test_two_spans(parts, monkeypatch):
    """More missed instants than a span counts become several, one after the other in their stream."""
    monkeypatch.setattr("orc_domain.accounting.INSTANTS_MAX", 6)
    monkeypatch.setattr("orc_domain.accounting.INSTANTS_MIN", 1)
    job_id = await parts.create(schedule="0 0 * * * *", catch_up=CatchUp(mode="all", max=2))
    due_at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=7)
    await parts.set_due(due_at)
    async with parts.folding():
        while (await parts.ticker().tick()).moved:
            pass
    first, second = await skipped(parts, job_id)
    assert (first.due_at, first.count, second.due_at) == (due_at, 4, due_at + timedelta(hours=4))
    assert second.last_due_at == second.due_at + timedelta(hours=second.count - 1)


async def test_bounded_batch(parts, monkeypatch):
    """One transaction requests so many runs; the rest follow in the next."""
    monkeypatch.setattr("orc_scheduler.ticker.BATCH_RUNS_MAX", 10)
    jobs = [await parts.create(**EVERY_SECOND) for _ in range(3)]
    for job_id in jobs:
        await parts.make_due(job_id, 7)
    ticker = parts.ticker()
    first = await ticker.tick()
    after_first = len(await requested(parts))
    while (await ticker.tick()).moved:
        pass
    assert (first, after_first) == (Batch(2, 1), 10)
    assert {run.job_id for run in await requested(parts)} == set(jobs)


async def test_unreadable_schedule(parts):
    """A recorded schedule that today's rules refuse keeps its place, is tried again later, and stops no other."""
    schedule, due_at = hourly(1)
    bad, good = await parts.create(schedule=schedule), await parts.create(schedule=schedule)
    await parts.set_due(due_at)
    await parts.pool.execute("UPDATE jobs SET timing = 'every now and then' WHERE job_id = $1", bad)
    assert await parts.ticker().tick() == Batch(2, 0)
    assert (await due_of(parts, bad), [run.job_id for run in await requested(parts)]) == (due_at, [good])
    assert await due_of(parts, good) > due_at
    assert await parts.ticker().tick() == Batch(0, 0)
    timing = (await parts.rows("SELECT timing FROM jobs WHERE job_id = $1", good))[0][0]
    await parts.pool.execute("UPDATE jobs SET timing = $1, wake_at = now() WHERE job_id = $2", timing, bad)
    assert (await parts.ticker().tick(), len(await requested(parts))) == (Batch(1, 0), 2)


async def test_by_hand_moves_nothing(parts):
    """A run by hand leaves the schedule where it was."""
    job_id = await parts.create(schedule="@yearly")
    before = await due_of(parts, job_id)
    await parts.request(job_id)
    assert await due_of(parts, job_id) == before


async def test_ticked_run_is_open(parts):
    """A run that the ticker requested counts as open."""
    job_id = await parts.create(**EVERY_SECOND)
    await parts.make_due(job_id, 0)
    await parts.ticker().tick()
    async with parts.folding():
        assert await parts.calendar.open_runs_of(job_id) >= 1


async def test_big_jobs(parts, monkeypatch):
    """One transaction requests so many bytes of runs, at least one of each job it takes; the rest follow."""
    monkeypatch.setattr("orc_scheduler.ticker.BATCH_BYTES_MAX", 50_000)
    big = spec(
        **EVERY_SECOND,
        tasks=(TaskSpec({"type": "inline", "rows": [{"n": "x" * 20_000}]}, {"type": "discard"}),),
    )
    jobs = [await parts.create(**msgspec.structs.asdict(big)) for _ in range(2)]
    for job_id in jobs:
        await parts.make_due(job_id, 5)
    ticker = parts.ticker()
    sizes = []
    while (await ticker.tick()).moved:
        sizes.append(len(await requested(parts)) - sum(sizes))
    runs = await requested(parts)
    assert sizes[0] == 3
    for job_id in jobs:
        mine = [run.due_at for run in runs if run.job_id == job_id]
        assert mine == instants(mine[0], await due_of(parts, job_id))
