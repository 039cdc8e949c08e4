"""
A cron expression as sets of numbers, and the next wall time it names.

croniter reads and judges the text. Times are then stepped here, in microseconds instead of croniter's half millisecond;
of `L`, `W` and `#` croniter says which days of a month they are, once for each month. A test holds the two against each
other. Wall times are naive: what a zone makes of them is `schedule.py`'s.
"""

import re
from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from typing import Literal

from croniter import CroniterBadDateError, CroniterError, croniter
from msgspec import Struct

from orc_domain.rejection import Invalid

EXPRESSION_CHARACTERS_MAX = 128
YEAR_MIN, YEAR_MAX = 1970, 2099
VALID = (
    "5 fields (minute first), 6 (second first), 7 (second first, year last), @hourly, @daily, @weekly, @monthly, "
    "@yearly or @manual"
)

_MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY, _SECOND, _YEAR = range(7)
_NAMES = ("minute", "hour", "day of month", "month", "day of week", "second", "year")
_COUNTS = (60, 24, 31, 12, 7, 60, YEAR_MAX - YEAR_MIN + 1)
_ORDERS = {
    5: (_MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY),
    6: (_SECOND, _MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY),
    7: (_SECOND, _MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY, _YEAR),
}
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_HASHED = re.compile(r"^[hr]($|[(/])")
_ITEM = re.compile(r"^(?P<low>[a-z0-9*]+)(-(?P<high>[a-z0-9]+))?(/(?P<step>[0-9]+))?$")
_MONTHS_CACHED = 20_000
_WORDS = re.compile(r"[\x21-\x7e]+( [\x21-\x7e]+)*")


class Cron(Struct, frozen=True, kw_only=True):
    """Which wall times an expression names; weekdays count from Sunday, 0."""

    text: str
    """The expression in lower case, its fields divided by one space."""
    fields: Literal[5, 6, 7]
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int] | None
    """None: any."""
    months: frozenset[int] | None
    weekdays: frozenset[int] | None
    years: frozenset[int] | None
    is_day_or_weekday: bool
    """Whether a day matches by its number or its weekday, as crontab(5) has it when both are given without a `*`."""
    is_elapsed: bool
    """Whether minute or hour begin with `*`: such a schedule goes by elapsed time where the clocks change."""
    is_special: bool
    """Whether its days are those of `L`, `W` or `#`, which croniter knows."""

    def next_wall(self, after: datetime) -> datetime | None:
        """Return the first wall time named strictly after the naive `after`; None when there is no further one."""
        if after.year > YEAR_MAX:
            return None
        start = after.replace(microsecond=0) + timedelta(seconds=1)
        day = self._next_day(start.date())
        if day == start.date():
            if (time := self._next_time(start.hour, start.minute, start.second)) is not None:
                return datetime(day.year, day.month, day.day, *time)  # noqa: DTZ001  # a wall time
            day = self._next_day(start.date() + timedelta(days=1))
        if day is None:
            return None
        first = self.hours[0], self.minutes[0], self.seconds[0]
        return datetime(day.year, day.month, day.day, *first)  # noqa: DTZ001  # a wall time

    def names(self, wall: datetime) -> bool:
        """Whether the naive `wall` is a time that it names."""
        return (
            wall.microsecond == 0
            and wall.hour in self.hours
            and wall.minute in self.minutes
            and wall.second in self.seconds
            and wall.year <= YEAR_MAX
            and (self.years is None or wall.year in self.years)
            and (self.months is None or wall.month in self.months)
            and self._has_day(wall.year, wall.month, wall.day, (wall.weekday() + 1) % 7)
        )

    def next_by_croniter(self, after: datetime) -> datetime | None:
        """Return the same as `next_wall` by croniter's stepping, for the tests."""
        steps = croniter(self.text, after, datetime, implement_cron_bug=True, second_at_beginning=True)
        try:
            following = steps.get_next(datetime)
        except CroniterBadDateError:
            return None
        assert isinstance(following, datetime)
        return following if following.year <= YEAR_MAX else None

    def _next_time(self, hour: int, minute: int, second: int) -> tuple[int, int, int] | None:
        """Return the first time of a day at or after the given one."""
        if hour in self.hours:
            if minute in self.minutes and (place := bisect_left(self.seconds, second)) < len(self.seconds):
                return hour, minute, self.seconds[place]
            if (place := bisect_left(self.minutes, minute + 1)) < len(self.minutes):
                return hour, self.minutes[place], self.seconds[0]
        if (place := bisect_left(self.hours, hour + 1)) < len(self.hours):
            return self.hours[place], self.minutes[0], self.seconds[0]
        return None

    def _next_day(self, start: date) -> date | None:
        """Return the first matching day at or after `start`."""
        year, month, first = start.year, start.month, start.day
        while year <= YEAR_MAX:
            if (self.years is None or year in self.years) and (self.months is None or month in self.months):
                weekday_of_first, last = monthrange(year, month)
                for day in range(first, last + 1):
                    if self._has_day(year, month, day, (weekday_of_first + day) % 7):
                        return date(year, month, day)
            year, month, first = (year, month + 1, 1) if month < 12 else (year + 1, 1, 1)  # noqa: PLR2004
        return None

    def _has_day(self, year: int, month: int, day: int, weekday: int) -> bool:
        if self.is_special:
            return day in _special_days(self.day_fields, year, month)
        in_days = self.days is None or day in self.days
        in_weekdays = self.weekdays is None or weekday in self.weekdays
        return in_days or in_weekdays if self.is_day_or_weekday else in_days and in_weekdays

    @property
    def day_fields(self) -> tuple[str, str]:
        """The text of day of month and of day of week."""
        parts, order = self.text.split(" "), _ORDERS[self.fields]
        return parts[order.index(_DAY)], parts[order.index(_WEEKDAY)]


