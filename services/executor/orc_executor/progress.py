"""Progress: what a running task tells of itself, on core NATS `orc.progress.<run_id>`; never into the log."""

import time
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec
from msgspec import Struct

from orc_runtime.clock import Clock

INTERVAL_SECONDS = 0.5
"""Between two messages about one run; what comes sooner is dropped, the next one holds it."""


class Progress(Struct, frozen=True, kw_only=True):
    """How far a task is."""

    run_id: UUID
    attempt: int
    task: int
    """Its order within the run, from 1."""
    rows: int
    bytes: int
    percent: float | None
    """0 to 100; None when the source does not tell its size."""
    at: datetime


class Poker(Protocol):
    """What publishes soon and never raises."""

    def poke(self, subject: str, data: bytes = b"") -> None:
        """Publish without ack; of two pokes not yet sent on one subject the last wins."""


class Reporter:
    """Tells the progress of one run, at most every half second."""

    __slots__ = ("_attempt", "_bus", "_clock", "_run_id", "_silent_until")

    def __init__(self, bus: Poker, clock: Clock, run_id: UUID, attempt: int) -> None:
        self._bus, self._clock, self._run_id, self._attempt = bus, clock, run_id, attempt
        self._silent_until = 0.0

    def report(self, task: int, rows: int, size: int, percent: float | None) -> None:
        """Tell it, unless something was told a moment ago."""
        now = time.monotonic()
        if now < self._silent_until:
            return
        self._silent_until = now + INTERVAL_SECONDS
        told = Progress(
            run_id=self._run_id,
            attempt=self._attempt,
            task=task,
            rows=rows,
            bytes=size,
            percent=percent,
            at=self._clock.now(),
        )
        self._bus.poke(f"orc.progress.{self._run_id}", msgspec.json.encode(told))
