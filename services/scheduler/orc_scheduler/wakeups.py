"""
Who is told that the log has grown.

An append of this process wakes its own followers at once, and by core NATS everybody else's; an append elsewhere is
heard the same way. A poke that is lost costs a poll.
"""

from collections.abc import Callable
from typing import Protocol

from orc_events.connection import Interest
from orc_events.event import Position

POKE_LOG = "orc.poke.log"

Poke = Callable[[Position | None], None]


class WakeupsBus(Protocol):
    """What pokes travel by."""

    def poke(self, subject: str, data: bytes = b"") -> None:
        """Publish soon, without ack; never raises."""

    async def listen(self, subject: str, handler: Callable[[str, bytes], None]) -> Interest:
        """Call `handler` for each message."""


class Wakeups:
    """Passes on how far the log has grown."""

    def __init__(self, bus: WakeupsBus) -> None:
        self._bus = bus
        self._local: list[Poke] = []

    def add(self, poke: Poke) -> None:
        """Have a follower of this process told."""
        self._local.append(poke)

    def tell(self, position: Position) -> None:
        """Say that this process appended up to `position`."""
        self._wake(position)
        self._bus.poke(POKE_LOG, str(position).encode())

    async def listen(self) -> Interest:
        """Hear of what other processes appended."""
        return await self._bus.listen(POKE_LOG, lambda _subject, data: self._hear(data))

    def _hear(self, data: bytes) -> None:
        # Anything that is no number is a poke all the same.
        self._wake(Position(int(data)) if data.isdigit() else None)

    def _wake(self, position: Position | None) -> None:
        for poke in self._local:
            poke(position)
