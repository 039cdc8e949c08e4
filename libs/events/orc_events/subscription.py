"""
Subscription: messages of a durable pull consumer, asked for before they exist.

A pull consumer delivers only what was requested. So that a message published now is here a millisecond later, a
request is always open, for exactly as many messages as there are free slots:

    slots  ==  taken (delivered here, not yet released)  +  requested (open at the server)  +  deficit

`_keep_primed` drives the deficit to zero: it requests it as soon as it is worth a message. What lowers `requested`:

    a message           by 1
    408, some 409       by the server's count of what it did not deliver (`Nats-Pending-Messages`)
    503, 409 Exceeded   by the whole request, which the server never took; its size is the last token of the inbox
    anything unclear    a connection lost, a consumer deleted, silence past the heartbeats: a fresh inbox and zero

A fresh inbox means that nothing asked for earlier can reach the new count. What an old request still brings is
delivered if a slot is free and given back at once if not, so `taken` never exceeds `slots`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from secrets import token_hex
from types import TracebackType
from typing import Protocol, Self

import msgspec
import structlog
from nats.errors import Error as NatsError

from orc_events.connection import Connection, Interest, Received
from orc_events.delivery import Delivery, counts_of

_logger = structlog.get_logger()

EXPIRES_SECONDS = 30
HEARTBEAT_SECONDS = 5
SILENCE_SECONDS_MAX = 2 * HEARTBEAT_SECONDS + 1
RETRY_SECONDS_MIN, RETRY_SECONDS_MAX = 0.05, 1.0
SEND_SECONDS_MAX = 1.0
CLOSE_SECONDS_MAX = 1.0


class BusPort(Protocol):
    """What a subscription asks of the bus."""

    connection: Connection
    generation: int
    inbox_prefix: str

    async def respond(self, reply: str, generation: int, payload: bytes) -> None:
        """Answer a delivery of that connection's generation, best effort."""

    def on_reconnected(self, told: Callable[[], None]) -> Callable[[], None]:
        """Have `told` called after each reconnect; returns the way to stop it."""


