"""
Patience: what may pass is asked for again a few times, waiting as long as the server asks when that is not too long.

After that the attempt fails, and the run's own retries go on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from orc_domain.extractors.api_answers import ApiRetries
from orc_executor.errors import SourceUnavailable

A = TypeVar("A")

PAUSE_SECONDS_MAX = 60.0
"""Of the doubled delays."""
SERVER_FAULT = 500
_PASSING = frozenset({408, 425, 429})


class Passing(Exception):
    """It may go better the next time."""

    def __init__(self, reason: str, wait_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


async def patiently(ask: Callable[[], Awaitable[A]], retries: ApiRetries, name: str) -> A:
    """Return what `ask` does, which raises Passing where another try may help; raises SourceUnavailable after the last."""
    pause = retries.first_delay_seconds
    for tries_left in reversed(range(retries.tries_max)):
        try:
            return await ask()
        except Passing as passing:
            wait = pause if passing.wait_seconds is None else passing.wait_seconds
            if not tries_left or wait > max(retries.retry_after_seconds_max, pause):
                raise SourceUnavailable(f"{name}: {passing}") from passing
        await asyncio.sleep(wait)
        pause = min(pause * 2, PAUSE_SECONDS_MAX)
    raise AssertionError("the last try returns or raises")


def is_passing(status: int) -> bool:
    """Whether a status says that it may go better later."""
    return status in _PASSING or status >= SERVER_FAULT


def retry_after(text: str | None) -> float | None:
    """Return the seconds a `Retry-After` asks for, None when it says nothing one can read."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    if at.tzinfo is None:
        return None
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
