"""Which instants of a schedule are due, and what becomes of each: a run, or a place in a span that is let pass."""

from datetime import datetime, timedelta

from msgspec import Struct

from orc_domain.schedule import Schedule

CATCH_UP_WINDOW_SECONDS = 900
"""Instants missed longer ago than this are let pass; later ones are run after all."""
RUNS_MAX = 1_000
"""Runs requested of one job at once; the rest follow in the next batch."""
SKIPPED_MAX = 100_000
"""Instants one span counts; the rest follow in the next one."""


class Span(Struct, frozen=True):
    """Instants that are let pass, both ends included."""

    due_at: datetime
    last_due_at: datetime
    count: int


class Accounting(Struct, frozen=True):
    """What is to be recorded of one job's due instants."""

    runs: tuple[datetime, ...]
    skipped: Span | None
    next_due_at: datetime | None
    """The first instant not accounted for; it may be due as well when there were too many."""


def account(schedule: Schedule, due_at: datetime, now: datetime, runs_max: int = RUNS_MAX) -> Accounting:
    """Decide on the instants from `due_at`, which is one, up to `now`."""
    window_start = now - timedelta(seconds=CATCH_UP_WINDOW_SECONDS)
    instant: datetime | None = due_at
    first, last, count = due_at, due_at, 0
    while instant is not None and instant < window_start and count < SKIPPED_MAX:
        last, count = instant, count + 1
        instant = schedule.next_after(instant)
    runs: list[datetime] = []
    while instant is not None and window_start <= instant <= now and len(runs) < runs_max:
        runs.append(instant)
        instant = schedule.next_after(instant)
    return Accounting(tuple(runs), Span(first, last, count) if count else None, instant)
