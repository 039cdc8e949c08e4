"""The read tables say what the folds of the log say, however the events came in batches."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from orc_domain import job as jobs
from orc_domain import run as runs
from orc_domain.definitions import JobDefinition, job_run, job_with_tasks
from orc_domain.job import ChangeJob, CreateJob, DeleteJob, PauseJob, ResumeJob
from orc_domain.job_spec import JobSpec, TaskSpec
from orc_domain.policies import CatchUp, Dst, Retry
from orc_domain.rejection import Rejected
from orc_domain.requests import request_run, retry_run
from orc_domain.retry import Policy
from orc_domain.run_messages import (
    CancelRun,
    FailAttempt,
    LoseAttempt,
    RunRequested,
    SettleRun,
    StartRun,
    StopRun,
    SucceedTask,
    TaskResult,
    TimeOutQueue,
)
from orc_events.event import Append, NewEvent, Position, StreamName, Version
from orc_events.memory import MemoryLog
from orc_gateway import projections
from orc_gateway.projections.runs import COPY_MIN, Requested
from orc_gateway.reads import Reads
from orc_runtime.database import close_pool, connect_pool
from orc_runtime.deciders import JOBS, RUNS

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


class World:
    """A log that fills with whatever the deciders allow, time going on by a second for each event."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.log = MemoryLog()
        self.jobs: dict[UUID, jobs.Job] = {}
        self.runs: dict[UUID, runs.Run] = {}
        self.at = BEGIN

    async def grow(self, steps: int) -> None:
        for _ in range(steps):
            self.at += timedelta(seconds=1)
            try:
                await (self._job_step() if self.chance.random() < 0.3 else self._run_step())
            except Rejected:
                continue  # a wish that is refused leaves no trace

    def uuid(self) -> UUID:
        return UUID(int=self.chance.getrandbits(128), version=4)

    def spec(self) -> JobSpec:
        chance = self.chance
        config = {"type": "inline", "rows": [{"ä\"'": chance.random(), "n": 10**30, "x": None}]}
        tasks = tuple(TaskSpec(config, {"type": "discard"}) for _ in range(chance.randint(1, 3)))
        return JobSpec(
            job_name=chance.choice(["a", "b\\", "{}", "NULL"]),
            schedule=chance.choice(["@manual", "0 0 9 * * *"]),
            tasks=tasks,
            description=chance.choice([None, "", "long " * 9]),
            is_active=chance.random() < 0.5,
            timezone=chance.choice(["UTC", "Europe/Berlin"]),
            pool=chance.choice(["default", "files"]),
            schedules=chance.choice([(), ("@hourly",)]),
            dst=Dst(gap=chance.choice(["shift", "skip"])),
            catch_up=CatchUp(max=chance.randint(1, 9)),
            start_deadline_seconds=chance.choice([None, 0.1, 90.0]),
            retry=Retry(initial_seconds=chance.choice([0.5, 2.0])),
            priority=chance.randint(-9, 9),
            concurrency_max=chance.choice([None, 3]),
        )

    async def _job_step(self) -> None:
        chance = self.chance
        job_id = self.uuid() if not self.jobs or chance.random() < 0.3 else chance.choice(list(self.jobs))
        if job_id not in self.jobs:
            command = CreateJob(job_id, self.spec())
        else:
            command = chance.choice(
                [
                    ChangeJob(self.spec()),
                    PauseJob(reason=chance.choice(["", "why '\""])),
                    ResumeJob(),
                    DeleteJob(0),
                ]
            )
        job = self.jobs.get(job_id, jobs.NO_JOB)
        for event in await self._append(f"job-{job_id}", job.version, JOBS.codec, jobs.decide(command, job)):
            job = jobs.evolve(job, event, self.at)
        self.jobs[job_id] = job

    async def _run_step(self) -> None:
        chance, existing = self.chance, [job for job in self.jobs.values() if job.exists]
        is_new = not self.runs or chance.random() < 0.25
        if is_new and not existing:
            return
        run_id = self.uuid() if is_new else chance.choice(list(self.runs))
        run = self.runs.get(run_id, runs.NO_RUN)
        if is_new:
            policy = Policy(attempts_max=2, losses_max=2, first_delay_seconds=0.0)
            due_at = chance.choice([None, self.at])
            command = request_run(chance.choice(existing), run_id, "manual", due_at=due_at, policy=policy)
            command = replace(command, backfill_id=chance.choice([None, self.uuid()]))
            ended = [one for one in self.runs.values() if one.status in {"failed", "cancelled"}]
            if ended and chance.random() < 0.3:
                command = retry_run(chance.choice(ended), run_id)
        else:
            command = self._wish(run)
        for event in await self._append(f"run-{run_id}", run.version, RUNS.codec, runs.decide(command, run)):
            run = runs.evolve(run, event, self.at)
        self.runs[run_id] = run

    def _wish(self, run: runs.Run):
        chance, attempt = self.chance, run.attempt
        order = run.next_task.task_order if run.next_task else 1
        result = TaskResult(
            rows=chance.randint(0, 9), cursor=chance.choice([None, {"page": 1}]), schema_changes=("+ a",)
        )
        failed = FailAttempt(
            attempt=attempt, kind="internal", message=f"odd \\ {order}", retryable=chance.random() < 0.7, at=self.at,
            jitter=chance.random(), task_order=chance.choice([None, order]), uncertain=chance.random() < 0.2,
        )  # fmt: skip
        return chance.choice(
            [
                *[StartRun("one", self.at)] * 3,
                *[SucceedTask(attempt, order, result)] * 3,
                failed,
                LoseAttempt(attempt, self.at),
                CancelRun("why"),
                StopRun(attempt),
                SettleRun(attempt),
                TimeOutQueue(),
            ]
        )

    async def _append(self, stream, version, codec, events):
        if events:
            await self.log.append(
                Append(
                    command_id=self.uuid(), body_hash=bytes(32), stream=StreamName(stream),
                    expected_version=Version(version), events=tuple(codec.encode(event) for event in events),
                    actor="anonymous", correlation_id=self.uuid(), occurred_at=self.at,
                )
            )  # fmt: skip
        return events


