"""
Projector: fold the log into tables.

`apply` gets a connection whose transaction also moves the checkpoint, so a fold is there once or not at all. The
tables are unqualified: a pool whose search_path is another schema (a replay's) gives the same projector there.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Never

from orc_events.event import Position
from orc_events.follower import Effect, Follower


class Projector:
    """A follower whose effect is rows."""

    def __init__(
        self,
        follower: Follower,
        apply: Effect,
        *,
        clear: Callable[[Any], Awaitable[None]],
        on_applied: Callable[[Position], None] | None = None,
    ) -> None:
        self.follower = follower
        self._apply, self._clear, self._on_applied = apply, clear, on_applied

    async def run(self) -> Never:
        """Follow for ever."""
        await self.follower.run(self._apply, self._on_applied)

    async def passed(self, position: Position, timeout_seconds: float) -> bool:
        """Wait until the rows of this position can be read; False when it was not in time."""
        return await self.follower.passed(position, timeout_seconds)

    async def catch_up(self, until: Position | None = None) -> Position:
        """Fold up to a position (the head as it is now) and return it; raises LeaseLost when another folds."""
        until = await self.follower.log.head() if until is None else until
        await self.follower.catch_up(self._apply, until)
        return until

    async def rebuild(self) -> None:
        """
        Empty the tables and begin at position 0, in one transaction; `run` or `catch_up` folds anew.

        Readers see the tables grow meanwhile. Raises LeaseLost when another process's projector is folding.
        """
        async with self.follower.pool.acquire() as connection, connection.transaction():
            await self.follower.restart(connection)
            await self._clear(connection)
        self.follower.poke()
