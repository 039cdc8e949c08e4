"""
NATS with a mind of its own: letters that take time, are lost or come twice, connections that break, a store that
forgets.

`MemoryBroker` routes and keeps as before; between it and each connection lie two links, one each way, that keep the
order of what they carry, as TCP does. JetStream's clock, which the broker leaves to its test, runs here: `ack_wait`,
delayed naks.
"""

import copy
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
from nats.errors import ConnectionClosedError
from simulation.loop import PROCESS, Process

from orc_events.bus import Bus
from orc_events.errors import BusUnavailable
from orc_events.memory_bus import Letter, MemoryBroker, MemoryConnection, MemoryInterest
from orc_events.memory_jetstream import Consumer, MemoryJetStream, Stream

ACK_WAIT_SECONDS = 30.0
RECONNECT_SECONDS = 0.1
NEVER_REFUSED = ("orc.commands.job.create", "orc.commands.run.request")


class TimedConsumer(Consumer):
    """A consumer that delivers again what was not answered in time."""

    broker: "Broker"

    def __init__(self, stream: Stream, config: dict[str, Any], broker: "Broker") -> None:
        super().__init__(stream, config)
        self.broker = broker
        self._until: dict[int, float] = {}

    def next(self, is_heard: Callable[[str], bool]) -> tuple[str, int] | None:
        """Return what to deliver next, and expect its answer in time."""
        found = super().next(is_heard)
        if found is not None:
            self._expect(found[1])
        return found

    def hear(self, sequence: int, verb: bytes) -> None:
        """Take an answer, also a late one for an earlier delivery, as the server does."""
        if verb.startswith(b"+WPI") and sequence in self.unacked:
            self._expect(sequence)
        elif verb.startswith(b"-NAK ") and sequence in self.unacked:
            del self.unacked[sequence]
            seconds = msgspec.json.decode(verb[5:])["delay"] / 1e9
            self.broker.server.later(seconds, self._again, sequence)
        else:
            super().hear(sequence, verb)

    def _expect(self, sequence: int) -> None:
        self._until[sequence] = self.broker.now() + ACK_WAIT_SECONDS
        self.broker.server.later(ACK_WAIT_SECONDS, self._check, sequence)

    def _check(self, sequence: int) -> None:
        if sequence in self.unacked and self.broker.now() >= self._until[sequence]:
            del self.unacked[sequence]
            self._again(sequence)

    def _again(self, sequence: int) -> None:
        self.ready.append(sequence)
        if self.broker.knows(self):
            self.broker._deliver(self)


class TimedJetStream(MemoryJetStream):
    """The store; it may be copied and put back."""

    def __init__(self, broker: "Broker") -> None:
        super().__init__()
        self._broker = broker

    def _make_consumer(self, stream: Stream, name: str, config: dict[str, Any]) -> dict[str, Any]:
        if name not in stream.consumers:
            stream.consumers[name] = TimedConsumer(stream, config, self._broker)
        return super()._make_consumer(stream, name, config)

    def _call(self, call: str, body: Any) -> dict[str, Any]:
        match call.split("."):
            case ["STREAM", "CREATE", name] if name in self.streams:
                # Of two that find it missing, the later one must not empty what the other made.
                return self._stream(name).describe()
        answer = super()._call(call, body)
        match call.split("."):
            case ["CONSUMER", "INFO", stream, name]:
                consumer = self._stream(stream).consumers[name]
                return {
                    **answer,
                    "num_pending": consumer.pending,
                    "num_ack_pending": len(consumer.unacked),
                }
        return answer

    def copied(self) -> "TimedJetStream":
        """Return the store as a backup of it would be: what was delivered and unacked is to be delivered."""
        other = TimedJetStream(self._broker)
        for name, stream in self.streams.items():
            twin = other.streams[name] = Stream(copy.deepcopy(stream.config))
            twin.messages, twin.last_sequence = dict(stream.messages), stream.last_sequence
            for durable, consumer in stream.consumers.items():
                kept = twin.consumers[durable] = TimedConsumer(twin, consumer.config, self._broker)
                kept.deliveries = dict(consumer.deliveries)
                kept.ready.clear()
                kept.ready.extend([*consumer.unacked, *consumer.ready])
        return other


class Link:
    """One direction of a connection: in order, each letter after its own time."""

    def __init__(self, broker: "Broker", receiver: Process) -> None:
        self._broker, self._receiver, self._free_at = broker, receiver, 0.0
        self.generation = 0

    def send(self, deliver: Callable[[Letter], Any], letter: Letter) -> None:
        """Carry a letter, unless it is lost."""
        for _ in range(self._broker.chance.copies(letter.subject)):
            self._free_at = max(self._free_at, self._broker.now() + self._broker.chance.latency())
            self._broker.server.loop.call_at(
                self._free_at, self._arrive, deliver, letter, self.generation, context=self._receiver.context
            )

    def cut(self) -> None:
        """Lose what is under way."""
        self.generation += 1
        self._free_at = 0.0

    def _arrive(self, deliver: Callable[[Letter], Any], letter: Letter, generation: int) -> None:
        if generation == self.generation:
            deliver(letter)


