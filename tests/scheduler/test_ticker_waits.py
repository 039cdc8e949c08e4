"""What the ticker leaves alone while the calendar is behind, and who does not wait for that."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from scheduler.parts import assemble, hourly, spec

from orc_domain.policies import CatchUp, Overlap
from orc_domain.run_messages import RunRequested
from orc_domain.wire import WireCreateJob
from orc_events.event import Position
from orc_runtime.deciders import RUNS
from orc_scheduler.ticker import Batch


async def requested(parts) -> list[UUID]:
    """Give the jobs that runs were requested of, in order."""
    events = [RUNS.codec.decode(past) for past in await parts.events() if past.type == "run.requested"]
    return [event.job_id for event in events if isinstance(event, RunRequested)]


async def test_far_behind_stops_no_other(parts, monkeypatch):
    """While the calendar is too far behind to know the open runs, schedules that need not know them go on."""
    monkeypatch.setattr("orc_scheduler.overlaps.BEHIND_MAX", 3)
    schedule, due_at = hourly(2)
    careful = await parts.create(schedule=schedule, overlap=Overlap(mode="skip"))
    other = await parts.create(schedule=schedule)
    await parts.set_due(due_at)
    for _ in range(3):
        await parts.perform(WireCreateJob(spec=spec()))
    batch = await parts.ticker().tick()
    assert (batch, await requested(parts)) == (Batch(1, 1), [other])
    await parts.fold()
    assert await parts.ticker().tick() == Batch(1, 0)
    assert await requested(parts) == [other, careful]


async def test_nobody_waits_behind_those_left(parts):
    """When as many as a transaction takes have to wait for the calendar, one that has just come due is run all the same."""
    for _ in range(2):
        await parts.create(schedule="0 * * * * *")
    await parts.set_due(datetime.now(UTC) - timedelta(hours=1))
    schedule, due_at = hourly(2)
    job_id = await parts.create(schedule=schedule)
    await parts.set_due(due_at, job_id)
    await parts.perform(WireCreateJob(spec=spec()))
    ticker = parts.ticker(rows_max=2)
    assert (await ticker.tick(), await requested(parts)) == (Batch(1, 1), [job_id])


async def test_folded_anew_by_another(parts, connect):
    """A replica that saw the calendar at the head does not believe one that another replica folds anew since."""
    schedule, due_at = hourly(2)
    job_id = await parts.create(schedule=schedule, catch_up=CatchUp(window_seconds=100_000))
    for hours in (2, 1):
        await parts.set_due(due_at - timedelta(hours=hours))
        async with parts.folding():
            await parts.calendar.is_current()
            await parts.ticker().tick()
    other = assemble(await connect("orc_scheduler"))
    await other.fold()
    assert await other.calendar.is_current()
    before = await parts.types()
    await parts.calendar.projector.rebuild()
    assert not await other.calendar.is_current(0.01)
    assert await other.calendar.current_at(0.01) is None
    # Half of it is there: the job, and none of its instants.
    parts.calendar.follower._batch_max = 1
    await parts.calendar.projector.catch_up(Position(1))
    await parts.set_due(due_at - timedelta(hours=2), job_id)
    head = await parts.log.head()
    assert await other.ticker()._account(head) == (Batch(0, 1), True)
    assert await parts.types() == before


async def test_bounded_looks(parts, monkeypatch):
    """One transaction judges so many instants; the schedules that are left follow in the next."""
    monkeypatch.setattr("orc_scheduler.ticker.BATCH_LOOKS_MAX", 100)
    for _ in range(3):
        await parts.create(schedule="* * * * * *", exclude=("* * 3 * * *",) * 9)
    await parts.set_due(datetime.now(UTC) - timedelta(seconds=30))
    async with parts.folding():
        assert await parts.calendar.is_current()
        assert await parts.ticker().tick() == Batch(1, 2)
