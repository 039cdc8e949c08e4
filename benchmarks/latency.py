"""
From the client's POST to `run.started` in the log, idle; and how late a cron run is requested.

The limit beside it in the same run: a POST that the gateway answers without the bus (`/schedules/preview`), the price of
HTTP alone.
"""

import argparse
import asyncio
import time
from datetime import datetime

import asyncpg
import httpx
from runs import create
from stack import Stack, quantile, running_stack

PAUSE_SECONDS = 0.05


async def trigger_to_start(
    stack: Stack, job: dict, count: int
) -> tuple[list[float], list[float], list[float]]:
    """Return milliseconds: POST → run.started recorded, POST → answer, and a preview's POST → answer."""
    started, answered, preview = [], [], []
    log = await asyncpg.connect(stack.env["ORC_DATABASE_URL"])
    async with httpx.AsyncClient(base_url=stack.url, trust_env=False) as client:
        for _ in range(count):
            began = time.time()
            answer = await client.post(f"/jobs/{job['job_id']}/run")
            answered.append((time.time() - began) * 1e3)
            stream = f"run-{answer.json()['run_id']}"
            query = "SELECT recorded_at FROM log.events WHERE stream = $1 AND type = 'run.started'"
            while (at := await log.fetchval(query, stream)) is None:
                await asyncio.sleep(0.005)
            started.append((at.timestamp() - began) * 1e3)
            began = time.time()
            await client.post("/schedules/preview", json={"schedule": "@daily", "timezone": "UTC"})
            preview.append((time.time() - began) * 1e3)
            await asyncio.sleep(PAUSE_SECONDS)
    await log.close()
    return started, answered, preview


async def lateness(stack: Stack, seconds: int) -> list[float]:
    """Return how many milliseconds after its instant each run of a job on `* * * * * *` was requested."""
    body = {
        "job_name": "each second", "schedule": "* * * * * *",
        "tasks": [{"extractor_config": {"type": "inline", "rows": []}, "loader_config": {"type": "discard"}}],
    }  # fmt: skip
    async with httpx.AsyncClient(base_url=stack.url, trust_env=False) as client:
        job = (await client.post("/jobs", json=body)).json()
        await asyncio.sleep(seconds + 1)
        await client.post(f"/jobs/{job['job_id']}/pause")
        runs = (await client.get("/runs", params={"job_id": job["job_id"]})).json()
    log = await asyncpg.connect(stack.env["ORC_DATABASE_URL"])
    query = "SELECT recorded_at FROM log.events WHERE stream = $1 AND version = 1"
    late = [
        (
            await log.fetchval(query, f"run-{run['run_id']}") - datetime.fromisoformat(run["due_at"])
        ).total_seconds()
        * 1e3
        for run in runs
    ]
    await log.close()
    return late


async def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=100)
    arguments.add_argument("--seconds", type=int, default=30)
    given = arguments.parse_args()
    with running_stack() as stack:
        noop = await create(stack, "noop", {"type": "inline", "rows": []}, {"type": "discard"})
        await trigger_to_start(stack, noop, 10)
        started, answered, preview = await trigger_to_start(stack, noop, given.count)
        late = await lateness(stack, given.seconds)
    for name, values in (
        ("POST → run.started", started),
        ("POST → answer", answered),
        ("POST without the bus", preview),
    ):
        print(f"{name:24} p50 {quantile(values, 0.5):.1f} ms   p99 {quantile(values, 0.99):.1f} ms")
    print(
        f"  target p50 ≤ 15 ms; started ÷ POST without the bus = {quantile(started, 0.5) / quantile(preview, 0.5):.1f}"
    )
    print(
        f"cron: requested − due    p50 {quantile(late, 0.5):.1f} ms   p99 {quantile(late, 0.99):.1f} ms   of {len(late)}; target p50 ≤ 50 ms"
    )


if __name__ == "__main__":
    asyncio.run(main())
