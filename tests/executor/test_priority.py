"""Priorities: of the runs that wait in a pool the most urgent is claimed next, whoever's message comes; none is lost."""

import pytest
from executor.test_consumer import settled
from prometheus_client import CollectorRegistry
from support.executor_world import eventually, pool_of, scripted, types
from support.limited import JOB, Claimant

from orc_domain.run_messages import ENDED
from orc_executor.admission import Admission
from orc_runtime.clock import SystemClock
from orc_scheduler.calendar import Calendar, Listeners
from orc_scheduler.metrics import SchedulerMetrics
from orc_scheduler.rescuer import Rescuer

SUCCESS = ["run.requested", "run.started", "task.succeeded", "run.succeeded"]


@pytest.fixture(autouse=True)
def _none_ahead(monkeypatch):
    """Have no run claimed before a worker is free for it."""
    monkeypatch.setattr("orc_executor.admission.SHORT_SECONDS_MAX", 0.0)


@pytest.fixture
async def calendar(database):
    """Fold the log by hand, as the scheduler does."""
    async with pool_of(database, "orc_scheduler") as pool:
        yield Calendar(pool, Claimant(pool, None).voice.log, Listeners())


@pytest.fixture
def waiting(scheduler, bus, calendar):
    """Queue runs of these priorities, in their order, with their messages, and fold them."""

    async def wait(*priorities, offered=True, **more):
        runs = [
            (await scheduler.request(scripted("load"), priority=priority, **more)).run_id
            for priority in priorities
        ]
        for run_id in runs if offered else []:
            await scheduler.offer(bus, run_id)
        await calendar.projector.catch_up()
        return runs

    return wait


@pytest.fixture
def busy(scheduler, bus, executors):
    """Start an executor and occupy its one slot; gives it, and the way to free the slot."""

    async def occupy(**more):
        executor = await executors(**({"slots": 1} | more))
        run_id = (await scheduler.request(scripted("wait"))).run_id
        await scheduler.offer(bus, run_id)
        await scheduler.until(run_id, ["running"])

        async def free():
            await scheduler.cancel(run_id)
            executor.leases.poke(run_id)
            await scheduler.until(run_id, ENDED)

        return executor, free

    return occupy


async def claimed(scheduler, runs):
    """Wait until all have ended well, each claimed once, and give them in the order of their claims."""
    for run_id in runs:
        await scheduler.until(run_id, ENDED)
    stories = [types(await scheduler.events(run_id)) for run_id in runs]
    assert stories == [SUCCESS] * len(runs)
    names = {f"run-{run_id}": run_id for run_id in runs}
    events = await scheduler.log.read(0, 5_000)
    return [names[event.stream] for event in events if event.type == "run.started" and event.stream in names]


async def test_the_most_urgent_is_claimed_next(scheduler, bus, busy, waiting):
    """Behind a busy slot the last requested comes first and the first requested last; ordinary ones keep their order."""
    executor, free = await busy()
    runs = await waiting(-10, *[0] * 20, 10)
    executor.consumer.hear(10)
    await free()
    assert await claimed(scheduler, runs) == [runs[-1], *runs[1:-1], runs[0]]
    await settled(bus)


async def test_a_run_claimed_early_counts_for_its_own_job(scheduler, busy, waiting, monkeypatch):
    """How long it takes is learned of its job, not of the job whose message was spent."""
    turned, turn = [], Admission.turn

    def noting(admission, ticket, job_id):
        turn(admission, ticket, job_id)
        turned.append(ticket.job_id)

    monkeypatch.setattr(Admission, "turn", noting)
    executor, free = await busy()
    runs = await waiting(0, 10)
    executor.consumer.hear(10)
    await free()
    await claimed(scheduler, runs)
    assert turned == [(await scheduler.run(runs[1])).requested.job_id]


async def test_what_is_heard_may_be_lost(scheduler, bus, busy, waiting, monkeypatch):
    """While messages pile up the executor looks by itself."""
    monkeypatch.setattr("orc_executor.urgent.LOOK_SECONDS", 0.0)
    executor, free = await busy()
    assert executor.consumer._urgent._top == 0
    runs = await waiting(*[0] * 5, 10)
    await free()
    assert await claimed(scheduler, runs) == [runs[-1], *runs[:-1]]


