"""A subscription keeps asking, for as many messages as it has free slots, whatever happens to the server."""

import asyncio
from collections import Counter

import pytest
from support.nats_restart import restarted_nats

from orc_events.bus import Bus
from orc_events.errors import BusUnavailable
from orc_events.jetstream import call
from orc_events.memory_bus import MemoryBroker
from orc_events.topology import COMMANDS, HANDLERS, Topology, provision


@pytest.fixture
async def bus(nats_url):
    bus = await Bus.connect(nats_url, name="subscription")
    await provision(bus, Topology())
    yield bus
    await bus.close()


async def data_of(subscription, count=1):
    async with asyncio.timeout(10):
        return [(await anext(subscription)).data for _ in range(count)]


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # it is the server's state, which signals nothing
            await asyncio.sleep(0.01)


async def test_requested_is_what_is_free(bus):
    """What is asked for and what is taken always add up to the slots once the dust has settled."""
    async with await bus.pull(COMMANDS, HANDLERS, slots=3) as subscription:
        await until(lambda: subscription.requested == 3)
        await bus.publish("orc.commands.run.request", b"1")
        await data_of(subscription)
        assert (subscription.taken, subscription.requested) == (1, 2)
        subscription.release()
        await until(lambda: subscription.requested == 3)
        assert subscription.taken == 0


async def test_many_messages_few_slots(bus):
    """Every message comes exactly once, and never more are held than there are slots."""
    held_max = 0
    async with await bus.pull(COMMANDS, HANDLERS, slots=16) as subscription:
        sent = asyncio.gather(*(bus.publish("orc.commands.run.request", str(n).encode()) for n in range(400)))
        came = Counter()
        async with asyncio.timeout(20):
            while len(came) < 400:
                delivery = await anext(subscription)
                held_max = max(held_max, subscription.taken)
                came[delivery.data] += 1
                await delivery.ack()
                subscription.release()
        await sent
    assert set(came.values()) == {1}
    assert held_max <= 16


async def test_beyond_the_slots_is_given_back():
    """A message that comes although no slot is free goes back at once, to whoever has one."""
    broker = MemoryBroker()
    bus, other = await broker.connect(), await broker.connect()
    await provision(bus, Topology())
    async with await bus.pull(COMMANDS, HANDLERS, slots=1) as subscription:
        await until(lambda: subscription.requested == 1)
        consumer = broker.jetstream.consumer(COMMANDS, HANDLERS)
        consumer.requests[0][1] += 1  # as if an earlier request had survived
        await bus.publish("orc.commands.run.request", b"mine")
        await bus.publish("orc.commands.run.request", b"too much")
        assert await data_of(subscription) == [b"mine"]
        async with await other.pull(COMMANDS, HANDLERS, slots=1) as elsewhere:
            assert await data_of(elsewhere) == [b"too much"]
        assert subscription.taken == 1
    await bus.close()
    await other.close()


async def test_waits_for_the_consumer(nats_url):
    """A subscription to a consumer that does not exist yet delivers once somebody has made it."""
    bus = await Bus.connect(nats_url, name="early")
    async with await bus.pull(COMMANDS, HANDLERS, slots=1) as subscription:
        await bus.flush()
        await provision(bus, Topology())
        await bus.publish("orc.commands.run.request", b"late")
        assert await data_of(subscription) == [b"late"]
    await bus.close()


async def test_survives_a_deleted_consumer(bus):
    """A consumer deleted and made again under a waiting subscription delivers as before."""
    async with await bus.pull(COMMANDS, HANDLERS, slots=4) as subscription:
        await until(lambda: subscription.requested == 4)
        await call(bus, f"CONSUMER.DELETE.{COMMANDS}.{HANDLERS}")
        await until(lambda: subscription.requested == 0)
        await provision(bus, Topology())
        await bus.publish("orc.commands.run.request", b"again")
        assert await data_of(subscription) == [b"again"]
        await until(lambda: subscription.requested == 3)