class Subscription:
    """Deliveries for the free slots of one process: `async for`, then `release()` when a slot is free again."""

    def __init__(self, bus: BusPort, stream: str, durable: str, slots: int) -> None:
        assert slots > 0
        self._bus = bus
        self._next_subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self._about = f"{stream}/{durable}"
        self._slots = slots
        self._worth_asking = max(1, slots // 8)
        self._taken = self._requested = 0
        self._deliveries: asyncio.Queue[Delivery | None] = asyncio.Queue()
        self._changed = asyncio.Event()
        self._unclear = True
        self._retry_seconds = 0.0
        self._heard_at = asyncio.get_running_loop().time()
        self._inbox = ""
        self._interest: Interest | None = None
        self._draining: set[asyncio.Task[None]] = set()
        self._forget = bus.on_reconnected(self._start_over)
        self._primer = asyncio.create_task(self._keep_primed())
        self._primer.add_done_callback(lambda _: self._deliveries.put_nowait(None))

    @property
    def taken(self) -> int:
        """Deliveries not yet released; never more than the slots."""
        return self._taken

    @property
    def requested(self) -> int:
        """Messages asked for and not yet come."""
        return self._requested

    def release(self, count: int = 1) -> None:
        """Say that this many slots are free again, once for each delivery, whatever became of it."""
        assert 0 < count <= self._taken
        self._taken -= count
        self._changed.set()

    def __aiter__(self) -> AsyncIterator[Delivery]:
        return self

    async def __anext__(self) -> Delivery:
        delivery = await self._deliveries.get()
        if delivery is None:
            if not self._primer.cancelled() and (error := self._primer.exception()) is not None:
                raise error
            raise StopAsyncIteration
        return delivery

    async def close(self) -> None:
        """Ask for no more; what was delivered and not acked comes again, here or elsewhere."""
        self._forget()
        self._primer.cancel()
        await asyncio.gather(self._primer, return_exceptions=True)
        self._retire()
        if self._draining:
            await asyncio.wait(self._draining, timeout=CLOSE_SECONDS_MAX)
        for task in self._draining:
            task.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # --- asking -----------------------------------------------------------------------------------------------

    async def _keep_primed(self) -> None:
        self._changed.set()
        while True:
            try:
                async with asyncio.timeout(SILENCE_SECONDS_MAX):
                    await self._changed.wait()
            except TimeoutError:
                silence = asyncio.get_running_loop().time() - self._heard_at
                if self._requested and silence >= SILENCE_SECONDS_MAX:
                    self._start_over()
            self._changed.clear()
            if self._retry_seconds:
                await asyncio.sleep(self._retry_seconds)
            if self._bus.connection.is_connected:
                try:
                    async with asyncio.timeout(SEND_SECONDS_MAX):
                        await self._ask()
                except (NatsError, OSError, TimeoutError):
                    self._start_over()
                    self._back_off()

    async def _ask(self) -> None:
        if self._unclear:
            await self._renew_inbox()
        deficit = self._slots - self._taken - self._requested
        if deficit <= 0 or (self._requested and deficit < self._worth_asking):
            return
        self._requested += deficit
        body = {
            "batch": deficit,
            "expires": EXPIRES_SECONDS * 1_000_000_000,
            "idle_heartbeat": HEARTBEAT_SECONDS * 1_000_000_000,
        }
        await self._bus.connection.publish(
            self._next_subject, msgspec.json.encode(body), f"{self._inbox}.{deficit}"
        )

    async def _renew_inbox(self) -> None:
        self._retire()
        inbox = f"{self._bus.inbox_prefix}.{token_hex(8)}"
        self._unclear, self._requested = False, 0
        self._interest = await self._bus.connection.subscribe(f"{inbox}.*", cb=partial(self._receive, inbox))
        self._inbox = inbox

    def _retire(self) -> None:
        """Let go of the inbox without losing what it has already received."""
        if self._interest is None:
            return
        task = asyncio.create_task(_drain(self._interest))
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)
        self._inbox, self._interest = "", None

    def _start_over(self) -> None:
        self._unclear = True
        self._changed.set()

    def _back_off(self) -> None:
        self._retry_seconds = min(RETRY_SECONDS_MAX, max(RETRY_SECONDS_MIN, 2 * self._retry_seconds))
        self._changed.set()

    # --- receiving --------------------------------------------------------------------------------------------

    async def _receive(self, inbox: str, message: Received) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        headers = message.headers or {}
        is_current = inbox == self._inbox and not self._unclear
        if not message.reply or "Status" in headers:
            if is_current:
                self._hear_status(message.subject, headers)
            return
        respond = partial(self._bus.respond, message.reply, self._bus.generation)
        delivery = Delivery(message.subject, message.data, headers, counts_of(message.reply), respond)
        if is_current:
            self._requested = max(0, self._requested - 1)
            self._retry_seconds = 0.0
            if not self._requested:
                self._changed.set()
        if self._taken >= self._slots:
            await delivery.nak()
            return
        self._taken += 1
        self._deliveries.put_nowait(delivery)

    def _hear_status(self, subject: str, headers: dict[str, str]) -> None:
        status, text = headers.get("Status", ""), headers.get("Description", "")
        self._changed.set()
        if status == "100":
            self._retry_seconds = 0.0
            return
        if (pending := headers.get("Nats-Pending-Messages")) is not None:
            self._requested = max(0, self._requested - int(pending))
        elif status == "503" or text.startswith("Exceeded"):
            self._requested = max(0, self._requested - int(subject.rpartition(".")[2]))
        else:
            self._start_over()
        if status != "408":
            # The consumer is gone or not there yet: whoever provisions will make it, and we ask until then.
            _logger.info("pull is refused", consumer=self._about, status=status, text=text)
            self._back_off()


async def _drain(interest: Interest) -> None:
    try:
        await interest.drain()
    except (NatsError, OSError):
        # The connection is going or gone, and with it the interest.
        return
