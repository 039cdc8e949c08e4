"""What the ticker records by a job's policies: one event for each instant, run or let pass, and why."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from scheduler.parts import NOW, hourly, spec

from orc_domain.accounting import Outcome
from orc_domain.instants import tick_id
from orc_domain.policies import CatchUp, Overlap
from orc_domain.run_messages import RunRequested, StartRun, SucceedTask, TaskResult
from orc_domain.ticks import TickSkipped
from orc_domain.wire import WireChangeJob, WireDeleteJob, WirePauseJob, WireRequestRun, WireResumeJob
from orc_events.event import StreamName, Version
from orc_runtime.deciders import RUNS
from orc_scheduler.tick_appends import skip_of
from orc_scheduler.tick_events import TICK_EVENTS
from orc_scheduler.ticker import Batch

EVERY_SECOND = {"schedule": "* * * * * *"}
SECOND = timedelta(seconds=1)


async def tick(parts) -> Batch:
    """Tick once, the calendar following the log meanwhile."""
    async with parts.folding():
        assert await parts.calendar.is_current()
        return await parts.ticker().tick()


async def ledger(parts, job_id: UUID) -> list[tuple[datetime, int, str]]:
    """Give what the log says of the job's instants, in their order: the first, how many, and what became of them."""
    found = []
    for past in await parts.events():
        if past.type == "run.requested":
            run = RUNS.codec.decode(past)
            assert isinstance(run, RunRequested)
            if run.job_id == job_id and run.triggered_by == "scheduler":
                found.append((run.due_at, 1, "run"))
        elif past.stream == f"ticks-{job_id}":
            skipped = TICK_EVENTS.decode(past)
            found.append((skipped.due_at, skipped.count, skipped.reason))
    return sorted(found)


async def test_each_missed_instant_has_its_outcome(parts):
    """Of what was missed under `last` the newest is run, and all before it are one span."""
    schedule, due_at = hourly(60)
    job_id = await parts.create(schedule=schedule, catch_up=CatchUp(mode="last", window_seconds=3600))
    await parts.set_due(due_at - timedelta(hours=3))
    assert await tick(parts) == Batch(1, 0)
    assert await ledger(parts, job_id) == [
        (due_at - timedelta(hours=3), 3, "missed"),
        (due_at, 1, "run"),
    ]


async def test_deadline(parts):
    """An instant that is later than its deadline allows is let pass for that."""
    schedule, due_at = hourly(60)
    job_id = await parts.create(schedule=schedule, start_deadline_seconds=30.0)
    await parts.set_due(due_at)
    await tick(parts)
    assert await ledger(parts, job_id) == [(due_at, 1, "deadline")]


async def test_excluded(parts):
    """An excluded instant is recorded as such at its time."""
    today = datetime.now(UTC).date()
    dates = f"{today - timedelta(days=1)}/{today + timedelta(days=1)}"
    schedule, due_at = hourly(1)
    job_id = await parts.create(schedule=schedule, exclude=(dates,))
    await parts.set_due(due_at)
    await tick(parts)
    assert await ledger(parts, job_id) == [(due_at, 1, "excluded")]


async def test_jitter_waits(parts):
    """An instant with jitter is accounted for when its run's share of it is over, under the instant's own name."""
    schedule, due_at = hourly(120)
    jitter = {"schedule": schedule, "jitter_seconds": 3000.0}
    job_id, waits_seconds = None, 0.0
    while waits_seconds < 200:
        # The share follows from the job's id; one whose share is over already would run at once.
        job_id = await parts.create(**jitter)
        waits_seconds = 3000 * int.from_bytes(tick_id(job_id, due_at).bytes[:6], "big") / 2**48
    await parts.set_due(due_at)
    await tick(parts)
    assert await ledger(parts, job_id) == []
    await parts.set_due(due_at - timedelta(hours=1))
    await parts.perform(
        WireChangeJob(job_id=job_id, spec=spec(**jitter, catch_up=CatchUp(window_seconds=7200)))
    )
    await tick(parts)
    assert (due_at - timedelta(hours=1), 1, "run") in await ledger(parts, job_id)


