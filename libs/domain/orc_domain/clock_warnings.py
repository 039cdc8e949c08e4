"""What a change of the clocks does to a schedule: times that are left out, and times that come twice."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from orc_domain.cron_words import MONTHS
from orc_domain.schedule import Schedule
from orc_domain.timetable import Instant, Timetable

LOOKED_AHEAD_DAYS = 400

_SECOND, _MICROSECOND = timedelta(seconds=1), timedelta(microseconds=1)
_ELAPSED = "a schedule whose minute or hour begins with * goes by elapsed time"


class Change(Struct, frozen=True):
    """An instant at which a zone's clocks jump."""

    at: datetime
    """UTC, the first instant of the new offset."""
    before: datetime
    """The naive wall time the clocks would have shown then."""
    after: datetime
    """The naive wall time they show."""

    def instant(self, wall: datetime, *, is_second: bool) -> datetime:
        """Return the instant at which the clocks show a wall time, by the offset before or after the change."""
        return self.at + (wall - (self.after if is_second else self.before))


def clock_warnings(timetable: Timetable, schedule: Schedule, after: datetime) -> Iterator[str]:
    """Say what the next gap and the next overlap of the clocks that concern a schedule do to it."""
    cron = schedule.cron
    if cron is None or (cron.is_elapsed and len(cron.hours) == 24):  # noqa: PLR2004
        # Whatever goes on in every hour goes on by elapsed time, as everybody expects.
        return
    seen = set[str]()
    for change in changes(timetable.zone, after):
        kind = "gap" if change.after > change.before else "overlap"
        if kind in seen:
            continue
        said = (
            _in_gap(timetable, schedule, change)
            if kind == "gap"
            else _twice(timetable, schedule, change, after)
        )
        if said is not None:
            seen.add(kind)
            yield said


def changes(zone: ZoneInfo, after: datetime, days: int = LOOKED_AHEAD_DAYS) -> Iterator[Change]:
    """Yield the changes of a zone's clocks within some days; two on one day that undo each other are not seen."""
    start = after.astimezone(UTC).replace(microsecond=0)
    for _ in range(days):
        end = start + timedelta(days=1)
        if _offset(zone, start) != _offset(zone, end):
            yield _change(zone, start, end)
        start = end


def _change(zone: ZoneInfo, early: datetime, late: datetime) -> Change:
    old, new = _offset(zone, early), _offset(zone, late)
    while late - early > _SECOND:
        middle = early + (late - early) // 2
        middle = middle.replace(microsecond=0)
        if _offset(zone, middle) == new:
            late = middle
        else:
            early = middle
    naive = late.replace(tzinfo=None)
    return Change(late, naive + old, naive + new)


def _in_gap(timetable: Timetable, schedule: Schedule, change: Change) -> str | None:
    assert schedule.cron is not None
    wall = schedule.cron.next_wall(change.before - _SECOND)
    if wall is None or wall >= change.after or not _is_within(timetable, change.at):
        return None
    place = (
        f"{clock(wall)} does not exist on {day_of(wall)} in {schedule.timezone}, where the clocks go from "
        f"{clock(change.before)} to {clock(change.after)}"
    )
    if schedule.cron.is_elapsed:
        is_excluded = any(exclusion.has(wall) for exclusion in timetable.exclusions)
        return None if is_excluded else f"{place}: nothing is run for it, since {_ELAPSED}"
    due = timetable.next_after(change.at - _MICROSECOND)
    if due is None or due.due_at != change.at or due.reason == "excluded":
        return None
    if schedule.dst.gap == "skip":
        return f"{place}: it is let pass (dst.gap: skip)"
    on = "" if change.after.date() == wall.date() else f" on {day_of(change.after)}"
    return f"{place}: it fires at {clock(change.after)}{on} instead (dst.gap: shift)"


def _twice(timetable: Timetable, schedule: Schedule, change: Change, after: datetime) -> str | None:
    assert schedule.cron is not None
    wall = schedule.cron.next_wall(change.after - _SECOND)
    if wall is None or wall >= change.before:
        return None
    first, second = (change.instant(wall, is_second=is_second) for is_second in (False, True))
    fires = [timetable.next_after(at - _MICROSECOND) == Instant(at) for at in (first, second)]
    if first <= after or not any(fires):
        return None
    words = "both times" if all(fires) else "the first time only" if fires[0] else "the second time only"
    why = f"since {_ELAPSED}" if schedule.cron.is_elapsed else f"dst.overlap: {schedule.dst.overlap}"
    return f"{clock(wall)} comes twice on {day_of(wall)} in {schedule.timezone}: it fires {words} ({why})"


def _is_within(timetable: Timetable, at: datetime) -> bool:
    starts_at, ends_at = timetable.timing.starts_at, timetable.timing.ends_at
    return (starts_at is None or at >= starts_at) and (ends_at is None or at <= ends_at)


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def clock(wall: datetime) -> str:
    """Say a wall time."""
    return f"{wall:%H:%M:%S}"


def day_of(wall: date) -> str:
    """Say a date, as `29 March 2027`."""
    return f"{wall.day} {MONTHS[wall.month]} {wall.year}"
