"""
Relay: carry the log to JetStream, in position order.

    run        wait for the lease, lead, start over after trouble; for ever
    _lead      compare, then: read after the last position, publish a window, save the checkpoint now and then
    compare    ask the stream which event it has last; go back to it when it is behind

Every event goes to `orc.events.<type>`, and where `work_subject` names a subject, to that first: work must not wait.
Each event says which sequence of the stream it must follow (`Nats-Expected-Last-Sequence`), so the stream stays in
order and without holes whatever is lost: of a window with a hole nothing after the hole is taken, and of two relays
(one was paused past its lease) the stream takes events from one. An event already in the stream is not sent again.
Work may be published twice, never skipped: a second claim of a run is refused.

The checkpoint is saved at most every 50 ms and always before a pause: after a crash the stream itself says how far
the events came. Into a stream made anew the relay starts at the oldest event that an open run needs or 10,000 back,
whichever is earlier; what is older is REST's to tell.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Never, Protocol

import structlog
from msgspec import Struct

from orc_events.bus import WINDOW_MAX
from orc_events.checkpoint import RENEW_SECONDS, Checkpoint
from orc_events.cloudevents import Message, envelope, message
from orc_events.errors import BusUnavailable, GapFound
from orc_events.event import Position, Recorded
from orc_events.follower import POLL_SECONDS, STANDBY_SECONDS, TROUBLE, ReadableLog, check_contiguous
from orc_events.jetstream import last_sequence, message_headers
from orc_events.topology import EVENTS, Reconnecting
from orc_events.wakeup import Wakeup

_logger = structlog.get_logger()

COMPARE_SECONDS = 30.0
SAVE_SECONDS = 0.05
RETRY_SECONDS = 0.1
BACK_MAX = 10_000
"""Events given again to a stream made anew, unless an open run needs more."""
READ_MAX = WINDOW_MAX // 2
"""Events read at once: with its work, each is at most two messages, and all fit one window."""


class Publisher(Reconnecting, Protocol):
    """What the relay needs of the bus."""

    async def publish_window(self, messages: Sequence[Message]) -> int:
        """Publish in order, return how many from the front are acked."""


class Place(Struct, frozen=True):
    """Where the relay stands."""

    position: Position
    """Everything up to here is published."""
    last_id: Position
    """The stream has events up to here, which may be further."""
    last_sequence: int
    """The stream's own count, which the next event must follow."""
    work_after: Position
    """Work up to here is not published again."""