@lru_cache(maxsize=_MONTHS_CACHED)
def _special_days(fields: tuple[str, str], year: int, month: int) -> frozenset[int]:
    """Return the days of a month that a day of month and a day of week name together, by croniter."""
    steps = _days_after(fields, datetime(year, month, 1) - timedelta(minutes=1))  # noqa: DTZ001  # a wall time
    return frozenset(day.day for day in takewhile(lambda day: (day.year, day.month) == (year, month), steps))


def _days_after(fields: tuple[str, str], wall: datetime) -> Iterator[datetime]:
    """Yield the days that a day of month and a day of week name together, by croniter, which knows `L`, `W` and `#`."""
    steps = croniter(f"0 0 {fields[0]} * {fields[1]}", wall, datetime, implement_cron_bug=True)
    # It raises where none follows within fifty years.
    with suppress(CroniterBadDateError):
        while True:
            yield steps.get_next(datetime)


def parse_cron(expression: str) -> Cron:
    """Read an expression of 5, 6 or 7 fields; raises Invalid for field `schedule`."""
    text = " ".join(expression.lower().split())
    if not _WORDS.fullmatch(text):
        raise _refusal("the expression is empty or holds a character that no expression holds")
    parts = text.split(" ")
    if len(parts) not in _ORDERS:
        raise _refusal(f"the expression has {len(parts)} field{'s' if len(parts) > 1 else ''}")
    given = dict(zip(_ORDERS[len(parts)], parts, strict=True))
    for field, part in given.items():
        for item in part.split(","):
            _check_item(field, item)
    try:
        expanded, nth = croniter.expand(text, second_at_beginning=True, strict=True)
    except (CroniterError, ValueError, KeyError, IndexError) as error:
        raise _refusal(_sentence(error)) from error
    day_and_weekday = given[_DAY][0] in "*?" or given[_WEEKDAY][0] in "*?"
    if not day_and_weekday and (nth or "w" in given[_DAY]):
        # croniter forgets the other field there.
        raise _refusal(
            f"day of month {given[_DAY]!r}, day of week {given[_WEEKDAY]!r}: beside W, # or a last weekday stands '*'"
        )
    cron = Cron(
        text=text,
        fields=len(parts),  # type: ignore[arg-type]  # one of the keys of _ORDERS
        seconds=_numbers(expanded[_SECOND], range(60)) if _SECOND in given else (0,),
        minutes=_numbers(expanded[_MINUTE], range(60)),
        hours=_numbers(expanded[_HOUR], range(24)),
        days=_set(expanded[_DAY]),
        months=_set(expanded[_MONTH]),
        weekdays=_set(expanded[_WEEKDAY]),
        years=_set(expanded[_YEAR]) if _YEAR in given else None,
        is_day_or_weekday=not day_and_weekday,
        is_elapsed=given[_MINUTE][0] == "*" or given[_HOUR][0] == "*",
        is_special=bool(nth) or "l" in expanded[_DAY] or "w" in given[_DAY],
    )
    start = datetime(YEAR_MIN, 1, 1)  # noqa: DTZ001  # a wall time
    # A `W` that is to be a Sunday: found to be none in one search, not in one for each month.
    has_days = not cron.is_special or any(_days_after(cron.day_fields, start))
    if not has_days or cron.next_wall(start) is None:
        raise _refusal("the schedule never fires")
    return cron


def _check_item(field: int, item: str) -> None:
    """Refuse what croniter would take and a reader would not mean."""
    about = f"{_NAMES[field]} {item!r}"
    if _HASHED.match(item):
        raise _refusal(f"{about}: hashed and random forms name no time one can know before")
    match = _ITEM.match(item)
    if match is None:
        return
    low, high, step = match["low"], match["high"], match["step"]
    if field in {_DAY, _MONTH} and 0 in {_number(field, low), _number(field, high)}:
        raise _refusal(f"{about}: counts from 1")
    if high is not None and _is_one_value(field, _number(field, low), _number(field, high)):
        raise _refusal(f"{about}: a range from a value to itself; write the value alone")
    if step is not None and not 0 < int(step) <= _COUNTS[field]:
        raise _refusal(f"{about}: a step is 1 to {_COUNTS[field]} here")


def _is_one_value(field: int, low: int | None, high: int | None) -> bool:
    if low is None or high is None:
        return False
    if field == _WEEKDAY:
        return low % 7 == high % 7 and not low < high
    return low == high


def _number(field: int, value: str | None) -> int | None:
    if value is None:
        return None
    names = _WEEKDAYS if field == _WEEKDAY else _MONTHS if field == _MONTH else ()
    if value in names:
        return names.index(value)
    return int(value) if value.isdecimal() else None


def _numbers(expanded: list[int | str], everything: range) -> tuple[int, ...]:
    return tuple(everything) if expanded == ["*"] else tuple(sorted(int(value) for value in expanded))


def _set(expanded: list[int | str]) -> frozenset[int] | None:
    if expanded == ["*"]:
        return None
    return frozenset(value for value in expanded if isinstance(value, int))


def _sentence(error: Exception) -> str:
    """Say croniter's reason in one line, without the trace it puts into some."""
    line = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
    return f"it cannot be read: {line[:200]}"


def _refusal(reason: str) -> Invalid:
    return Invalid("schedule", reason, valid=VALID)
