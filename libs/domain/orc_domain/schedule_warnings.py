"""
What a person should know before he saves a schedule, in sentences: each is true of the instants themselves.

Looked at are the clock changes of the next 400 days and the instants that are listed; nothing is said of what can be
meant no other way.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from orc_domain.clock_warnings import clock, clock_warnings, day_of
from orc_domain.cron import Cron
from orc_domain.cron_words import DAYS, MONTHS, listed
from orc_domain.schedule import Schedule
from orc_domain.timetable import Instant, Timetable
from orc_domain.upcoming import Upcoming, upcoming

OFTEN_SECONDS = 10
ENDS_SOON_DAYS = 30
WARNINGS_MAX = 50
NAMED_MAX = 3
"""Instants that a sentence names."""

_LOOKED_AT = 20
_MONTH_DAYS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_LISTED_DAYS_MAX = 5
"""More days than these are a pattern, whose missing ones surprise nobody."""


def schedule_warnings(timetable: Timetable, after: datetime, found: Upcoming) -> tuple[str, ...]:
    """Return what should be known; `found` is what follows `after`."""
    if timetable.is_manual:
        return ()
    said = list[str]()
    for schedule in timetable.schedules:
        prefix = f"`{schedule.expression}`: " if len(timetable.schedules) > 1 else ""
        said.extend(prefix + sentence for sentence in _of_schedule(timetable, schedule, after))
    said.extend(_of_timetable(timetable, after, found))
    return tuple(dict.fromkeys(said))[:WARNINGS_MAX]


def _of_schedule(timetable: Timetable, schedule: Schedule, after: datetime) -> Iterator[str]:
    cron = schedule.cron
    assert cron is not None
    yield from _seconds_first(cron)
    yield from _day_or_weekday(cron)
    yield from _missing_days(cron)
    yield from clock_warnings(timetable, schedule, after)


def _seconds_first(cron: Cron) -> Iterator[str]:
    """Say so where the text would be a plausible one of five fields."""
    *five, last = cron.text.split(" ")
    if cron.fields == 6 and cron.seconds != (0,) and len(cron.hours) == 24 and last == "*":  # noqa: PLR2004
        yield (
            "with six fields the first is the second; if you meant minutes, write five fields: "
            f"`{' '.join(five)}`"
        )


def _day_or_weekday(cron: Cron) -> Iterator[str]:
    if not cron.is_day_or_weekday:
        return
    if cron.is_special or cron.days is None or cron.weekdays is None:
        yield "day of month and day of week are both given: a day that matches either one is enough"
        return
    weekdays = listed([DAYS[day] for day in sorted(cron.weekdays)])
    days = listed([str(day) for day in sorted(cron.days)])
    yield (
        "day of month and day of week are both given, and either one is enough: it fires on every "
        f"{weekdays}, and on day {days} of the month whatever weekday that is"
    )


def _missing_days(cron: Cron) -> Iterator[str]:
    """Name the months that lack a day which was asked for."""
    if cron.is_special or cron.days is None or cron.is_day_or_weekday:
        return
    if len(cron.days) > _LISTED_DAYS_MAX or cron.text.split(" ")[2 if cron.fields == 5 else 3][0] == "*":  # noqa: PLR2004
        return
    for day in sorted(day for day in cron.days if day > min(_MONTH_DAYS[1:])):
        months = [month for month in sorted(cron.months or range(1, 13)) if _MONTH_DAYS[month] < day]
        if not months:
            continue
        names = listed([MONTHS[month] for month in months])
        only_in = ", leap years apart" if day == 29 else ""  # noqa: PLR2004
        hint = "; `L` is the last day of every month" if cron.months is None else ""
        yield f"day {day} does not exist in {names}{only_in}: nothing is run for it there{hint}"


def _of_timetable(timetable: Timetable, after: datetime, found: Upcoming) -> Iterator[str]:
    yield from _often(timetable, after)
    yield from _excluded(timetable, found.passed)
    yield from _bounds(timetable, after, found)
    if timetable.timing.jitter_seconds:
        yield (
            f"each run is asked for up to {timetable.timing.jitter_seconds:g} s after its instant; how much later "
            "follows from the job and the instant, and is the same whenever it is worked out"
        )


def _often(timetable: Timetable, after: datetime) -> Iterator[str]:
    fires = upcoming(timetable, after, _LOOKED_AT).fires
    periods = [(later - earlier).total_seconds() for earlier, later in pairwise(fires)]
    if periods and min(periods) < OFTEN_SECONDS:
        period = min(periods)
        yield f"it fires as often as every {period:g} s, and each time is a run with events of its own"


def _excluded(timetable: Timetable, passed: tuple[Instant, ...]) -> Iterator[str]:
    excluded = [instant.due_at for instant in passed if instant.reason == "excluded"]
    named = list(dict.fromkeys(_exclusion(timetable, at) for at in excluded))
    if named:
        more = ["at other times"] if len(named) > NAMED_MAX else []
        yield f"excluded: nothing is run {listed([*named[:NAMED_MAX], *more])}"


def _exclusion(timetable: Timetable, at: datetime) -> str:
    """Say the days that exclude an instant, or the instant itself where a cron expression does."""
    day = at.astimezone(timetable.zone).date()
    for exclusion in timetable.exclusions:
        if exclusion.first <= day <= exclusion.last:
            first, last = day_of(exclusion.first), day_of(exclusion.last)
            return f"on {first}" if first == last else f"from {first} to {last}"
    return f"at {_moment(timetable, at)}"


def _bounds(timetable: Timetable, after: datetime, found: Upcoming) -> Iterator[str]:
    starts_at, ends_at = timetable.timing.starts_at, timetable.timing.ends_at
    if found.has_ended and not found.fires:
        yield f"it never fires after {_moment(timetable, after)}"
        return
    if starts_at is not None and starts_at > after:
        yield f"it does not fire before {_moment(timetable, starts_at)}"
    if found.has_ended:
        times = "once more" if len(found.fires) == 1 else f"{len(found.fires)} more times"
        yield f"it fires {times}, the last time at {_moment(timetable, found.fires[-1])}, and then never again"
    elif ends_at is not None and ends_at - after <= timedelta(days=ENDS_SOON_DAYS):
        yield f"it ends soon: nothing is due after {_moment(timetable, ends_at)}"


def _moment(timetable: Timetable, at: datetime) -> str:
    wall = at.astimezone(timetable.zone)
    return f"{clock(wall)} on {day_of(wall)}"
