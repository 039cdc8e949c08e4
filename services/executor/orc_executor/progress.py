"""Progress: what a running task tells of itself, on core NATS `orc.progress.<run_id>`; never into the log."""

import time
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec
from msgspec import Struct

from orc_executor.frames import Phase
from orc_executor.frames import Progress as Heard
from orc_executor.pace import Pace
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
    """0 to 100, of the phase; None when nothing tells how much there is."""
    phase: Phase
    rows_per_second: float | None
    bytes_per_second: float | None
    """Over the last seconds; None where nothing came."""
    at: datetime


class Poker(Protocol):
    """What publishes soon and never raises."""

    def poke(self, subject: str, data: bytes = b"") -> None:
        """Publish without ack; of two pokes not yet sent on one subject the last wins."""


class Reporter:
    """Tells the progress of one run, at most every half second."""

    __slots__ = ("_attempt", "_bus", "_bytes", "_clock", "_rows", "_run_id", "_silent_until", "_what")

    def __init__(self, bus: Poker, clock: Clock, run_id: UUID, attempt: int) -> None:
        self._bus, self._clock, self._run_id, self._attempt = bus, clock, run_id, attempt
        self._silent_until = 0.0
        self._what: tuple[int, Phase] | None = None
        self._rows, self._bytes = Pace(), Pace()

    def report(self, task: int, heard: Heard) -> None:
        """Tell it, unless something was told a moment ago."""
        now = time.monotonic()
        if self._what != (task, heard.phase):
            self._what, self._rows, self._bytes = (task, heard.phase), Pace(), Pace()
        rows_per_second, bytes_per_second = self._rows.add(now, heard.rows), self._bytes.add(now, heard.bytes)
        if now < self._silent_until:
            return
        self._silent_until = now + INTERVAL_SECONDS
        told = Progress(
            run_id=self._run_id,
            attempt=self._attempt,
            task=task,
            rows=heard.rows,
            bytes=heard.bytes,
            percent=heard.percent,
            phase=heard.phase,
            rows_per_second=rows_per_second,
            bytes_per_second=bytes_per_second,
            at=self._clock.now(),
        )
        self._bus.poke(f"orc.progress.{self._run_id}", msgspec.json.encode(told))
