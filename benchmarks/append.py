"""
How fast the log takes events, beside a plain table without chain, dedupe or rights; both in turns, in one run.

    python benchmarks/append.py [SECONDS]     seconds per figure and round, default 3; three rounds
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

from database import DATA, append_of, migrated_database, plain_table, report

from orc_events.log import PostgresLog, append_within
from orc_runtime.database import connect_pool

ROUNDS = 3
PLAIN = "INSERT INTO public.plain (stream, version, type, data) SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::jsonb[])"


async def rate(seconds: float, step: Callable[[], Awaitable[int]], callers: int = 1) -> float:
    """Return what `step` says it did per second, with so many callers at once."""
    began = time.perf_counter()
    done = 0

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() - began < seconds:
            # Two steps: `done += await …` would read `done` before the wait and forget what others added.
            added = await step()
            done += added

    await asyncio.gather(*(caller() for _ in range(callers)))
    return done / (time.perf_counter() - began)


async def main(seconds: float, url: Callable[[str], str]) -> None:
    plain = await plain_table(url("postgres"))
    pool = await connect_pool(url("orc_scheduler"), schema="log", size_max=2, application_name="bench")
    log = PostgresLog(pool)

    def into_plain(size: int) -> Callable[[], Awaitable[int]]:
        async def step() -> int:
            streams = [uuid4() for _ in range(size)]
            await plain.execute(PLAIN, streams, [1] * size, ["run.requested"] * size, [DATA] * size)
            return size

        return step

    def into_log(size: int) -> Callable[[], Awaitable[int]]:
        async def step() -> int:
            async with pool.acquire() as connection:
                await append_within(connection, [append_of() for _ in range(size)])
            return size

        return step

    async def one() -> int:
        await log.append(append_of())
        return 1

    ours: dict[str, list[float]] = {}
    limits: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for size in (1, 100, 500):
            limits.setdefault(f"{size}", []).append(await rate(seconds, into_plain(size)))
            name = f"log, batches of {size}" if size > 1 else "log, one at a time"
            ours.setdefault(name, []).append(await rate(seconds, into_log(size) if size > 1 else one))
        for callers in (8, 64, 512):
            name = f"log, {callers} callers of one event each, group commit"
            ours.setdefault(name, []).append(await rate(seconds, one, callers))
    for size, rates in limits.items():
        report(f"limit: plain INSERT of {size} per transaction", rates)
    for name, rates in ours.items():
        report(name, rates, limits["1" if "one at" in name else "500" if "500" in name else "100"])
    await pool.close()
    await plain.close()


if __name__ == "__main__":
    with migrated_database() as database_url:
        asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0, database_url))
