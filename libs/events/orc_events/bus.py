"""
Bus: NATS for one process.

    publish, publish_window    into JetStream, acknowledged; without an ack in time the outcome is unknown
    poke, tell                 core NATS, best effort: what is lost is found by polling
    request, serve, listen     core NATS request and reply, and plain listening
    inbox                      where outcomes of commands come back
    pull                       work of a durable consumer, continuously asked for

NATS may be away at any time and its store may be erased: nothing here is the truth. So what waits for NATS is
bounded and raises BusUnavailable, what does not wait never raises, and a delivery of a connection that was lost
since is not acknowledged: after an erased store the same ack subject would name another message.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from ssl import SSLContext
from typing import Self

import structlog
from nats.errors import Error as NatsError

from orc_events.cloudevents import Message
from orc_events.connection import Connection, Interest, Received, connect_client, make_client
from orc_events.errors import BusUnavailable, NoAnswer
from orc_events.inbox import ANYBODY, Inbox, inbox_prefix
from orc_events.jetstream import check
from orc_events.services import Service
from orc_events.subscription import Subscription

_logger = structlog.get_logger()

PUBLISH_SECONDS_MAX = 1.5
SEND_SECONDS_MAX = 1.0
CLOSE_SECONDS_MAX = 2.0
WINDOW_MAX = 200
"""Publishes in flight at once."""
POKES_MAX = 1_000
"""Subjects with a poke waiting to be sent; each keeps its latest payload only."""


class Bus:
    """One connection to NATS and what this process does with it."""

    def __init__(self, connection: Connection, inbox_prefix: str = ANYBODY) -> None:
        self.connection, self.inbox_prefix = connection, inbox_prefix
        self.generation = 0
        """Counts the connections lost so far."""
        self._inbox = Inbox(inbox_prefix)
        self._unacked: set[asyncio.Future[bytes]] = set()
        self._reconnected: dict[object, Callable[[], None]] = {}
        self._pokes: dict[str, bytes] = {}
        self._poking: asyncio.Task[None] | None = None
        self._closing = False

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        name: str,
        tls: SSLContext | None = None,
        on_closed: Callable[[], None] | None = None,
        wait_seconds: float | None = None,
    ) -> Self:
        """
        Connect, waiting for the server for ever or so long (then BusUnavailable); with `tls`, by TLS or not at all.

        `on_closed` is called when the client gave up by itself (refused credentials): the process must end.
        """
        client = make_client(tls)
        bus = cls(client, inbox_prefix(url))
        trouble: deque[Exception] = deque(maxlen=1)

        def closed() -> None:
            if not bus._closing and on_closed is not None:
                on_closed()

        try:
            async with asyncio.timeout(wait_seconds):
                await connect_client(
                    client,
                    url,
                    name,
                    tls=tls,
                    on_trouble=trouble.append,
                    on_disconnected=bus._lose_connection,
                    on_reconnected=bus._tell_reconnected,
                    on_closed=closed,
                )
        except (TimeoutError, NatsError, OSError) as error:
            why = f": {trouble[0]}" if trouble else ""
            raise BusUnavailable(f"no connection to NATS in {wait_seconds} s{why}") from error
        return await bus.open()

    async def open(self) -> Self:
        """Begin to receive replies; `connect` has done it."""
        await self.connection.subscribe(self._inbox.subject, cb=self._inbox.receive)
        return self

    @property
    def connected(self) -> bool:
        """False while the server is away."""
        return self.connection.is_connected

    def on_reconnected(self, told: Callable[[], None]) -> Callable[[], None]:
        """Have `told` called after each reconnect; returns the way to stop it."""
        key = object()
        self._reconnected[key] = told
        return lambda: self._reconnected.pop(key, None) and None

    def inbox(self) -> Inbox:
        """Return where outcomes of this process's commands come back; they survive a reconnect."""
        return self._inbox

    # --- JetStream --------------------------------------------------------------------------------------------

    async def publish(self, subject: str, data: bytes, headers: dict[str, str] | None = None) -> None:
        """Publish and wait for JetStream's ack; BusUnavailable leaves the outcome unknown, JetStreamRefused says no."""
        check(subject, await self._exchange(subject, data, headers, PUBLISH_SECONDS_MAX))

    async def publish_window(self, messages: Sequence[Message]) -> int:
        """
        Publish up to 200 messages in order, all in flight together; return how many from the front are acked.

        Later ones may have been stored although an earlier one was not: who needs the order says so in its
        headers (`Nats-Expected-Last-Sequence`).
        """
        assert len(messages) <= WINDOW_MAX
        acks: list[asyncio.Future[bytes]] = []
        acked = 0
        reason: Exception | None = None
        try:
            try:
                async with asyncio.timeout(PUBLISH_SECONDS_MAX):
                    for message in messages:
                        ack = await self._send(message.subject, message.data, message.headers)
                        acks.append(ack)  # one by one: those sent before a failure count
            except (BusUnavailable, TimeoutError) as error:
                # What was sent counts all the same, or a window too large for its time would be sent for ever.
                reason = error
            async with asyncio.timeout(PUBLISH_SECONDS_MAX):
                for message, ack in zip(messages, acks, strict=False):
                    check(message.subject, await ack)
                    acked += 1
        except (BusUnavailable, TimeoutError) as error:
            reason = error
        finally:
            if reason is not None:
                _logger.info("window not acked in full", acked=acked, of=len(messages), reason=repr(reason))
            for ack in acks[acked:]:
                ack.cancel()
        return acked

    async def pull(self, stream: str, durable: str, *, slots: int) -> Subscription:
        """Ask continuously for as many messages as slots are free; `async with` it, or close it."""
        return Subscription(self, stream, durable, slots)

    async def respond(self, reply: str, generation: int, payload: bytes) -> None:
        """Answer a delivery (ack, nak, in progress), unless its connection was lost since."""
        if generation == self.generation:
            await self.tell(reply, payload)

    # --- core NATS --------------------------------------------------------------------------------------------

    async def tell(self, subject: str, data: bytes = b"", headers: dict[str, str] | None = None) -> None:
        """Publish without ack; never raises, kept for a server that is away only within a bound."""
        try:
            async with asyncio.timeout(SEND_SECONDS_MAX):
                await self.connection.publish(subject, data, "", headers)
        except (NatsError, OSError, TimeoutError) as error:
            _logger.info("message dropped", subject=subject, reason=repr(error))

    def poke(self, subject: str, data: bytes = b"") -> None:
        """Publish soon, without ack; of pokes not yet sent on one subject the last wins. Never raises."""
        if not self.connected or (len(self._pokes) >= POKES_MAX and subject not in self._pokes):
            return
        self._pokes[subject] = data
        if self._poking is None or self._poking.done():
            self._poking = asyncio.create_task(self._send_pokes())

    async def request(self, subject: str, data: bytes, *, timeout_seconds: float) -> bytes:
        """Send a request and return its reply; NoAnswer when none comes in time, BusUnavailable when nobody is there."""
        return await self._exchange(subject, data, None, timeout_seconds)

    async def serve(self, subject: str, queue: str, handler: Callable[[bytes], Awaitable[bytes]]) -> Service:
        """Answer requests, sharing them with the others of the queue, several at once."""
        service = Service(handler, self.tell)
        service.interest = await self.connection.subscribe(subject, queue, service.receive)
        return service

    async def listen(self, subject: str, handler: Callable[[str, bytes], None]) -> Interest:
        """Call `handler(subject, data)` for each message; the subject may hold wildcards."""

        async def receive(message: Received) -> None:
            handler(message.subject, message.data)

        return await self.connection.subscribe(subject, "", receive)

    async def flush(self) -> None:
        """Wait until the server knows of what was said before: a subscription made now hears what follows."""
        try:
            async with asyncio.timeout(SEND_SECONDS_MAX):
                # nats-py writes its PING before what it holds back, such as a new subscription; the second one follows.
                await self.connection.flush()
                await self.connection.flush()
        except (NatsError, OSError, TimeoutError) as error:
            raise BusUnavailable("NATS did not answer") from error

    async def close(self) -> None:
        """Handle what has come and close; with the server away, just close. Bounded either way."""
        self._closing = True
        self._fail_unacked()
        for leave in (
            (self.connection.drain, self.connection.close) if self.connected else (self.connection.close,)
        ):
            try:
                async with asyncio.timeout(CLOSE_SECONDS_MAX):
                    await leave()
            except (NatsError, OSError, TimeoutError, RuntimeError) as error:
                # With the server away nats-py still writes what is pending, and uvloop's closed transport says so
                # by a RuntimeError; a process told to stop must not die of it.
                _logger.info("close without goodbye", reason=repr(error))

    # --- inside -----------------------------------------------------------------------------------------------

    async def _exchange(
        self, subject: str, data: bytes, headers: dict[str, str] | None, timeout_seconds: float
    ) -> bytes:
        try:
            # Two timeouts: nats-py swallows a cancellation while it flushes, and the first would be spent.
            async with asyncio.timeout(timeout_seconds):
                reply = await self._send(subject, data, headers)
            async with asyncio.timeout(timeout_seconds):
                return await reply
        except TimeoutError as error:
            raise NoAnswer(f"no answer on {subject} in {timeout_seconds} s") from error

    async def _send(self, subject: str, data: bytes, headers: dict[str, str] | None) -> asyncio.Future[bytes]:
        if not self.connected:
            # nats-py would keep it and send it after the reconnect, long after we gave up on it.
            raise BusUnavailable("NATS is away")
        reply, future = self._inbox.expect()
        self._unacked.add(future)
        future.add_done_callback(self._unacked.discard)
        try:
            await self.connection.publish(subject, data, reply, headers)
        except (NatsError, OSError) as error:
            future.cancel()
            raise BusUnavailable(f"{subject}: {error!r}") from error
        return future

    async def _send_pokes(self) -> None:
        while self._pokes:
            subject = next(iter(self._pokes))
            await self.tell(subject, self._pokes.pop(subject))

    def _lose_connection(self) -> None:
        self.generation += 1
        self._fail_unacked()

    def _fail_unacked(self) -> None:
        for future in tuple(self._unacked):
            if not future.done():
                future.set_exception(BusUnavailable("the connection was lost before the answer"))

    def _tell_reconnected(self) -> None:
        for told in tuple(self._reconnected.values()):
            told()
