"""
MemoryBroker: NATS for tests of what stands on the bus, passing the bus's own contract suite.

It stands in for the server and its client library alone: `Bus`, `Subscription`, `Inbox` are the real ones on top.
Several buses of one broker hear one another, as several processes do.
"""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import msgspec
from msgspec import Struct
from nats.errors import ConnectionClosedError

from orc_events.bus import Bus
from orc_events.cloudevents import Message
from orc_events.memory_jetstream import Consumer, MemoryJetStream, Refusal, matches

_NEXT = "$JS.API.CONSUMER.MSG.NEXT."
_API = "$JS.API."
_ACK = "$JS.ACK."


class Letter(Struct, frozen=True):
    """A message on its way to a subscriber."""

    subject: str
    reply: str
    data: bytes
    headers: dict[str, str] | None


class MemoryInterest:
    """A subscription: letters in order, handled one after another."""

    def __init__(
        self, broker: "MemoryBroker", subject: str, queue: str, callback: Callable[[Any], Awaitable[None]]
    ) -> None:
        self.subject, self.queue = subject, queue
        self.letters: asyncio.Queue[Letter] = asyncio.Queue()
        self._broker, self._callback = broker, callback
        self._task = asyncio.create_task(self._handle())

    async def unsubscribe(self) -> None:
        """End it and forget what has come but was not handled."""
        self._broker.interests.pop(self, None)
        self._task.cancel()

    async def drain(self) -> None:
        """End it and handle what has come."""
        self._broker.interests.pop(self, None)
        await self.letters.join()
        self._task.cancel()

    async def _handle(self) -> None:
        while True:
            letter = await self.letters.get()
            try:
                await self._callback(letter)
            finally:
                self.letters.task_done()


class MemoryConnection:
    """One process's connection to the broker."""

    def __init__(self, broker: "MemoryBroker") -> None:
        self._broker = broker
        self._interests: list[MemoryInterest] = []
        self.is_connected = True

    async def publish(
        self, subject: str, payload: bytes = b"", reply: str = "", headers: dict[str, str] | None = None
    ) -> None:
        """Hand a message to the broker."""
        if not self.is_connected:
            raise ConnectionClosedError
        self._broker.publish(Letter(subject, reply, payload, headers))

    async def subscribe(
        self, subject: str, queue: str = "", cb: Callable[[Any], Awaitable[None]] | None = None
    ) -> MemoryInterest:
        """Have `cb` awaited for each message."""
        assert cb is not None
        interest = MemoryInterest(self._broker, subject, queue, cb)
        self._broker.interests[interest] = None
        self._interests.append(interest)
        return interest

    async def flush(self) -> None:
        """Wait until the broker has taken what was sent before: it has."""

    async def drain(self) -> None:
        """Handle what has come, then close."""
        for interest in self._interests:
            await interest.drain()
        await self.close()

    async def close(self) -> None:
        """Close at once."""
        self.is_connected = False
        for interest in self._interests:
            await interest.unsubscribe()


class MemoryBroker:
    """The server: routes letters, keeps streams."""

    def __init__(self) -> None:
        self.interests: dict[MemoryInterest, None] = {}
        self.jetstream = MemoryJetStream()
        self._turns = count()

    async def connect(self) -> Bus:
        """Return a bus of its own on this broker."""
        return await Bus(MemoryConnection(self)).open()

    def erase(self) -> None:
        """Forget every stream and consumer, as when the store is deleted."""
        self.jetstream = MemoryJetStream()

    def expire(self, stream: str, durable: str) -> None:
        """Deliver again what is unacked, as when `ack_wait` has passed."""
        consumer = self.jetstream.consumer(stream, durable)
        assert consumer is not None
        consumer.expire()
        self._deliver(consumer)

    def publish(self, letter: Letter) -> None:
        """Route a letter: to the JetStream API, into a stream, to who listens."""
        if letter.subject.startswith(_NEXT):
            self._ask(letter)
        elif letter.subject.startswith(_API):
            answer = self.jetstream.answer(letter.subject.removeprefix(_API), letter.data)
            self._send(letter.reply, Letter(letter.reply, "", msgspec.json.encode(answer), None))
        elif letter.subject.startswith(_ACK):
            self._hear(letter)
        else:
            is_kept = self._keep(letter)
            is_heard = self._send(letter.subject, letter)
            if letter.reply and not is_kept and not is_heard:
                self._send(letter.reply, Letter(letter.reply, "", b"", {"Status": "503"}))

    def _keep(self, letter: Letter) -> bool:
        stream = self.jetstream.stream_of(letter.subject)
        if stream is None:
            return False
        try:
            sequence = stream.store(Message(letter.subject, letter.data, letter.headers))
            answer: dict[str, Any] = {"stream": stream.config["name"], "seq": sequence}
        except Refusal as refusal:
            answer = refusal.body
        if letter.reply:
            self._send(letter.reply, Letter(letter.reply, "", msgspec.json.encode(answer), None))
        for consumer in stream.consumers.values():
            self._deliver(consumer)
        return True

    def _ask(self, letter: Letter) -> None:
        stream, durable = letter.subject.removeprefix(_NEXT).split(".")
        consumer = self.jetstream.consumer(stream, durable)
        if consumer is None:
            self._send(letter.reply, Letter(letter.reply, "", b"", {"Status": "503"}))
            return
        consumer.requests.append([letter.reply, msgspec.json.decode(letter.data)["batch"]])
        self._deliver(consumer)

    def _hear(self, letter: Letter) -> None:
        _, _, stream, durable, _, sequence, *_ = letter.subject.split(".")
        consumer = self.jetstream.consumer(stream, durable)
        if consumer is not None:
            consumer.hear(int(sequence), letter.data)
            self._deliver(consumer)

    def _deliver(self, consumer: Consumer) -> None:
        while (delivery := consumer.next(self._is_heard)) is not None:
            inbox, sequence = delivery
            kept = consumer.stream.messages[sequence]
            name, durable = consumer.stream.config["name"], consumer.config["durable_name"]
            reply = f"{_ACK}{name}.{durable}.{consumer.deliveries[sequence]}.{sequence}.{sequence}.0.{consumer.pending}"
            self._send(inbox, Letter(kept.subject, reply, kept.data, kept.headers))

    def _send(self, address: str, letter: Letter) -> bool:
        """Give the letter to everybody who listens at the address, and to one of each queue."""
        queues: dict[str, list[MemoryInterest]] = {}
        heard = self._heard_by(address)
        for interest in heard:
            if interest.queue:
                queues.setdefault(interest.queue, []).append(interest)
            else:
                interest.letters.put_nowait(letter)
        for sharing in queues.values():
            sharing[next(self._turns) % len(sharing)].letters.put_nowait(letter)
        return bool(heard)

    def _heard_by(self, address: str) -> list[MemoryInterest]:
        return [interest for interest in self.interests if matches(interest.subject, address)]

    def _is_heard(self, address: str) -> bool:
        return bool(self._heard_by(address))
