"""Streams and consumers are made, compared and corrected, without touching what is right."""

import asyncio

import pytest
from support.nats_restart import restarted_nats

from orc_events.bus import Bus
from orc_events.errors import BusUnavailable
from orc_events.jetstream import call
from orc_events.topology import Topology, maintain, provision, verify


@pytest.fixture
async def bus(nats_url):
    bus = await Bus.connect(nats_url, name="topology")
    yield bus
    await bus.close()


async def test_provision_is_idempotent(bus):
    """What is missing is created, streams first; a second time there is nothing to do."""
    topology = Topology(["default", "gpu"])
    assert await provision(bus, topology) == [
        "created ORC_COMMANDS",
        "created ORC_EVENTS",
        "created ORC_WORK",
        "created ORC_COMMANDS.handlers",
        "created ORC_WORK.pool-default",
        "created ORC_WORK.pool-gpu",
    ]
    assert await provision(bus, topology) == []
    assert await verify(bus, topology.declared) == []


async def test_verify_names_what_differs(bus):
    """Readiness says which stream or consumer is missing and which setting differs."""
    await provision(bus, Topology(inflight_max=10))
    wanted = Topology(["default", "gpu"], inflight_max=20)
    assert await verify(bus, wanted.declared) == [
        "ORC_COMMANDS.handlers: max_ack_pending is 10, not 20",
        "ORC_WORK.pool-default: max_ack_pending is 10, not 20",
        "ORC_WORK.pool-gpu is missing",
    ]


async def test_correction_keeps_messages(bus):
    """A setting that differs is corrected in place: what waits in the stream stays there."""
    await provision(bus, Topology(inflight_max=10, commands_bytes_max=1_000_000))
    await bus.publish("orc.commands.run.request", b"waiting")
    wanted = Topology(inflight_max=20, commands_bytes_max=2_000_000)
    assert await provision(bus, wanted) == [
        "corrected ORC_COMMANDS: max_bytes is 1000000, not 2000000",
        "corrected ORC_COMMANDS.handlers: max_ack_pending is 10, not 20",
        "corrected ORC_WORK.pool-default: max_ack_pending is 10, not 20",
    ]
    assert await verify(bus, wanted.declared) == []
    assert (await call(bus, "STREAM.INFO.ORC_COMMANDS"))["state"]["messages"] == 1


async def test_what_cannot_be_corrected_is_made_anew(bus):
    """A stream whose retention is another cannot be updated: it is deleted and made as declared."""
    await call(
        bus,
        "STREAM.CREATE.ORC_WORK",
        {"name": "ORC_WORK", "subjects": ["orc.work.>"], "retention": "interest"},
    )
    topology = Topology()
    await provision(bus, topology)
    assert await verify(bus, topology.declared) == []


async def test_events_cannot_be_deleted(bus):
    """Events in the stream can be neither deleted nor purged through JetStream's API."""
    await provision(bus, Topology())
    await bus.publish("orc.events.run.requested", b"{}")
    with pytest.raises(BusUnavailable):
        await call(bus, "STREAM.PURGE.ORC_EVENTS")
    with pytest.raises(BusUnavailable):
        await call(bus, "STREAM.MSG.DELETE.ORC_EVENTS", {"seq": 1})


async def test_added_pool(bus):
    """A pool that turns up later gets its consumer at the next provisioning."""
    topology = Topology()
    await provision(bus, topology)
    assert topology.add_pool("late")
    assert not topology.add_pool("late")
    assert await provision(bus, topology) == ["created ORC_WORK.pool-late"]


async def test_maintained_after_the_store_was_erased(tmp_path):
    """After a restart with an empty store everything stands again, by itself."""
    with restarted_nats(tmp_path) as server:
        bus = await Bus.connect(server.url("scheduler"), name="scheduler")
        topology = Topology()
        keeper = asyncio.create_task(maintain(bus, topology, every_seconds=0.1))
        await until_verified(bus, topology)
        server.stop()
        server.erase()
        server.start()
        await until_verified(bus, topology)
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        await bus.close()


async def until_verified(bus, topology):
    async with asyncio.timeout(10):
        while True:
            try:
                if not await verify(bus, topology.declared):
                    return
            except BusUnavailable:
                pass
            await asyncio.sleep(0.02)
