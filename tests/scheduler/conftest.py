"""Fixtures of the scheduler's tests: its parts, an executor's voice, a provisioned bus."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from scheduler.caller import Caller, handling
from scheduler.parts import Executor, Parts, assemble
from support.servers import TestDatabase

from orc_events.bus import Bus
from orc_events.log import PostgresLog
from orc_events.topology import Topology, provision
from orc_runtime.database import close_pool, connect_pool


@pytest.fixture
async def connect(database: TestDatabase) -> AsyncIterator[Callable[[str], Awaitable[Any]]]:
    """Give pools of the test's database by role, closed afterwards."""
    pools = []

    async def open_pool(role: str) -> Any:
        pool = await connect_pool(
            database.url(role), schema=role.removeprefix("orc_"), size_max=8, application_name="test"
        )
        pools.append(pool)
        return pool

    yield open_pool
    for pool in pools:
        await close_pool(pool)


@pytest.fixture
async def parts(connect: Callable[[str], Awaitable[Any]]) -> Parts:
    return assemble(await connect("orc_scheduler"))


@pytest.fixture
async def executor(connect: Callable[[str], Awaitable[Any]]) -> Executor:
    pool = await connect("orc_executor")
    return Executor(pool, PostgresLog(pool))


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    """Give a bus on which everything is provisioned."""
    bus = await Bus.connect(nats_url, name="test", wait_seconds=5)
    await provision(bus, Topology())
    yield bus
    await bus.close()


@pytest.fixture
async def caller(parts, bus) -> AsyncIterator[Caller]:
    async with handling(parts, bus):
        yield Caller(bus)
