"""
Schedules at scale, on one whole stack: 100,000 of them loaded, a thousand due at once, ten thousand each minute, ten
thousand missed.

The limit beside the thousand and the missed: the same events appended to the same log in batches by one writer, which
judges nothing, cron and policies apart.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
from idle_memory import family, pss_mb
from stack import Stack, quantile, running_stack

from orc.embedded.ports import free_ports
from orc_domain.job import CreateJob
from orc_domain.job_spec import JobSpec, TaskSpec
from orc_domain.policies import CatchUp
from orc_domain.requests import request_run
from orc_domain.streams import job_stream, run_stream
from orc_events.event import Append
from orc_events.handle import Intent
from orc_events.log import PostgresLog
from orc_runtime.database import close_pool, connect_pool
from orc_runtime.deciders import JOBS, RUNS
from orc_scheduler.commands import beginning

BATCH = 500
TASKS = (TaskSpec({"type": "inline", "rows": []}, {"type": "discard"}),)
LATE = """
    SELECT extract(epoch FROM recorded_at - (data->>'due_at')::timestamptz)::float8 FROM log.events
     WHERE type = 'run.requested' AND position > $1 AND data->>'job_name' = $2
"""
FOLDED = "SELECT count(*) FROM scheduler.jobs"


async def create(log: PostgresLog, specs: Sequence[JobSpec]) -> None:
    """Append the creation of many jobs."""
    items = list[Append]()
    for spec in specs:
        job_id = uuid4()
        items.append(beginning(JOBS, job_stream(job_id), CreateJob(job_id, spec), _intent(uuid4())))
    for start in range(0, len(items), BATCH):
        await asyncio.gather(*map(log.append, items[start : start + BATCH]))


async def appended_alone(log: PostgresLog, spec: JobSpec, count: int) -> float:
    """Return the seconds that the same requests take when nothing is judged: the limit."""
    job_id = uuid4()
    (created,) = JOBS.decide(CreateJob(job_id, spec), JOBS.initial)
    job = JOBS.evolve(JOBS.initial, created, datetime.now(UTC))
    runs = [request_run(job, uuid4(), "scheduler", due_at=datetime.now(UTC)) for _ in range(count)]
    items = [beginning(RUNS, run_stream(run.run_id), run, _intent(run.run_id)) for run in runs]
    began = time.perf_counter()
    for start in range(0, count, BATCH):
        await asyncio.gather(*map(log.append, items[start : start + BATCH]))
    return time.perf_counter() - began


def _intent(command_id: UUID) -> Intent:
    return Intent(
        command_id=command_id, body_hash=sha256(command_id.bytes).digest(), actor="benchmark",
        correlation_id=command_id, occurred_at=datetime.now(UTC),
    )  # fmt: skip


async def loaded(stack: Stack, log: PostgresLog, database: asyncpg.Connection, count: int) -> None:
    """Load yearly schedules; say what a scheduler needs to start with them, and to fold them anew."""
    began = time.perf_counter()
    await create(
        log, [spec("yearly", f"{n % 60} {n // 60 % 60} {n // 3600 % 24} 1 1 *") for n in range(count)]
    )
    while await database.fetchval(FOLDED) < count:
        await asyncio.sleep(0.05)
    print(f"{count:,} schedules created and folded in {time.perf_counter() - began:.1f} s")
    port = free_ports(1)[0]
    environment = os.environ | stack.env | {
        "ORC_DATABASE_URL": stack.env["ORC_SCHEDULER_DATABASE_URL"], "ORC_NATS_URL": stack.env["ORC_NATS_SCHEDULER_URL"],
        "ORC_SCHEDULER_HEALTH_PORT": str(port), "ORC_HOME": str(stack.home),
    }  # fmt: skip
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        program = [sys.executable, "-m", "orc_scheduler"]
        process = subprocess.Popen(program, env=environment, stdout=output, stderr=output)  # noqa: ASYNC220
        async with httpx.AsyncClient(trust_env=False) as client:
            while not await _ready(client, port):
                if process.poll() is not None:
                    output.seek(0)
                    raise SystemExit(output.read().decode())
                await asyncio.sleep(0.02)
        print(
            f"another scheduler beside it: ready in {time.perf_counter() - began:.1f} s, {pss_mb(process.pid):.0f} MB (PSS)"
        )
        process.terminate()
        process.wait(30)
    held = [pss_mb(pid) for pid in family(stack.pid) if is_scheduler(pid)]
    print(f"the scheduler that folded them: {max(held):.0f} MB (PSS)")


def is_scheduler(pid: int) -> bool:
    """Whether a process runs the scheduler's module."""
    return b"-m\0orc_scheduler" in Path(f"/proc/{pid}/cmdline").read_bytes()


