"""
How fast the log is folded into the read tables, beside reading it back as events and doing nothing with them.

    python benchmarks/replay.py [RUNS]     default 25,000 runs of four events each; three rounds
"""

import asyncio
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from database import migrated_database
from stack import spread

from orc_domain.job import CreateJob
from orc_domain.job_spec import JobSpec, TaskSpec
from orc_domain.requests import request_run
from orc_domain.run_messages import Command, StartRun, SucceedTask, TaskResult
from orc_domain.streams import job_stream, run_stream
from orc_events.event import Append, Position, StreamName, Version
from orc_events.follower import Follower
from orc_events.log import PostgresLog, append_within
from orc_events.projection import Projector
from orc_gateway.projections import CHECKPOINT, apply, clear
from orc_gateway.replay import replay
from orc_runtime.database import close_pool, connect_pool
from orc_runtime.deciders import JOBS, RUNS

ROUNDS = 3
JOB_ID = uuid4()
NOW = datetime.now(UTC)
SPEC = JobSpec(
    job_name="noop",
    schedule="@manual",
    tasks=(TaskSpec({"type": "inline", "rows": []}, {"type": "discard"}),),
)


def item(stream: str, version: int, events: list, codec: object) -> Append:
    """Append events to a stream under a fresh command id."""
    command_id = uuid4()
    return Append(
        command_id=command_id,
        body_hash=command_id.bytes * 2,
        stream=StreamName(stream),
        expected_version=Version(version),
        events=tuple(codec.encode(event) for event in events),
        actor="bench",
        correlation_id=command_id,
        occurred_at=NOW,
    )


def life_of(run_id: UUID, job: object) -> tuple[list[Append], list[Append]]:
    """Return what the scheduler and what the executor append for a run that succeeds at once."""
    commands: list[Command] = [
        request_run(job, run_id, "manual"),
        StartRun("bench", NOW + timedelta(seconds=1)),
        SucceedTask(1, 1, TaskResult(rows=1)),
    ]
    run, items = RUNS.initial, []
    for command in commands:
        events = RUNS.decide(command, run)
        items.append(item(run_stream(run_id), run.version, events, RUNS.codec))
        for event in events:
            run = RUNS.evolve(run, event, NOW)
    return items[:1], items[1:]


async def fill(url: Callable[[str], str], runs: int) -> None:
    """Write the history of a job and its runs, as the roles that may."""
    scheduler = await connect_pool(url("orc_scheduler"), schema="log", size_max=1, application_name="bench")
    executor = await connect_pool(url("orc_executor"), schema="log", size_max=1, application_name="bench")
    job = JOBS.initial
    events = JOBS.decide(CreateJob(JOB_ID, SPEC), job)
    for event in events:
        job = JOBS.evolve(job, event, NOW)
    async with scheduler.acquire() as asked, executor.acquire() as done:
        await append_within(asked, [item(job_stream(JOB_ID), 0, events, JOBS.codec)])
        for _ in range(runs // 200):
            lives = [life_of(uuid4(), job) for _ in range(200)]
            for connection, side in ((asked, 0), (done, 1)):
                answers = await append_within(connection, [one for life in lives for one in life[side]])
                assert not [answer for answer in answers if isinstance(answer, Exception)]
    await close_pool(scheduler)
    await close_pool(executor)


async def main(runs: int, url: Callable[[str], str]) -> None:
    await fill(url, runs)
    gateway = await connect_pool(url("orc_gateway"), schema="read", size_max=3, application_name="bench")
    log = PostgresLog(gateway)
    projector = Projector(Follower(gateway, log, CHECKPOINT), apply, clear=clear)
    head = await log.head()
    reads, rebuilds, replays = [], [], []
    for _ in range(ROUNDS):
        began, position = time.perf_counter(), Position(0)
        while recorded := await log.read(position, 10_000):
            position = recorded[-1].position
        reads.append(head / (time.perf_counter() - began))
        began = time.perf_counter()
        await projector.rebuild()
        await projector.catch_up(head)
        rebuilds.append(head / (time.perf_counter() - began))
        report = await replay(url("orc_auditor"))
        assert report.equal
        replays.append(head / report.seconds)
    await close_pool(gateway)
    print(f"{head} events")
    print(f"limit: read back as events      {spread(reads)}/s")
    for name, rates in (("rebuild of the live tables", rebuilds), ("orc replay, shadow tables", replays)):
        print(
            f"{name:31} {spread(rates)}/s   ÷ limit = {sorted(rates)[1] / sorted(reads)[1]:.2f}   target ≥ 50,000/s"
        )


if __name__ == "__main__":
    with migrated_database() as url:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 25_000, url))