class Relay:
    """The one writer of ORC_EVENTS; hosted by the scheduler."""

    def __init__(
        self,
        pool: Any,
        log: ReadableLog,
        bus: Publisher,
        *,
        work_subject: Callable[[Recorded], str | None],
        oldest_needed: Callable[[], Awaitable[Position | None]],
        name: str = "relay",
        holder: str | None = None,
    ) -> None:
        self._pool, self._log, self._bus = pool, log, bus
        self._work_subject, self._oldest_needed = work_subject, oldest_needed
        self._checkpoint = Checkpoint(name, holder)
        self._wakeup = Wakeup()
        self._place = Place(Position(0), Position(0), 0, Position(0))
        self._saved = Position(0)
        self._saved_at = self._compare_at = 0.0
        self._trouble: str | None = None
        self.is_leading = False

    @property
    def position(self) -> Position:
        """The last position published and acknowledged."""
        return self._place.position

    def poke(self, position: Position | None = None) -> None:
        """Say that the log has grown: publish now rather than at the next poll."""
        if position is None or position > self._place.position:
            self._wakeup.poke()

    async def run(self) -> Never:
        """Carry for ever; only GapFound and bugs end it."""
        forget = self._bus.on_reconnected(self._compare_soon)
        try:
            while True:
                pause = RETRY_SECONDS
                try:
                    async with self._pool.acquire() as connection:
                        if not await self._lead(connection):
                            pause = STANDBY_SECONDS
                except GapFound:
                    raise
                except TROUBLE as error:
                    _logger.info("relay starts over", reason=repr(error))
                await asyncio.sleep(pause)
        finally:
            forget()

    async def _lead(self, connection: Any) -> bool:
        """Carry while the lease holds; False when it is another's."""
        saved = await self._checkpoint.take(connection)
        if saved is None:
            return False
        self.is_leading, self._saved = True, saved
        self._place = Place(saved, saved, 0, saved)
        self._compare_soon()
        try:
            while True:
                try:
                    pause = await self._carry(connection)
                except BusUnavailable as error:
                    self._tell(repr(error))
                    self._compare_soon()
                    await asyncio.sleep(RETRY_SECONDS)
                    pause = 0.0
                await self._save(connection, is_due=pause > 0)
                if pause:
                    await self._wakeup.pause(pause)
        finally:
            self.is_leading = False
            await self._leave(connection)

    async def _carry(self, connection: Any) -> float:
        """Publish what there is, at most a window; return how long to wait for more."""
        loop = asyncio.get_running_loop()
        if loop.time() >= self._compare_at:
            await self._compare(connection)
            self._compare_at = loop.time() + COMPARE_SECONDS
            self._tell(None)
        batch = await self._log.read(self._place.position, READ_MAX)
        if batch:
            check_contiguous(self._place.position, batch)
            await self._publish(batch)
        return 0.0 if batch else POLL_SECONDS

    async def _publish(self, batch: Sequence[Recorded]) -> None:
        """Publish a batch and stand behind what was acknowledged; raises BusUnavailable when that is not all."""
        window: list[Message] = []
        places: list[tuple[int, Place]] = []
        last_id, sequence, work_after = self._place.last_id, self._place.last_sequence, self._place.work_after
        for recorded in batch:
            if recorded.position > work_after and (subject := self._work_subject(recorded)) is not None:
                window.append(message(recorded, subject))
            if recorded.position > last_id:
                window.append(message(recorded, after_sequence=sequence))
                last_id, sequence = recorded.position, sequence + 1
            places.append((len(window), Place(recorded.position, last_id, sequence, work_after)))
        acked = await self._bus.publish_window(window)
        for needed, place in places:
            if needed > acked:
                raise BusUnavailable(f"{acked} of {len(window)} messages acknowledged")
            self._place = place

    async def _compare(self, connection: Any) -> None:
        """Go back to the last event that the stream has, or on from it when it has more than was saved."""
        place = self._place
        sequence = await last_sequence(self._bus, EVENTS)
        if sequence == 0:
            self._place = await self._beginning(place)
        else:
            last = await self._last_id(sequence, place.position)
            if last < place.position:
                self._place = Place(last, last, sequence, last)
            else:
                self._place = Place(place.position, last, sequence, place.work_after)
        if self._place.position < place.position:
            _logger.warning("relay rewinds", start=place.position, to=self._place.position)
            await self._checkpoint.move(connection, self._saved, self._place.position)
            self._saved = self._place.position

    async def _beginning(self, place: Place) -> Place:
        """Return where to start in a stream made anew."""
        needed = await self._oldest_needed()
        published = max(place.position, place.work_after)
        work_after = published if needed is None else Position(min(published, needed - 1))
        head = await self._log.head()
        start = Position(max(0, min(work_after, head - BACK_MAX)))
        return Place(start, start, 0, work_after)

    async def _last_id(self, sequence: int, position: Position) -> Position:
        """Return the position of the stream's last event; ours when its last message has aged out."""
        headers = await message_headers(self._bus, EVENTS, sequence)
        if headers is None:
            return position
        last = envelope(headers).position
        if last > position and last > await self._log.head():
            _logger.error("the stream is ahead of the log: it was written from another log", last=last)
            return position
        return last

    async def _save(self, connection: Any, *, is_due: bool) -> None:
        """Save the checkpoint when something is unsaved and due, or the lease wants renewing."""
        now = asyncio.get_running_loop().time()
        is_unsaved = self._place.position != self._saved
        if (is_unsaved and (is_due or now >= self._saved_at + SAVE_SECONDS)) or (
            now >= self._saved_at + RENEW_SECONDS
        ):
            await self._checkpoint.move(connection, self._saved, self._place.position)
            self._saved, self._saved_at = self._place.position, now

    async def _leave(self, connection: Any) -> None:
        if connection.is_closed() or connection.is_in_transaction():
            return
        try:
            await self._save(connection, is_due=True)
            await self._checkpoint.release(connection)
        except TROUBLE as error:
            _logger.info("lease left to run out", name=self._checkpoint.name, reason=repr(error))

    def _compare_soon(self) -> None:
        self._compare_at = 0.0
        self._wakeup.poke()

    def _tell(self, trouble: str | None) -> None:
        """Log the first of a row of troubles, and its end."""
        if (trouble is None) == (self._trouble is None):
            return
        self._trouble = trouble
        if trouble is None:
            _logger.info("relay goes on", position=self._place.position)
        else:
            _logger.warning("relay waits for the bus", reason=trouble)