async def test_survives_a_restart(tmp_path):
    """After a restart of the server what it kept and what is new are delivered."""
    with restarted_nats(tmp_path) as server:
        bus = await Bus.connect(server.url(), name="restarted")
        await provision(bus, Topology())
        async with await bus.pull(COMMANDS, HANDLERS, slots=4) as subscription:
            await until(lambda: subscription.requested == 4)
            server.stop()
            await until(lambda: not bus.connected)
            server.start()
            await until(lambda: bus.connected)
            await bus.publish("orc.commands.run.request", b"after")
            assert await data_of(subscription) == [b"after"]
        await bus.close()


async def test_survives_an_erased_store(tmp_path):
    """With the store erased while the server was down, the subscription delivers once the streams stand again."""
    with restarted_nats(tmp_path) as server:
        bus = await Bus.connect(server.url(), name="erased")
        await provision(bus, Topology())
        async with await bus.pull(COMMANDS, HANDLERS, slots=4) as subscription:
            await until(lambda: subscription.requested == 4)
            server.stop()
            server.erase()
            await until(lambda: not bus.connected)
            server.start()
            await until(lambda: bus.connected)
            await provision(bus, Topology())
            await bus.publish("orc.commands.run.request", b"after")
            assert await data_of(subscription) == [b"after"]
        await bus.close()


async def test_ack_of_a_lost_connection_is_not_sent(tmp_path):
    """A delivery from before the store was erased cannot acknowledge the message that now has its number."""
    with restarted_nats(tmp_path) as server:
        bus = await Bus.connect(server.url(), name="stale")
        await provision(bus, Topology())
        async with await bus.pull(COMMANDS, HANDLERS, slots=2) as subscription:
            await bus.publish("orc.commands.run.request", b"before")
            async with asyncio.timeout(10):
                stale = await anext(subscription)
            server.stop()
            server.erase()
            await until(lambda: not bus.connected)
            server.start()
            await until(lambda: bus.connected)
            await provision(bus, Topology())
            await bus.publish("orc.commands.run.request", b"after")
            assert await data_of(subscription) == [b"after"]
            await stale.ack()
            await bus.flush()
            assert (await call(bus, f"STREAM.INFO.{COMMANDS}"))["state"]["messages"] == 1
        await bus.close()


async def test_away_is_said_at_once(tmp_path):
    """While the server is away a publish fails at once, a tell and a poke vanish, and close does not hang."""
    with restarted_nats(tmp_path) as server:
        bus = await Bus.connect(server.url(), name="away")
        server.stop()
        await until(lambda: not bus.connected)
        with pytest.raises(BusUnavailable):
            await bus.publish("orc.commands.run.request", b"")
        await bus.tell("orc.poke.log")
        bus.poke("orc.poke.log")
        async with asyncio.timeout(10):
            await bus.close()
        server.start()


async def test_what_was_refused_is_not_sent_later(tmp_path):
    """A publish refused while the server was away does not arrive after all when it is back."""
    with restarted_nats(tmp_path) as server:
        bus = await Bus.connect(server.url(), name="late")
        await provision(bus, Topology())
        server.stop()
        await until(lambda: not bus.connected)
        with pytest.raises(BusUnavailable):
            await bus.publish("orc.commands.run.request", b"")
        server.start()
        await until(lambda: bus.connected)
        await bus.flush()
        assert (await call(bus, f"STREAM.INFO.{COMMANDS}"))["state"]["messages"] == 0
        await bus.close()


async def test_refused_credentials_end_the_process(tmp_path):
    """When the client gives up by itself, whoever owns the process is told; when we close, nobody is."""
    with restarted_nats(tmp_path) as server:
        gave_up = asyncio.Event()
        bus = await Bus.connect(server.url(), name="ended", on_closed=gave_up.set)
        await bus.connection.close()
        await asyncio.wait_for(gave_up.wait(), 5)
        quiet = asyncio.Event()
        bus = await Bus.connect(server.url(), name="closed", on_closed=quiet.set)
        await bus.close()
        assert not quiet.is_set()


async def test_no_server():
    """Connecting to nobody for a limited time says that the bus is unavailable."""
    with pytest.raises(BusUnavailable):
        await Bus.connect("nats://127.0.0.1:1", name="nobody", wait_seconds=0.2)
