"""Wakeup: a pause that a poke ends early."""

import asyncio
from contextlib import suppress


class Wakeup:
    """A poke that comes before the pause is not lost; several count as one."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def poke(self) -> None:
        """End the pause, or skip the next one."""
        self._event.set()

    async def pause(self, seconds_max: float) -> bool:
        """Wait for a poke or so long; True when poked."""
        if not self._event.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds_max):
                    await self._event.wait()
        poked = self._event.is_set()
        self._event.clear()
        return poked
