"""
Why: which due instant somebody means who asks about a time, and what the ledger holds of it.

    the ledger's records around the time     what was decided counts, whatever the schedule says now
    the timetable that was in force          for what is not recorded yet, and for what is to come
    the nearest of these instants            meant, when it is near enough; else the time is not due at all
"""

from datetime import datetime, timedelta

from msgspec import Struct

from orc_domain.timetable import Timetable
from orc_gateway.job_history import JobHistory
from orc_gateway.reads import Tick

NEAR_SECONDS = 60.0
"""A time so far from a due instant may mean it."""

PERIODS_MAX = 100
"""Definitions of a job that are looked at, the latest."""

_MICROSECOND = timedelta(microseconds=1)
_NEAR = timedelta(seconds=NEAR_SECONDS)


class Meant(Struct, frozen=True, kw_only=True):
    """The due instant that a time means, or the neighbours of one that means none."""

    due_at: datetime | None = None
    tick: Tick | None = None
    """What the ledger holds of it."""
    before: datetime | None = None
    """The last due instant before the time, when it means none."""
    after: datetime | None = None


def meant_at(at: datetime, history: JobHistory, earlier: Tick | None, later: Tick | None) -> Meant:
    """Find the instant; `earlier` is the last record that begins at or before `at`, `later` the first that begins after."""
    if earlier is not None and at <= earlier.last_due_at:
        return _inside(at, earlier, history.timetable_of(earlier.job_version, at))
    before = _latest(earlier.last_due_at if earlier else None, _named_before(at, history, earlier))
    after = _earliest(later.due_at if later else None, _named_after(at, history, later))
    chosen = _nearest(at, before, after)
    if chosen is None:
        return Meant(before=before, after=after)
    for tick, edge in ((earlier, "last_due_at"), (later, "due_at")):
        if tick is not None and getattr(tick, edge) == chosen:
            return Meant(due_at=chosen, tick=tick)
    return Meant(due_at=chosen)


def _inside(at: datetime, tick: Tick, timetable: Timetable | None) -> Meant:
    """Find the instant within a span of the ledger, whose ends are instants for certain."""
    if at in {tick.due_at, tick.last_due_at} or timetable is None:
        return Meant(due_at=at, tick=tick)
    last, following = timetable.last_before(at + _MICROSECOND), timetable.next_after(at)
    before = max(tick.due_at, last.due_at) if last else tick.due_at
    after = min(tick.last_due_at, following.due_at) if following else tick.last_due_at
    chosen = _nearest(at, before, after)
    return Meant(before=before, after=after) if chosen is None else Meant(due_at=chosen, tick=tick)


def _named_before(at: datetime, history: JobHistory, earlier: Tick | None) -> datetime | None:
    """Return the last instant up to `at` that a timetable named while it was in force, and the ledger has not come to."""
    for period in reversed(history.periods()[-PERIODS_MAX:]):
        if period.timetable is None:
            continue
        is_over = period.end is not None and period.end <= at
        due = period.timetable.last_before(period.end if is_over and period.end else at + _MICROSECOND)
        if due is not None and due.due_at > period.start:
            return due.due_at if earlier is None or due.due_at > earlier.last_due_at else None
    return None


def _named_after(at: datetime, history: JobHistory, later: Tick | None) -> datetime | None:
    """Return the first instant after `at` that a timetable names while it is in force, before the ledger's next."""
    for period in history.periods()[-PERIODS_MAX:]:
        if period.timetable is None:
            continue
        due = period.timetable.next_after(max(at, period.start))
        if due is not None and (period.end is None or due.due_at < period.end):
            return due.due_at if later is None or due.due_at < later.due_at else None
    return None


def _nearest(at: datetime, before: datetime | None, after: datetime | None) -> datetime | None:
    near = [one for one in (before, after) if one is not None and abs(one - at) <= _NEAR]
    return min(near, key=lambda one: abs(one - at), default=None)


def _latest(*instants: datetime | None) -> datetime | None:
    return max((one for one in instants if one is not None), default=None)


def _earliest(*instants: datetime | None) -> datetime | None:
    return min((one for one in instants if one is not None), default=None)