class Connection(MemoryConnection):
    """A process's connection, which breaks and comes back as nats-py's does."""

    def __init__(self, broker: "Broker", process: Process) -> None:
        super().__init__(broker)
        self._process = process
        self._up, self._down = Link(broker, broker.server), Link(broker, process)
        self._is_closed = False
        self.bus: Bus
        process.on_end.append(self._vanish)
        broker.connections[self] = None

    async def publish(self, subject, payload=b"", reply="", headers=None):
        if not self.is_connected:
            raise ConnectionClosedError
        self._up.send(self._broker.publish, Letter(subject, reply, payload, headers))

    async def subscribe(self, subject, queue="", cb=None):
        assert cb is not None
        interest = MemoryInterest(self._broker, subject, queue, cb)
        interest.connection = self
        self._interests.append(interest)
        if self.is_connected:
            self._broker.interests[interest] = None
        return interest

    async def close(self):
        self._is_closed = True
        self._broker.connections.pop(self, None)
        await super().close()

    def receive(self, interest: MemoryInterest, letter: Letter) -> None:
        """Carry a letter to this process."""
        self._down.send(interest.letters.put_nowait, letter)

    def cut(self, seconds: float = 0.0) -> None:
        """Break it; the client tries again after a while."""
        if not self.is_connected:
            return
        self._forget()
        self._process.soon(self.bus._lose_connection)
        self._process.later(max(seconds, RECONNECT_SECONDS), self._reconnect)

    def _forget(self) -> None:
        self.is_connected = False
        self._up.cut()
        self._down.cut()
        for interest in self._interests:
            self._broker.interests.pop(interest, None)

    def _vanish(self) -> None:
        """See what a server sees of a client that died: nothing at first."""
        self._broker.connections.pop(self, None)
        self._broker.server.later(self._broker.chance.half_open_seconds(), self._forget)

    def _reconnect(self) -> None:
        if self._is_closed:
            return
        if self._broker.is_down:
            self._process.later(RECONNECT_SECONDS, self._reconnect)
            return
        self.is_connected = True
        for interest in self._interests:
            # A subscription that has ended in the meantime stays so.
            if not interest._task.done() and not interest._task.cancelling():
                self._broker.interests[interest] = None
        self.bus._tell_reconnected()


class InOrder(dict):
    """A set that is walked in the order in which it was filled; that of futures depends on their addresses."""

    def add(self, key: Any) -> None:
        """Put a key in."""
        self[key] = None

    def discard(self, key: Any) -> None:
        """Take a key out."""
        self.pop(key, None)


class Broker(MemoryBroker):
    """The server."""

    def __init__(self, server: Process, chance: Any) -> None:
        super().__init__()
        self.server, self.chance = server, chance
        self.jetstream = TimedJetStream(self)
        self.connections: dict[Connection, None] = {}
        self.is_down = False
        self.taken: dict[UUID, None] = {}
        """Commands that JetStream stored and that nobody may refuse, by id: for the oracle."""

    def now(self) -> float:
        """Return the time."""
        return self.server.loop.now

    async def join(self) -> Bus:
        """Connect the process that calls; raises BusUnavailable."""
        if self.is_down:
            raise BusUnavailable("connection refused")
        connection = Connection(self, PROCESS.get())
        connection.bus = bus = Bus(connection)
        bus._unacked = InOrder()
        return await bus.open()

    def knows(self, consumer: Consumer) -> bool:
        """Tell whether a consumer is still there, and not one of an erased store."""
        config = consumer.stream.config
        return self.jetstream.consumer(config["name"], consumer.config["durable_name"]) is consumer

    def erase(self) -> None:
        """Forget every stream and consumer."""
        self.jetstream = TimedJetStream(self)

    def cut_all(self, seconds: float) -> None:
        """Break every connection."""
        for connection in list(self.connections):
            connection.cut(seconds)

    def redeliver(self) -> None:
        """Act as if `ack_wait` had passed for everything unacked."""
        for stream in self.jetstream.streams.values():
            for consumer in stream.consumers.values():
                consumer.expire()
                self._deliver(consumer)

    def _keep(self, letter: Letter) -> bool:
        is_kept = super()._keep(letter)
        if is_kept and letter.subject in NEVER_REFUSED:
            self.taken[UUID(msgspec.json.decode(letter.data)["command_id"])] = None
        return is_kept

    def _heard_by(self, address: str) -> list[MemoryInterest]:
        # Asked for every letter, and all but a few patterns are a name, or a name and one more token.
        prefix, _, _ = address.rpartition(".")
        patterns = {address, f"{prefix}.*"}
        return [interest for interest in self.interests if interest.subject in patterns]

    def _send(self, address: str, letter: Letter) -> bool:
        queues: dict[str, list[MemoryInterest]] = {}
        heard = self._heard_by(address)
        for interest in heard:
            if interest.queue:
                queues.setdefault(interest.queue, []).append(interest)
            else:
                interest.connection.receive(interest, letter)
        for sharing in queues.values():
            chosen = sharing[next(self._turns) % len(sharing)]
            chosen.connection.receive(chosen, letter)
        return bool(heard)