async def _ready(client: httpx.AsyncClient, port: int) -> bool:
    try:
        return (await client.get(f"http://127.0.0.1:{port}/readyz")).is_success
    except httpx.TransportError:
        return False


async def together(log: PostgresLog, database: asyncpg.Connection, count: int) -> None:
    """Let schedules fall due at one instant."""
    due_at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=8)
    head = await database.fetchval("SELECT position FROM log.head")
    expression = f"{due_at.second} {due_at.minute} {due_at.hour} {due_at.day} {due_at.month} *"
    one = spec("together", expression)
    await create(log, [one] * count)
    late = await _lateness(database, head, "together", count)
    alone = await appended_alone(log, one, count)
    print(
        f"{count:,} due together: last requested {max(late) * 1e3:.0f} ms after, first {min(late) * 1e3:.0f} ms; "
        f"target ≤ 1,000 ms; appended alone {alone * 1e3:.0f} ms: {max(late) / alone:.1f}"
    )


async def each_minute(log: PostgresLog, database: asyncpg.Connection, count: int, minutes: int) -> None:
    """Let schedules fall due each minute, spread over its seconds, and be executed."""
    head = await database.fetchval("SELECT position FROM log.head")
    await create(log, [spec("each minute", f"{n % 60} * * * * *", pool="default") for n in range(count)])
    # A minute in which those that were created first fire and others are still being created does not count.
    await asyncio.sleep(60)
    head = await database.fetchval("SELECT position FROM log.head")
    await asyncio.sleep(60 * minutes)
    late = [row[0] * 1e3 for row in await database.fetch(LATE, head, "each minute")]
    print(
        f"{count:,} schedules, each minute, executed: {len(late) / 60 / minutes:.0f} runs/s; requested − due "
        f"p50 {quantile(late, 0.5):.0f} ms   p99 {quantile(late, 0.99):.0f} ms   max {max(late):.0f} ms; target 5 / 30 ms"
    )


async def missed(log: PostgresLog, database: asyncpg.Connection, count: int) -> None:
    """Have a schedule of each second, which is over, believe that it has missed so many instants."""
    head = await database.fetchval("SELECT position FROM log.head")
    ends_at = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1)
    catch_up = CatchUp(mode="all", window_seconds=86_400, max=10_000)
    every = spec("missed", "* * * * * *", ends_at=ends_at, catch_up=catch_up)
    await create(log, [every])
    while not (job_id := await database.fetchval(
        "SELECT data->>'job_id' FROM log.events WHERE type = 'job.created' AND position > $1", head)):  # fmt: skip
        await asyncio.sleep(0.05)
    while not await database.fetchval("SELECT 1 FROM scheduler.jobs WHERE job_id = $1", UUID(job_id)):
        await asyncio.sleep(0.05)
    due_at = ends_at - timedelta(seconds=count - 1)
    began = time.perf_counter()
    await database.execute(
        "UPDATE scheduler.jobs SET next_due_at = $2, wake_at = $2 WHERE job_id = $1", UUID(job_id), due_at
    )
    await _lateness(database, head, "missed", count)
    seconds = time.perf_counter() - began
    alone = await appended_alone(log, every, count)
    print(
        f"{count:,} missed instants requested in {seconds:.1f} s; target ≤ 5 s; appended alone {alone:.1f} s: {seconds / alone:.1f}"
    )


async def _lateness(database: asyncpg.Connection, head: int, name: str, count: int) -> list[float]:
    while len(rows := await database.fetch(LATE, head, name)) < count:
        await asyncio.sleep(0.2)
    return [row[0] for row in rows]


def spec(name: str, schedule: str, *, pool: str = "nobody", **more: object) -> JobSpec:
    """Say a job whose runs nobody takes, unless it names a pool that somebody works for."""
    return JobSpec(job_name=name, schedule=schedule, tasks=TASKS, pool=pool, **more)  # type: ignore[arg-type]


async def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--schedules", type=int, default=100_000)
    arguments.add_argument("--together", type=int, default=1_000)
    arguments.add_argument("--each-minute", type=int, default=10_000)
    arguments.add_argument("--missed", type=int, default=10_000)
    arguments.add_argument("--minutes", type=int, default=1)
    given = arguments.parse_args()
    with running_stack() as stack:
        pool = await connect_pool(
            stack.env["ORC_SCHEDULER_DATABASE_URL"],
            schema="scheduler",
            size_max=4,
            application_name="benchmark",
        )
        database = await asyncpg.connect(stack.env["ORC_POSTGRES_SUPERUSER_URL"])
        log = PostgresLog(pool)
        await loaded(stack, log, database, given.schedules)
        for _ in range(3):
            await together(log, database, given.together)
        await missed(log, database, given.missed)
        await each_minute(log, database, given.each_minute, given.minutes)
        await database.close()
        await close_pool(pool)


if __name__ == "__main__":
    asyncio.run(main())
