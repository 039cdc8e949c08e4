"""How often a host is asked: evenly, over all connections of a task, in the order in which they want to."""

import asyncio
import time
from collections.abc import Awaitable, Callable

HOSTS_MAX = 100
"""Whose pace is remembered; redirects may lead to any number."""


class RateLimit:
    """Spaces requests to each host; without a rate nobody waits."""

    def __init__(
        self,
        per_second: float | None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._interval = None if per_second is None else 1 / per_second
        self._now, self._sleep = now, sleep
        self._free_at: dict[str, float] = {}

    async def turn(self, host: str) -> None:
        """Wait until the host may be asked."""
        if self._interval is None:
            return
        # Who comes first takes the first moment that is free, so nobody is overtaken while they sleep.
        now = self._now()
        at = max(now, self._free_at.pop(host, now))
        self._free_at[host] = at + self._interval
        if len(self._free_at) > HOSTS_MAX:
            del self._free_at[next(iter(self._free_at))]
        if at > now:
            await self._sleep(at - now)
