"""Executor pools: a consumer for each, as soon as it is named."""

import asyncio

from orc_events.topology import Topology, verify
from orc_scheduler.pools import Pools

MADE_SECONDS_MAX = 10.0


async def test_new_pool(parts, bus):
    """A pool that is declared while we run gets its consumer."""
    topology = Topology()
    pools = Pools(parts.pool, bus, topology)
    running = asyncio.create_task(pools.run())
    pools.declare({"big", "default"})
    async with asyncio.timeout(MADE_SECONDS_MAX):
        while await verify(bus, Topology(["big"]).declared):
            pass
    running.cancel()


async def test_known_pools(parts, bus):
    """At the start the pools of all jobs are declared."""
    await parts.create(pool="big")
    await parts.create(pool="huge")
    topology = Topology()
    await Pools(parts.pool, bus, topology).read()
    assert [one.consumer for one in topology.declared if one.consumer] == [
        "handlers", "pool-default", "pool-big", "pool-huge",
    ]  # fmt: skip


async def test_too_many_pools(monkeypatch):
    """So many pools get a consumer and no more."""
    monkeypatch.setattr("orc_scheduler.pools.POOLS_MAX", 2)
    topology = Topology()
    Pools(None, None, topology).declare({"a", "b", "c"})
    assert [one.consumer for one in topology.declared if one.consumer] == [
        "handlers", "pool-default", "pool-a", "pool-b",
    ]  # fmt: skip
