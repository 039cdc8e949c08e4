"""
Runs per second from REST to the last event, history durable: no-op runs, and tiny CSV → DuckDB runs.

Its limit in the same run: the same stack answering `POST /jobs/{id}/run` alone cannot be separated from executing, so the
floor shown is what one client gets from `GET /livez` with the same concurrency: HTTP alone. Give `--peer` to run
Procrastinate beside it (installed into a folder of its own, on the same Postgres).
"""

import argparse
import asyncio
import time

import asyncpg
import httpx
from caller import rate
from peer import procrastinate_rate
from stack import Stack, running_stack, spread

CONCURRENCY = 32


async def measure(stack: Stack, job: dict, runs: int) -> float:
    """Trigger `runs` runs and wait for the last `run.succeeded`; returns runs per second."""
    pool = await asyncpg.create_pool(stack.env["ORC_DATABASE_URL"], min_size=1, max_size=1)
    ended = "SELECT count(*) FROM log.events WHERE type = 'run.succeeded'"
    before = await pool.fetchval(ended)
    began = time.perf_counter()
    accepted = await rate(stack.url, [("POST", f"/jobs/{job['job_id']}/run")] * runs, CONCURRENCY)
    while await pool.fetchval(ended) - before < runs:
        await asyncio.sleep(0.02)
    seconds = time.perf_counter() - began
    await pool.close()
    print(f"    {runs} runs: accepted {runs / accepted:.0f}/s, ended {runs / seconds:.0f}/s")
    return runs / seconds


async def http_alone(stack: Stack, calls: int) -> float:
    """Answers per second of `GET /livez` with the same client."""
    return calls / await rate(stack.url, [("GET", "/livez")] * calls, CONCURRENCY)


async def create(stack: Stack, name: str, extractor: dict, loader: dict) -> dict:
    body = {
        "job_name": name, "schedule": "@manual",
        "tasks": [{"extractor_config": extractor, "loader_config": loader}],
    }  # fmt: skip
    async with httpx.AsyncClient(base_url=stack.url, trust_env=False) as client:
        answer = await client.post("/jobs", json=body)
        answer.raise_for_status()
        return answer.json()


async def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=3000)
    arguments.add_argument("--repeat", type=int, default=3)
    arguments.add_argument("--peer", action="store_true", help="run Procrastinate on the same Postgres")
    given = arguments.parse_args()
    with running_stack() as stack:
        (stack.home / "data" / "tiny.csv").write_text(
            "id,name\n" + "".join(f"{n},name {n}\n" for n in range(100))
        )
        noop = await create(stack, "noop", {"type": "inline", "rows": []}, {"type": "discard"})
        duckdb = {"type": "duckdb", "db_path": "tiny.duckdb", "table_name": "tiny"}
        tiny = await create(stack, "tiny", {"type": "csv", "path": "tiny.csv"}, duckdb)
        await measure(stack, noop, 200)
        http, rates, tinies, peers = [], [], [], []
        for _ in range(given.repeat):
            http.append(await http_alone(stack, given.runs))
            rates.append(await measure(stack, noop, given.runs))
            tinies.append(await measure(stack, tiny, given.runs // 10))
            if given.peer:
                peers.append(
                    await asyncio.to_thread(
                        procrastinate_rate, stack.env["ORC_POSTGRES_SUPERUSER_URL"], given.runs
                    )
                )
    print(
        f"no-op runs/s {spread(rates)}   target ≥ 300   ÷ HTTP alone ({spread(http)}) = {max(rates) / max(http):.2f}"
    )
    print(
        f"tiny CSV → DuckDB runs/s {spread(tinies)}   target ≥ 60   ÷ no-op = {max(tinies) / max(rates):.2f}"
    )
    if peers:
        print(f"Procrastinate no-op jobs/s {spread(peers)}   ours ÷ its = {max(rates) / max(peers):.2f}")


if __name__ == "__main__":
    asyncio.run(main())
