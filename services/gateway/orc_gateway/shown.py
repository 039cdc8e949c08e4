"""
Shown: up to which position the read tables tell, in this process or in another gateway's.

The process whose projector holds the lease knows it; it says so on `orc.projected`, and the others listen. What is not
heard is found by asking for the checkpoint, so `passed` is true for them too when a message was lost.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from prometheus_client import CollectorRegistry, Gauge

from orc_events.bus import Bus
from orc_events.event import Position
from orc_gateway.problems import Unavailable
from orc_runtime.deadline import within

SUBJECT = "orc.projected"
POLL_SECONDS = 0.25


class Follows(Protocol):
    """What is needed of the projector's follower."""

    is_leading: bool

    @property
    def position(self) -> Position:
        """The last position known to be committed."""

    def saw(self, position: Position) -> None:
        """Note that a position is committed."""

    async def passed(self, position: Position, timeout_seconds: float) -> bool:
        """Wait until a position is committed."""


class Shown:
    """Waits for positions, wherever they are projected."""

    def __init__(
        self, follower: Follows, checkpoint: Callable[[], Awaitable[Position]], registry: CollectorRegistry
    ) -> None:
        self._follower, self._checkpoint = follower, checkpoint
        self._head = Position(0)
        position = Gauge("orc_projected_position", "Last position the read tables tell.", registry=registry)
        position.set_function(lambda: follower.position)
        lag = Gauge("orc_projection_lag", "Events of the log they do not tell yet.", registry=registry)
        lag.set_function(lambda: max(0, self._head - follower.position))

    async def passed(self, position: Position, timeout_seconds: float) -> bool:
        """Wait until the read tables tell of this position; False when it was not in time."""
        try:
            async with asyncio.timeout(timeout_seconds):
                while not await self._follower.passed(position, POLL_SECONDS):
                    if not self._follower.is_leading:
                        self._follower.saw(await within(timeout_seconds, self._checkpoint()))
        except (TimeoutError, Unavailable):
            return self._follower.position >= position
        return True

    def grew(self, position: Position) -> None:
        """Note how far the log goes."""
        self._head = max(self._head, position)

    def hear(self, _subject: str, data: bytes) -> None:
        """Note what the leader said."""
        if data.isdigit():
            self._follower.saw(Position(int(data)))

    @staticmethod
    def tell(bus: Bus) -> Callable[[Position], None]:
        """Return what the leader calls after each batch."""
        return lambda position: bus.poke(SUBJECT, str(position).encode())
