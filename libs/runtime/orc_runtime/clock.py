"""The clock as an argument: real in a process, set by hand in a test."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time; whoever decides is given what it told, never the clock."""

    def now(self) -> datetime:
        """Return the instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the instant, aware, in UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, now: datetime) -> None:
        self._now = now.astimezone(UTC)

    def now(self) -> datetime:
        """Return the instant, aware, in UTC."""
        return self._now

    def advance(self, step: timedelta) -> None:
        """Move by `step`; backwards too, as real clocks do."""
        self._now += step