@pytest.fixture
async def pool(database):
    pool = await connect_pool(database.url("orc_gateway"), schema="read", size_max=2, application_name="test")
    yield pool
    await close_pool(pool)


async def fold(pool, log, batch_max) -> None:
    position = Position(0)
    async with pool.acquire() as connection:
        await projections.clear(connection)
        while batch := await log.read(position, batch_max):
            async with connection.transaction():
                await projections.apply(connection, batch)
            position = batch[-1].position


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), batch_max=st.sampled_from([1, 3, 17, 10_000]))
async def test_rows_are_the_folds(pool, seed, batch_max):
    """Every job and run that REST shows is exactly `job_with_tasks` and `job_run` of its stream's fold."""
    world = World(random.Random(seed))
    await world.grow(120)
    await fold(pool, world.log, batch_max)
    reads = Reads(pool)
    jobs_alive = {job_id: job_with_tasks(job) for job_id, job in world.jobs.items() if job.exists}
    all_runs = {run_id: job_run(run) for run_id, run in world.runs.items()}
    shown = {job_id: await reads.job(job_id, job.updated_at) for job_id, job in jobs_alive.items()}
    assert shown == jobs_alive
    assert {run_id: await reads.run(run_id) for run_id in all_runs} == all_runs
    names = JobDefinition.__struct_fields__
    listed = [{name: getattr(job, name) for name in names} for job in (await reads.jobs(10_000)).items]
    wanted = [{name: getattr(job, name) for name in names} for job in jobs_alive.values()]
    assert sorted(listed, key=str) == sorted(wanted, key=str)
    for status in ("queued", "running", "success", "failed", "cancelled"):
        page = await reads.runs(1, status=status)
        assert page.total == sum(run.status == status for run in all_runs.values())
        assert [run.status for run in page.items] == [status] * min(1, page.total)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
async def test_tasks_done_are_the_folds(pool, seed):
    """What the table says of tasks that succeeded is what the run's fold holds of them, in order."""
    world = World(random.Random(seed))
    await world.grow(120)
    await fold(pool, world.log, 5)
    for run_id, run in world.runs.items():
        outcomes = await Reads(pool).task_outcomes(run_id)
        done = [outcomes[order] for order in sorted(outcomes) if outcomes[order].error_kind is None]
        assert [(one.rows, one.cursor, one.schema_changes) for one in done] == [
            (one.rows, one.cursor, one.schema_changes) for one in run.tasks_done
        ]


async def test_many_runs_in_one_batch(pool):
    """Past the number from which COPY is used the rows are the same."""
    world = World(random.Random(7))
    await world.grow(COPY_MIN * 12)
    assert len(world.runs) > COPY_MIN
    await fold(pool, world.log, 10_000)
    reads = Reads(pool)
    assert {run_id: await reads.run(run_id) for run_id in world.runs} == {
        run_id: job_run(run) for run_id, run in world.runs.items()
    }


async def test_other_events_are_passed_over(pool):
    """What no table is folded from, and an event of a run whose row is gone, stop nobody."""
    log = MemoryLog()
    for stream, kind in (
        ("user-1", "user.registered"),
        (f"run-{uuid4()}", "run.succeeded"),
        ("job-x", "job.new"),
    ):
        data = '{"type":"run.succeeded","attempt":1}'
        await log.append(
            Append(
                command_id=uuid4(), body_hash=bytes(32), stream=StreamName(stream), expected_version=Version(0),
                events=(NewEvent(kind, data),), actor="auth", correlation_id=uuid4(), occurred_at=BEGIN,
            )
        )  # fmt: skip
    await fold(pool, log, 10)
    assert (await Reads(pool).runs(10)).items == []


def test_what_is_read_of_a_request_is_what_it_holds():
    """The fields the projection reads of run.requested exist in the domain's event, under the same version."""
    theirs = RunRequested.__annotations__
    assert set(Requested.__struct_fields__) <= set(theirs)
    assert getattr(RunRequested, "SCHEMA_VERSION", 1) == Requested.SCHEMA_VERSION
    assert RUNS.codec.types == projections.runs.CODEC.types
