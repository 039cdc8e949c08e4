"""The relay brings the whole log into the stream, in order and once, whatever is lost in between."""

import asyncio
from base64 import b64decode
from contextlib import asynccontextmanager

import pytest
from support.following import append, following_pool
from support.nats_restart import restarted_nats

from orc_events.bus import Bus
from orc_events.errors import BusUnavailable
from orc_events.jetstream import call, message_headers
from orc_events.memory import MemoryLog
from orc_events.memory_bus import MemoryBroker
from orc_events.relay import BACK_MAX, Relay
from orc_events.topology import EVENTS, WORK, Topology, maintain, provision


def work_subject(recorded):
    return "orc.work.default" if recorded.type == "run.requested" else None


async def nothing_needed():
    return None


def relay(pool, log, bus, oldest_needed=nothing_needed):
    return Relay(pool, log, bus, work_subject=work_subject, oldest_needed=oldest_needed)


@asynccontextmanager
async def running(one):
    task = asyncio.create_task(one.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition):
    async with asyncio.timeout(15):
        while not condition():  # noqa: ASYNC110  # it is the server's state, which signals nothing
            await asyncio.sleep(0.01)


async def ids(bus, stream):
    """Return the position of every event in a stream, in its order."""
    state = (await call(bus, f"STREAM.INFO.{stream}"))["state"]
    found = []
    for sequence in range(1, state["last_seq"] + 1):
        headers = await message_headers(bus, stream, sequence)
        found.append(int(headers["ce-id"]))
    return found


@pytest.fixture
async def pool(database):
    async with following_pool(database) as pool:
        yield pool


@pytest.fixture
async def bus(nats_url):
    bus = await Bus.connect(nats_url, name="relay")
    await provision(bus, Topology())
    yield bus
    await bus.close()


async def test_carries(pool, bus):
    """Events come in position order, those that are work come as work too, and the checkpoint follows."""
    log = MemoryLog()
    await append(log, "run.requested", "run.started")
    one = relay(pool, log, bus)
    async with running(one):
        await until(lambda: one.position == 2)
        await append(log, "run.requested")
        one.poke(3)
        await until(lambda: one.position == 3)
    assert await ids(bus, EVENTS) == [1, 2, 3]
    assert await ids(bus, WORK) == [1, 3]
    assert await pool.fetchval("SELECT position FROM checkpoints") == 3


async def test_envelope(pool, bus):
    """A message is a CloudEvent: the envelope in its headers, the event's own text as its data."""
    log = MemoryLog()
    await append(log, "run.requested")
    (recorded,) = await log.read(0, 1)
    one = relay(pool, log, bus)
    async with running(one):
        await until(lambda: one.position == 1)
    message = (await call(bus, f"STREAM.MSG.GET.{WORK}", {"seq": 1}))["message"]
    assert message["subject"] == "orc.work.default"
    assert b64decode(message["data"]) == b'{"a": 1}'
    assert await message_headers(bus, WORK, 1) == {
        "ce-specversion": "1.0",
        "ce-id": "1",
        "ce-type": "run.requested",
        "ce-source": "orc",
        "ce-subject": recorded.stream,
        "ce-time": "2026-01-02T03:04:05+00:00",
        "ce-datacontenttype": "application/json",
        "orc-version": "1",
        "orc-schema-version": "1",
        "orc-actor": "user:anna",
        "orc-command-id": str(recorded.command_id),
        "orc-correlation-id": str(recorded.correlation_id),
    }


async def test_many(pool, bus):
    """A long log arrives whole and in order, over many windows."""
    log = MemoryLog()
    await append(log, *["run.requested", "run.started", "run.succeeded"] * 200)
    one = relay(pool, log, bus)
    async with running(one):
        await until(lambda: one.position == 600)
    assert await ids(bus, EVENTS) == list(range(1, 601))
    assert await ids(bus, WORK) == list(range(1, 601, 3))


async def test_unsaved_checkpoint_does_not_double(pool, bus):
    """After a crash that lost the checkpoint the stream itself says how far the events came; work is repeated."""
    log = MemoryLog()
    await append(log, "run.requested", "run.started", "run.requested")
    first = relay(pool, log, bus)
    async with running(first):
        await until(lambda: first.position == 3)
    await pool.execute("UPDATE checkpoints SET position = 1")
    await append(log, "run.succeeded")
    second = relay(pool, log, bus)
    async with running(second):
        await until(lambda: second.position == 4)
    assert await ids(bus, EVENTS) == [1, 2, 3, 4]
    assert await ids(bus, WORK) == [1, 3, 3]


async def test_stream_behind_is_filled(pool, bus):
    """When the stream has lost its end, the relay goes back to what it has and sends the rest again."""
    log = MemoryLog()
    await append(log, "a", "b")
    first = relay(pool, log, bus)
    async with running(first):
        await until(lambda: first.position == 2)
    await append(log, "run.requested", "d")
    await pool.execute("UPDATE checkpoints SET position = 4")
    second = relay(pool, log, bus)
    async with running(second), asyncio.timeout(15):
        # Its checkpoint says 4 before it has looked at the stream, too.
        while await ids(bus, EVENTS) != [1, 2, 3, 4]:
            continue
    assert await ids(bus, WORK) == [3]


