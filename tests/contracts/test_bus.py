"""What the bus promises, on a real NATS and on the in-memory broker alike."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from orc_events.bus import Bus
from orc_events.cloudevents import Message
from orc_events.delivery import Delivery
from orc_events.errors import BusUnavailable
from orc_events.jetstream import JetStreamRefused, call
from orc_events.memory_bus import MemoryBroker
from orc_events.subscription import Subscription
from orc_events.topology import COMMANDS, HANDLERS, Topology, provision


class Pair:
    """Two processes' buses on one server, and streams on it."""

    def __init__(self, one: Bus, other: Bus) -> None:
        self.one, self.other = one, other


@pytest.fixture(params=["memory", "nats"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    if request.param == "memory":
        broker = MemoryBroker()
        buses = Pair(await broker.connect(), await broker.connect())
    else:
        url = request.getfixturevalue("nats_url")
        buses = Pair(await Bus.connect(url, name="one"), await Bus.connect(url, name="other"))
    await provision(buses.one, Topology(commands_bytes_max=20_000))
    yield buses
    await buses.one.close()
    await buses.other.close()


async def take(subscription: Subscription, count: int) -> list[Delivery]:
    async with asyncio.timeout(5):
        return [await anext(subscription) for _ in range(count)]


async def test_published_is_delivered(pair):
    """What one process publishes another's subscription delivers, in order, with its headers."""
    async with await pair.other.pull(COMMANDS, HANDLERS, slots=8) as subscription:
        await pair.one.publish("orc.commands.job.create", b"1", {"Orc-Reply-To": "here"})
        await pair.one.publish("orc.commands.job.pause", b"2")
        found = [
            (d.subject, d.data, d.headers.get("Orc-Reply-To"), d.deliveries)
            for d in await take(subscription, 2)
        ]
    assert found == [("orc.commands.job.create", b"1", "here", 1), ("orc.commands.job.pause", b"2", None, 1)]


async def test_waiting_before_subscribing(pair):
    """What was published before anybody asked is delivered too."""
    await pair.one.publish("orc.commands.run.request", b"early")
    async with await pair.other.pull(COMMANDS, HANDLERS, slots=1) as subscription:
        assert [d.data for d in await take(subscription, 1)] == [b"early"]


async def test_no_more_than_slots(pair):
    """A subscription is given as many messages as it has slots, and the next when one is released."""
    for number in range(5):
        await pair.one.publish("orc.commands.run.request", str(number).encode())
    async with await pair.other.pull(COMMANDS, HANDLERS, slots=2) as subscription:
        first = await take(subscription, 2)
        await pair.one.flush()
        assert (subscription.taken, subscription.requested) == (2, 0)
        await first[0].ack()
        subscription.release()
        third = await take(subscription, 1)
    assert [d.data for d in first + third] == [b"0", b"1", b"2"]


async def test_ack_is_final(pair):
    """What was acked does not come again, what was given back does, counted."""
    async with await pair.other.pull(COMMANDS, HANDLERS, slots=4) as subscription:
        await pair.one.publish("orc.commands.run.request", b"done")
        await pair.one.publish("orc.commands.run.request", b"again")
        done, again = await take(subscription, 2)
        await done.ack()
        await again.nak()
        subscription.release(2)
        (redelivered,) = await take(subscription, 1)
        assert (redelivered.data, redelivered.deliveries) == (b"again", 2)
        await redelivered.ack()


async def test_in_progress_is_harmless(pair):
    """A delivery may ask for more time and be acked afterwards."""
    async with await pair.other.pull(COMMANDS, HANDLERS, slots=1) as subscription:
        await pair.one.publish("orc.commands.run.request", b"long")
        (delivery,) = await take(subscription, 1)
        await delivery.in_progress()
        await delivery.ack()
        subscription.release()
        await pair.one.publish("orc.commands.run.request", b"next")
        assert [d.data for d in await take(subscription, 1)] == [b"next"]


async def test_unstored_subject_is_unavailable(pair):
    """Publishing where no stream listens is no false success."""
    with pytest.raises(BusUnavailable):
        await pair.one.publish("nobody.keeps.this", b"x")


async def test_full_command_queue_refuses(pair):
    """A full command queue refuses the new command instead of dropping an old one."""
    command = Message("orc.commands.run.request", bytes(2_000))
    kept = await pair.one.publish_window([command] * 20)
    assert 0 < kept < 20
    with pytest.raises(JetStreamRefused):
        await pair.one.publish(command.subject, command.data)


async def test_window_counts_from_the_front(pair):
    """Of a window, the acked ones before the first refused are counted, and nothing after a hole is stored."""
    messages = [
        Message("orc.events.a", b"1", {"Nats-Expected-Last-Sequence": "0"}),
        Message("orc.events.a", b"2", {"Nats-Expected-Last-Sequence": "1"}),
        Message("orc.events.a", b"4", {"Nats-Expected-Last-Sequence": "3"}),
        Message("orc.events.a", b"5", {"Nats-Expected-Last-Sequence": "4"}),
    ]
    assert await pair.one.publish_window(messages) == 2
    assert (
        await pair.one.publish_window([Message("orc.events.a", b"3", {"Nats-Expected-Last-Sequence": "2"})])
        == 1
    )


async def test_window_too_large_for_its_time(pair, monkeypatch):
    """Of a window that could not be sent in full, what was sent and acked is counted: it is not for nothing."""
    monkeypatch.setattr("orc_events.bus.PUBLISH_SECONDS_MAX", 0.5)
    publish, sent = pair.one.connection.publish, []

    async def publish_three(*said):
        sent.append(said)
        await (publish(*said) if len(sent) <= 3 else asyncio.Event().wait())

    monkeypatch.setattr(pair.one.connection, "publish", publish_three)
    assert await pair.one.publish_window([Message("orc.events.a", b"1", {})] * 9) == 3


async def test_request_and_serve(pair):
    """A request is answered by one of those who serve it."""

    async def double(data: bytes) -> bytes:
        return data * 2

    service = await pair.other.serve("orc.auth.login", "auth", double)
    await pair.other.flush()
    assert await pair.one.request("orc.auth.login", b"ab", timeout_seconds=2) == b"abab"
    await service.close()


async def test_request_without_server(pair):
    """A request that nobody serves fails at once, not at its timeout."""
    async with asyncio.timeout(5):
        with pytest.raises(BusUnavailable):
            await pair.one.request("orc.auth.nobody", b"", timeout_seconds=60)


async def test_serving_is_concurrent(pair):
    """A slow answer does not hold up the next one."""
    first_begun, first_may_end = asyncio.Event(), asyncio.Event()

    async def answer(data: bytes) -> bytes:
        if data == b"slow":
            first_begun.set()
            await first_may_end.wait()
        return data

    service = await pair.other.serve("orc.auth.login", "auth", answer)
    await pair.other.flush()
    slow = asyncio.create_task(pair.one.request("orc.auth.login", b"slow", timeout_seconds=5))
    await asyncio.wait_for(first_begun.wait(), 5)
    assert await pair.one.request("orc.auth.login", b"quick", timeout_seconds=2) == b"quick"
    first_may_end.set()
    assert await slow == b"slow"
    await service.close()


async def test_outcome_comes_to_the_inbox(pair):
    """An outcome sent to an expected reply subject resolves its future, and only its own."""
    command = uuid4()
    subject, mine = pair.one.inbox().expect(command)
    _, repeated = pair.one.inbox().expect(command)
    await pair.other.tell(subject, b"outcome")
    async with asyncio.timeout(5):
        assert await mine == b"outcome"
    assert not repeated.done()
    repeated.cancel()


async def test_pokes_reach_listeners(pair):
    """A poke reaches who listens, the latest payload at the least."""
    heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
    interest = await pair.other.listen("orc.poke.>", lambda subject, data: heard.put_nowait((subject, data)))
    await pair.other.flush()
    pair.one.poke("orc.poke.log", b"1")
    pair.one.poke("orc.poke.log", b"2")
    async with asyncio.timeout(5):
        assert await heard.get() == ("orc.poke.log", b"2")
    await interest.unsubscribe()


async def test_closed_bus_does_not_raise(pair):
    """After close a poke and a tell vanish, and a publish says that the bus is unavailable."""
    await pair.other.close()
    pair.other.poke("orc.poke.log")
    await pair.other.tell("orc.poke.log")
    with pytest.raises(BusUnavailable):
        await pair.other.publish("orc.commands.run.request", b"")


async def test_a_stream_made_again_keeps_what_it_holds(pair):
    """Creating a stream that is there already, as it is, changes nothing; with another configuration it is refused."""
    kept = {"name": "KEPT", "subjects": ["kept.>"]}
    await call(pair.one, "STREAM.CREATE.KEPT", kept)
    await pair.one.publish("kept.a", b"1")
    await call(pair.one, "STREAM.CREATE.KEPT", kept)
    assert (await call(pair.one, "STREAM.INFO.KEPT"))["state"]["messages"] == 1
    with pytest.raises(JetStreamRefused):
        await call(pair.one, "STREAM.CREATE.KEPT", kept | {"subjects": ["other.>"]})
