"""
How fast the log is read back and proven, beside fetching the same rows and doing nothing with them.

    python benchmarks/read_back.py [EVENTS]     default 100,000; three rounds
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

from database import append_of, migrated_database, report

from orc_events.event import Position
from orc_events.log import PostgresLog, append_within
from orc_events.statements import load
from orc_events.verify import verify
from orc_runtime.database import connect_pool

ROUNDS = 3
BATCH = 2_000
READ_AFTER = load("orc_events", "read_after")


async def main(events: int, url: Callable[[str], str]) -> None:
    writers = await connect_pool(url("orc_scheduler"), schema="log", size_max=1, application_name="bench")
    async with writers.acquire() as connection:
        for _ in range(events // 500):
            await append_within(connection, [append_of() for _ in range(500)])
    await writers.close()
    pool = await connect_pool(url("orc_auditor"), schema="log", size_max=2, application_name="bench")
    log = PostgresLog(pool)

    async def fetch() -> None:
        async with pool.acquire() as connection:
            position = 0
            while rows := await connection.fetch(READ_AFTER, position, BATCH):
                position = rows[-1]["position"]

    async def read() -> None:
        position = Position(0)
        while recorded := await log.read(position, BATCH):
            position = recorded[-1].position

    async def prove() -> None:
        verified = await verify(log.read, log.chain_head)
        assert verified.first_bad is None

    ways: dict[str, Callable[[], Awaitable[None]]] = {
        "limit: rows fetched, nothing else": fetch,
        "read back as events": read,
        "verify: every hash recomputed in Python": prove,
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = time.perf_counter()
            await way()
            rates[name].append(await log.head() / (time.perf_counter() - began))
    limit = rates["limit: rows fetched, nothing else"]
    for name, measured in rates.items():
        report(name, measured, None if measured is limit else limit)
    await pool.close()


if __name__ == "__main__":
    with migrated_database() as database_url:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, database_url))