async def test_stream_made_anew(pool, bus):
    """Into a new stream go the latest events, and again as work only what open runs may still need."""
    log = MemoryLog()
    await append(log, *["run.requested"] * 4)

    async def third():
        return 3

    first = relay(pool, log, bus)
    async with running(first):
        await until(lambda: first.position == 4)
    for stream in (EVENTS, WORK):
        await call(bus, f"STREAM.DELETE.{stream}")
    await provision(bus, Topology())
    second = relay(pool, log, bus, third)
    async with running(second):
        await append(log, "run.requested")
        await until(lambda: second.position == 5)
    assert await ids(bus, EVENTS) == [1, 2, 3, 4, 5]
    assert await ids(bus, WORK) == [3, 4, 5]


@pytest.mark.parametrize(("oldest", "begins"), [(None, 6), (3, 3), (20, 6)])
async def test_where_a_new_stream_begins(pool, oldest, begins):
    """A new stream begins 10,000 back, or at the oldest event of an open run when that is earlier."""
    broker = MemoryBroker()
    bus = await broker.connect()
    await provision(bus, Topology())
    log = MemoryLog()
    await append(log, *["a"] * (BACK_MAX + 5))
    await pool.execute(
        "INSERT INTO checkpoints VALUES ('relay', $1, 'before', now() - interval '1 hour')", BACK_MAX + 5
    )

    async def oldest_needed():
        return oldest

    one = relay(pool, log, bus, oldest_needed)
    async with running(one):
        await until(lambda: broker.jetstream.streams[EVENTS].last_sequence == BACK_MAX + 6 - begins)
    kept = broker.jetstream.streams[EVENTS].messages
    assert [int(kept[n].headers["ce-id"]) for n in (1, len(kept))] == [begins, BACK_MAX + 5]
    await bus.close()


async def test_two_relays_do_not_interleave(pool, bus):
    """A relay that was paused past its lease cannot write between the events of its successor."""
    log = MemoryLog()
    await append(log, "a", "b")
    paused = relay(pool, log, bus)
    async with running(paused):
        await until(lambda: paused.position == 2)
        await pool.execute(
            "UPDATE checkpoints SET holder = 'successor', lease_until = now() + interval '1 minute'"
        )
        await append(log, "c")
        # The successor has carried it already.
        await bus.publish(
            "orc.events.c", b"{}", {"ce-id": "3", "ce-type": "c", "ce-subject": "s", "orc-version": "1"}
        )
        paused.poke(3)
        await until(lambda: not paused.is_leading)
    assert await ids(bus, EVENTS) == [1, 2, 3]


async def test_hole_in_a_window_is_closed(pool, bus):
    """When part of a window is not taken, the rest follows in order and nothing twice."""
    log = MemoryLog()
    await append(log, *["a"] * 20)
    flaky = Flaky(bus)
    one = relay(pool, log, flaky)
    async with running(one):
        await until(lambda: one.position == 20)
    assert flaky.dropped
    assert await ids(bus, EVENTS) == list(range(1, 21))


class Flaky:
    """A bus that loses the seventh message of its first window on the way."""

    def __init__(self, bus):
        self._bus, self.dropped = bus, False
        self.request, self.on_reconnected = bus.request, bus.on_reconnected

    async def publish_window(self, messages):
        if self.dropped or len(messages) < 7:
            return await self._bus.publish_window(messages)
        self.dropped = True
        acked = await self._bus.publish_window(messages[:6])
        await self._bus.publish_window(messages[7:])
        return acked


async def test_erased_store_under_load(pool, tmp_path):
    """The store erased while events are appended: every event since comes, in order, with nobody's help."""
    with restarted_nats(tmp_path) as server:
        bus = await Bus.connect(server.url("scheduler"), name="relay")
        looker = await Bus.connect(server.url(), name="looker")
        keeper = asyncio.create_task(maintain(bus, Topology(), every_seconds=0.1))
        log = MemoryLog()
        await append(log, *["run.requested"] * 30)
        one = relay(pool, log, bus)
        async with running(one):
            await until(lambda: one.position == 30)
            server.stop()
            server.erase()
            await append(log, *["run.requested"] * 30)
            server.start()
            await until(lambda: one.position == 60)
            await append(log, "run.requested")
            await until(lambda: one.position == 61)
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        await until(lambda: looker.connected)
        assert await ids(looker, EVENTS) == list(range(1, 62))
        await bus.close()
        await looker.close()


async def test_waits_for_its_streams(pool, nats_url):
    """Before the streams stand nothing is lost and nothing ends; afterwards everything comes."""
    bus = await Bus.connect(nats_url, name="early")
    log = MemoryLog()
    await append(log, "a")
    one = relay(pool, log, bus)
    async with running(one):
        with pytest.raises(BusUnavailable):
            await bus.publish("orc.events.a", b"")
        await provision(bus, Topology())
        await until(lambda: one.position == 1)
    assert await ids(bus, EVENTS) == [1]
    await bus.close()