async def test_paused_for_long(parts):
    """What a paused schedule lets pass is recorded an hour after the first of it, as one span."""
    job_id = await parts.create(**EVERY_SECOND)
    await parts.perform(WirePauseJob(job_id=job_id, reason="the source is down"))
    await parts.fold()
    start = (datetime.now(UTC) - timedelta(hours=1, seconds=5)).replace(microsecond=0)
    await parts.set_due(start)
    await tick(parts)
    ((first, count, reason),) = await ledger(parts, job_id)
    assert (first, reason, count >= 3605) == (start, "paused", True)
    assert await parts.rows("SELECT next_due_at, wake_at - next_due_at FROM jobs") == [
        (start + count * SECOND, timedelta(hours=1))
    ]


async def test_resumed(parts):
    """What a pause let pass is recorded at the resume, and nothing before the resume is run."""
    job_id = await parts.create(**EVERY_SECOND)
    await parts.perform(WirePauseJob(job_id=job_id))
    await parts.fold()
    start = (datetime.now(UTC) - timedelta(minutes=5)).replace(microsecond=0)
    await parts.set_due(start)
    await parts.perform(WireResumeJob(job_id=job_id))
    while not await ledger(parts, job_id):
        await tick(parts)
    (first, count, reason), *following = await ledger(parts, job_id)
    assert (first, reason, count >= 300) == (start, "paused", True)
    assert [entry[0] for entry in following] == [start + (count + n) * SECOND for n in range(len(following))]


@pytest.mark.parametrize("is_paused", [True, False])
async def test_deleted(parts, is_paused):
    """What a job had not accounted for when it was deleted is recorded, and then its row is gone."""
    job_id = await parts.create(schedule="0 * * * * *")
    if is_paused:
        await parts.perform(WirePauseJob(job_id=job_id))
        await parts.fold()
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=5)
    await parts.set_due(start)
    await parts.perform(WireDeleteJob(job_id=job_id))
    await parts.fold()
    assert await tick(parts) == Batch(1, 0)
    ((first, count, reason),) = await ledger(parts, job_id)
    assert (first, count >= 6, reason) == (start, True, "paused" if is_paused else "deleted")
    assert await parts.rows("SELECT * FROM jobs") == []
    await parts.calendar.projector.rebuild()
    await parts.fold()
    assert (await tick(parts), await parts.rows("SELECT * FROM jobs")) == (Batch(0, 0), [])


async def test_overlap_skip(parts):
    """While a run is open further instants are let pass."""
    schedule, due_at = hourly(1)
    job_id = await parts.create(
        schedule=schedule, overlap=Overlap(mode="skip"), catch_up=CatchUp(window_seconds=10_000)
    )
    await parts.set_due(due_at - timedelta(hours=2))
    await tick(parts)
    assert await ledger(parts, job_id) == [
        (due_at - timedelta(hours=2), 1, "run"),
        (due_at - timedelta(hours=1), 2, "overlap"),
    ]


async def test_overlap_after_an_end_the_fold_has_not_seen(parts, executor):
    """A run that has just ended is open no more, though the calendar does not know yet."""
    schedule, due_at = hourly(1)
    job_id = await parts.create(schedule=schedule, overlap=Overlap(mode="skip"))
    run_id = await parts.request(job_id)
    await executor.say(run_id, StartRun("e1", NOW))
    await executor.say(run_id, SucceedTask(1, 1, TaskResult(rows=1)))
    await parts.set_due(due_at)
    assert await parts.ticker().tick() == Batch(1, 0)
    assert await ledger(parts, job_id) == [(due_at, 1, "run")]


async def test_overlap_counts_a_run_the_fold_has_not_seen(parts):
    """A run that was requested a moment ago is open, though the calendar does not know of it yet."""
    schedule, due_at = hourly(1)
    job_id = await parts.create(schedule=schedule, overlap=Overlap(mode="skip"))

    await parts.perform(WireRequestRun(job_id=job_id))
    await parts.set_due(due_at)
    await tick(parts)
    assert await ledger(parts, job_id) == [(due_at, 1, "overlap")]


async def test_overlap_queue(parts):
    """Waiting runs are requested up to the cap, each to be worked on alone; further instants are over it."""
    job_id = await parts.create(**EVERY_SECOND, overlap=Overlap(mode="queue", max=2))
    start = await parts.make_due(job_id, 5)
    await tick(parts)
    entries = await ledger(parts, job_id)
    assert entries[:3] == [(start + n * SECOND, 1, "run") for n in range(3)]
    assert [(entry[0], entry[2]) for entry in entries[3:]] == [(start + 3 * SECOND, "over-cap")]
    runs = [RUNS.codec.decode(past) for past in await parts.events() if past.type == "run.requested"]
    assert {run.concurrency_max for run in runs} == {1}