async def test_where_priorities_are_alike_nobody_asks(scheduler, bus, executors, calendar, monkeypatch):
    """Past the first message, for which nothing is known, a run costs no statement more."""
    monkeypatch.setattr("orc_executor.urgent.LOOK_SECONDS", float("inf"))
    executor = await executors()
    urgent, asked = executor.consumer._urgent, []
    fetch = urgent._database.fetch

    class Counting:
        async def fetch(self, *values):
            asked.append(values[2])
            return await fetch(*values)

    monkeypatch.setattr(urgent, "_database", Counting())
    for _ in range(5):
        wish = await scheduler.request(scripted("load"))
        await scheduler.offer(bus, wish.run_id)
        await scheduler.until(wish.run_id, ENDED)
    assert asked == [0]


async def test_a_race_for_the_same_runs(scheduler, bus, executors, waiting):
    """Three executors that all see the same runs on top claim each once, and leave none to the rescuer."""
    started = [await executors(name=name, slots=4) for name in ("east", "west", "north")]
    for executor in started:
        executor.consumer.hear()
    runs = await waiting(*[0] * 20, *range(-10, 11), *[5] * 20)
    assert set(await claimed(scheduler, runs)) == set(runs)
    await settled(bus)


async def test_what_is_only_read_stays_as_it_was(pool, scheduler, bus, busy, waiting):
    """An executor that dies between reading what is urgent and claiming it leaves nothing behind."""
    executor, free = await busy()
    runs = await waiting(0, 10)
    before = [await scheduler.recorded(run_id) for run_id in runs]
    assert await executor.consumer._urgent.before(-1) == [runs[1], runs[0]]
    assert [await scheduler.recorded(run_id) for run_id in runs] == before
    await free()
    assert await claimed(scheduler, runs) == [runs[1], runs[0]]


async def test_a_question_that_fails_costs_the_order_alone(scheduler, bus, busy, waiting, monkeypatch):
    """While the table cannot be read, each message is spent on its own run."""
    executor, free = await busy()
    runs = await waiting(0, 10)
    executor.consumer.hear(10)
    monkeypatch.setattr(executor.consumer._urgent, "_ask", "SELECT 1 FROM no_such_table WHERE $1 = $2")
    await free()
    assert await claimed(scheduler, runs) == runs


async def test_who_waits_in_line_lets_the_urgent_pass(scheduler, bus, busy, waiting):
    """A run that waits for a slot of the full pool is not claimed before one that came since."""
    executor, free = await busy(slots=3, pool_max=1)
    ordinary = await waiting(0, 0)
    await eventually(lambda: len(executor.consumer._claiming) == 2)
    urgent = await waiting(10, 20)
    executor.consumer.hear(20)
    await free()
    order = await claimed(scheduler, ordinary + urgent)
    assert (order[:2], set(order[2:])) == (urgent[::-1], set(ordinary))
    await settled(bus)


async def test_an_urgent_run_without_a_slot_holds_nobody(database, pool, scheduler, busy, waiting):
    """Where the job of the most urgent run is at its limit the next one is claimed."""
    executor, free = await busy()
    first = await scheduler.request(job_id=JOB, concurrency_max=1)
    await Claimant(pool, scheduler, "west").claim(first.run_id)
    (barred,) = await waiting(10, offered=False, concurrency_max=1, job_id=JOB)
    async with pool_of(database, "orc_scheduler") as owner:
        await owner.execute(
            "UPDATE open_runs SET is_held = false, sends = 1, send_after = requested_at WHERE run_id = $1",
            barred,
        )
    runs = await waiting(0, 5)
    executor.consumer.hear(10)
    await free()
    assert await claimed(scheduler, runs) == [runs[1], runs[0]]
    assert types(await scheduler.events(barred)) == ["run.requested"]


async def test_after_the_bus_forgot(database, scheduler, bus, executors, waiting):
    """Of runs whose messages are lost the rescuer sends new ones, and the most urgent are claimed first."""
    executor = await executors(slots=1)
    runs = await waiting(0, -10, 10, 0, 10, offered=False)
    async with pool_of(database, "orc_scheduler") as pool:
        rescuer = Rescuer(
            pool, scheduler.log, bus, SystemClock(), SchedulerMetrics(CollectorRegistry()),
            lease_seconds=30, on_urgent=lambda _pool, priority: executor.consumer.hear(priority),
        )  # fmt: skip
        await pool.execute("UPDATE open_runs SET send_after = statement_timestamp()")
        assert await rescuer.rescue() == len(runs)
    assert await claimed(scheduler, runs) == [runs[2], runs[4], runs[0], runs[3], runs[1]]
