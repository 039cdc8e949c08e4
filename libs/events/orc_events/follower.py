"""
Follower: take each event of the log once, in order, effect and checkpoint in one transaction.

    run       wait for the lease, lead, start over after trouble; for ever
    _lead     read after the checkpoint, apply, move the checkpoint, commit; poll or be poked for more

Leading holds one connection. While a batch is applied the next is already being read. A follower that was paused
past its lease finds at `move` that the checkpoint is not where it left it: its transaction rolls back and it starts
over. Its checkpoint commits without waiting for the disk: after a crash of Postgres the rows and the checkpoint are
older together, and the follower goes on from there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Never, Protocol

import asyncpg
import structlog

from orc_events.checkpoint import RENEW_SECONDS, Checkpoint
from orc_events.errors import EventsError, GapFound, LeaseLost
from orc_events.event import Position, Recorded
from orc_events.wakeup import Wakeup

_logger = structlog.get_logger()

POLL_SECONDS = 0.25
STANDBY_SECONDS = 0.5
BATCH_MAX = 5_000

Effect = Callable[[Any, Sequence[Recorded]], Awaitable[None]]
"""Applies a batch within the given connection's transaction."""

TROUBLE = (
    EventsError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # What asyncpg raises for a statement that crosses the server's goodbye.
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""What passes by itself; anything else is a bug and ends the process."""


class ReadableLog(Protocol):
    """What a follower needs of the log."""

    async def read(self, after: Position, limit: int) -> list[Recorded]:
        """Return the next events in position order."""

    async def head(self) -> Position:
        """Return the last position."""


class Follower:
    """One named reader of the log: its lease, its checkpoint, its wake-ups, and who waits for it to pass."""

    def __init__(
        self, pool: Any, log: ReadableLog, name: str, *, holder: str | None = None, batch_max: int = BATCH_MAX
    ) -> None:
        self.pool, self.log = pool, log
        self.checkpoint = Checkpoint(name, holder)
        self.is_leading = False
        self._batch_max = batch_max
        self._position = Position(0)
        self._renew_at = 0.0
        self._wakeup = Wakeup()
        self._waiting: dict[asyncio.Future[None], Position] = {}

    @property
    def position(self) -> Position:
        """The last position known to be committed here or, on standby, told by the leader."""
        return self._position

    def poke(self, position: Position | None = None) -> None:
        """Say that the log has grown (up to this position, if known): read now rather than at the next poll."""
        if position is None or position > self._position:
            self._wakeup.poke()

    def saw(self, position: Position) -> None:
        """Note that this position is committed, also when another process's follower did it."""
        if position <= self._position:
            return
        self._position = position
        for future, wanted in tuple(self._waiting.items()):
            if wanted <= position and not future.done():
                future.set_result(None)

    async def passed(self, position: Position, timeout_seconds: float) -> bool:
        """Wait until the effect of this position is committed; False when it was not in time."""
        if position <= self._position:
            return True
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = position
        try:
            async with asyncio.timeout(timeout_seconds):
                await future
        except TimeoutError:
            return False
        finally:
            del self._waiting[future]
        return True

    async def run(self, effect: Effect, on_applied: Callable[[Position], None] | None = None) -> Never:
        """Follow for ever; only GapFound and bugs end it."""
        while True:
            try:
                async with self.pool.acquire() as connection:
                    await self._lead(connection, effect, on_applied, until=None)
            except GapFound:
                raise
            except TROUBLE as error:
                _logger.warning("follower starts over", name=self.checkpoint.name, reason=repr(error))
            # Not ended by a poke: a standby would ask for the lease at every append.
            await asyncio.sleep(STANDBY_SECONDS)

    async def catch_up(self, effect: Effect, until: Position) -> None:
        """Follow up to this position and return; raises LeaseLost when another follower is at it."""
        async with self.pool.acquire() as connection:
            if not await self._lead(connection, effect, None, until=until):
                raise LeaseLost(self.checkpoint.name, self.checkpoint.holder)

    async def restart(self, connection: Any) -> None:
        """
        Move the checkpoint to 0 within the caller's transaction; raises LeaseLost when another holds it.

        A loop of this follower that is running finds its checkpoint moved, and begins anew.
        """
        position = await self.checkpoint.take(connection)
        if position is None:
            raise LeaseLost(self.checkpoint.name, self.checkpoint.holder)
        await self.checkpoint.move(connection, position, Position(0))

    async def _lead(
        self,
        connection: Any,
        effect: Effect,
        on_applied: Callable[[Position], None] | None,
        until: Position | None,
    ) -> bool:
        """Follow while the lease holds; False when it was another's, True when `until` was passed."""
        position = await self.checkpoint.take(connection)
        if position is None:
            self.saw(await self.checkpoint.position(connection))
            return False
        self._position = Position(min(self._position, position))
        self.saw(position)
        self.is_leading = True
        reader = _Reader(self.log, self._batch_max)
        try:
            while until is None or position < until:
                batch = await reader.next(position)
                if batch:
                    end = batch[-1].position
                    async with connection.transaction():
                        await effect(connection, batch)
                        await self.checkpoint.move(connection, position, end)
                    position = end
                    self._renew_at = asyncio.get_running_loop().time() + RENEW_SECONDS
                    self.saw(position)
                    if on_applied is not None:
                        on_applied(position)
                elif until is not None:
                    break
                else:
                    await self._idle(connection, position)
            return True
        finally:
            self.is_leading = False
            reader.close()
            await self._release(connection)

    async def _idle(self, connection: Any, position: Position) -> None:
        """Wait for more, keeping the lease."""
        loop = asyncio.get_running_loop()
        if loop.time() >= self._renew_at:
            await self.checkpoint.move(connection, position, position)
            self._renew_at = loop.time() + RENEW_SECONDS
        await self._wakeup.pause(POLL_SECONDS)

    async def _release(self, connection: Any) -> None:
        if connection.is_closed() or connection.is_in_transaction():
            return
        try:
            await self.checkpoint.release(connection)
        except TROUBLE as error:
            _logger.info("lease left to run out", name=self.checkpoint.name, reason=repr(error))


def check_contiguous(after: Position, batch: Sequence[Recorded]) -> None:
    """Raise GapFound unless the batch follows the position without a gap. It is not empty and in order."""
    if batch[0].position == after + 1 and batch[-1].position == after + len(batch):
        return
    for expected, recorded in enumerate(batch, after + 1):
        if recorded.position != expected:
            raise GapFound(Position(expected), recorded.position)


class _Reader:
    """Reads the log one batch ahead while there is more than a batch."""

    def __init__(self, log: ReadableLog, batch_max: int) -> None:
        self._log, self._batch_max = log, batch_max
        self._ahead: asyncio.Task[list[Recorded]] | None = None

    async def next(self, after: Position) -> list[Recorded]:
        """Return the events after a position, checked to follow it without a gap."""
        ahead, self._ahead = self._ahead, None
        batch = await (ahead if ahead is not None else self._log.read(after, self._batch_max))
        if batch:
            check_contiguous(after, batch)
        if len(batch) == self._batch_max:
            self._ahead = asyncio.create_task(self._log.read(batch[-1].position, self._batch_max))
        return batch

    def close(self) -> None:
        """Give up what was being read ahead."""
        if self._ahead is not None:
            self._ahead.cancel()