async def test_overlap_cancel_running(parts, executor):
    """The open run is asked to stop in favour of the newest instant; what would be stopped at once is not begun."""
    job_id = await parts.create(**EVERY_SECOND, overlap=Overlap(mode="cancel_running"))
    run_id = await parts.request(job_id)
    await executor.say(run_id, StartRun("e1", NOW))
    start = await parts.make_due(job_id, 2)
    await tick(parts)
    entries = await ledger(parts, job_id)
    assert [entry[2] for entry in entries] == ["overlap", "run"]
    assert (entries[0][0], entries[1][0]) == (start, start + entries[0][1] * SECOND)
    (asked,) = [past for past in await parts.events() if past.type == "run.cancel_requested"]
    by = tick_id(job_id, entries[1][0])
    assert (asked.stream, asked.actor, str(by) in asked.data) == (f"run-{run_id}", "scheduler", True)
    requested = next(past for past in await parts.events() if past.stream == f"run-{by}")
    assert requested.position > asked.position


@pytest.mark.parametrize("was", ["run", "skip"])
async def test_recorded_twice_is_once(parts, was):
    """An instant that the log has an event of gets no second one, whatever the calendar and the policy now say."""
    schedule, due_at = hourly(5)
    job_id = await parts.create(
        schedule=schedule, **({} if was == "run" else {"start_deadline_seconds": 1.0})
    )
    await parts.set_due(due_at)
    await tick(parts)
    before = await ledger(parts, job_id)
    other = spec(schedule=schedule, **({"start_deadline_seconds": 1.0} if was == "run" else {}))
    await parts.perform(WireChangeJob(job_id=job_id, spec=other))
    await parts.fold()
    await parts.set_due(due_at)
    assert await tick(parts) == Batch(1, 0)
    assert await ledger(parts, job_id) == before == [(due_at, 1, "run" if was == "run" else "deadline")]


async def test_rebuilt_with_a_pause(parts):
    """Folded again from nothing, a calendar with instants that were let pass comes to the same rows."""
    job_id = await parts.create(**EVERY_SECOND)
    await parts.perform(WirePauseJob(job_id=job_id))
    await parts.fold()
    await parts.set_due((datetime.now(UTC) - timedelta(minutes=5)).replace(microsecond=0))
    await parts.perform(WireResumeJob(job_id=job_id))
    await tick(parts)
    await parts.fold()
    before = await parts.rows("SELECT * FROM jobs")
    await parts.calendar.projector.rebuild()
    await parts.fold()
    assert await parts.rows("SELECT * FROM jobs") == before


async def test_spans_are_versions_of_one_stream(parts):
    """Spans of one job follow one another in its stream of ticks."""
    schedule, due_at = hourly(5)
    job_id = await parts.create(schedule=schedule, start_deadline_seconds=1.0)
    await parts.set_due(due_at)
    await tick(parts)
    await parts.fold()
    await parts.set_due(due_at - timedelta(hours=1))
    await tick(parts)
    recorded = await parts.log.read_stream(StreamName(f"ticks-{job_id}"))
    assert [past.version for past in recorded] == [1, 2]
    assert all(isinstance(TICK_EVENTS.decode(past), TickSkipped) for past in recorded)


async def test_a_span_that_is_known_does_not_hold_up_the_next(parts):
    """Of two spans the first of which the log has already, the second is recorded at the version that follows."""
    schedule, due_at = hourly(60)
    job_id = await parts.create(
        schedule=schedule, catch_up=CatchUp(window_seconds=5400), start_deadline_seconds=1.0
    )
    job, first = await parts.jobs.current(job_id), due_at - timedelta(hours=2)
    await parts.log.append(skip_of(job, Outcome(first, first, 1), "missed", Version(0), NOW))
    await parts.fold()
    await parts.set_due(first)
    assert await tick(parts) == Batch(1, 0)
    assert await ledger(parts, job_id) == [(first, 1, "missed"), (first + timedelta(hours=1), 2, "deadline")]
