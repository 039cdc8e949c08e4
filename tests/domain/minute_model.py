"""
When cron is due, found by looking at the clock on the wall: a second opinion that shares no code with the product.

    walk     ask the zone, in real time, what its clock shows; minutes in a row of one offset are a stretch
    shown    a wall minute is shown by each stretch that has a UTC minute for it: by none, by one or by two
    due      fixed times by the dst policy and how often they are shown; elapsed time whenever they are shown

No croniter, nothing of orc_domain, no search for changes of the clocks: what is left out and what comes twice follows
from the walk alone. Times are whole seconds or minutes since 1970, of UTC or of the wall.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

_DAY = 24 * 60
_EPOCH = date(1970, 1, 1)
_RANGES = {"second": (0, 59), "minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12),
           "weekday": (0, 7), "year": (1970, 2099)}  # fmt: skip
_FIELDS = {
    5: ("minute", "hour", "day", "month", "weekday"),
    6: ("second", "minute", "hour", "day", "month", "weekday"),
    7: ("second", "minute", "hour", "day", "month", "weekday", "year"),
}
_WORDS = {
    "month": ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    "weekday": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}


class Stretch(NamedTuple):
    """UTC minutes in a row, the end excluded, in which the clock is `offset` minutes ahead of UTC."""

    start: int
    end: int
    offset: int


class Due(NamedTuple):
    """A due instant in seconds since 1970, and whether it stands only for times that no clock showed."""

    at: int
    is_left_out: bool


class Fields(NamedTuple):
    """The numbers that each field names, and the two rules that hang on a leading `*`."""

    named: dict[str, set[int]]
    day_or_weekday: bool
    elapsed: bool


@cache
def zone(name: str) -> ZoneInfo:
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=name)


def offset_at(name: str, minute: int) -> int:
    """Return how many minutes the clock is ahead of UTC."""
    ahead = datetime.fromtimestamp(minute * 60, zone(name)).utcoffset()
    assert ahead is not None
    assert ahead % timedelta(minutes=1) == timedelta(0), "the model knows whole minutes only"
    return ahead // timedelta(minutes=1)


@cache
def walk(name: str, first_year: int, last_year: int) -> tuple[Stretch, ...]:
    """Walk through whole years, hour by hour, and minute by minute where the hour ends otherwise than it began."""
    start, end = (
        int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) // 60 for year in (first_year, last_year + 1)
    )
    stretches, since, offset = [], start, offset_at(name, start)
    for hour in range(start, end, 60):
        if offset_at(name, hour + 60) == offset:
            continue
        for minute in range(hour, hour + 61):
            if (now := offset_at(name, minute)) != offset:
                stretches.append(Stretch(since, minute, offset))
                since, offset = minute, now
    return (*stretches, Stretch(since, end, offset))


def changes(stretches: tuple[Stretch, ...]) -> list[int]:
    """Return the first UTC minute of each new offset."""
    return [stretch.start for stretch in stretches[1:]]


@cache
def read(expression: str) -> Fields:
    """Read 5 fields (minute first), 6 or 7 (second first): `*`, numbers, names, ranges, steps and lists of them."""
    texts = expression.lower().split()
    given = dict(zip(_FIELDS[len(texts)], texts, strict=True))
    named = {field: _numbers(field, given.get(field, "0" if field == "second" else "*")) for field in _RANGES}
    return Fields(
        named=named | {"weekday": {number % 7 for number in named["weekday"]}},
        day_or_weekday=not given["day"].startswith("*") and not given["weekday"].startswith("*"),
        elapsed=given["minute"].startswith("*") or given["hour"].startswith("*"),
    )


def _numbers(field: str, text: str) -> set[int]:
    low, high = _RANGES[field]
    numbers = set[int]()
    for item in text.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        if first == "*":
            begin, end = low, 6 if field == "weekday" else high
        else:
            begin = _number(field, first)
            end = _number(field, last) if last else high if step else begin
        numbers.update(range(begin, end + 1, int(step or 1)))
    return numbers


def _number(field: str, text: str) -> int:
    words = _WORDS.get(field, [])
    return words.index(text) + (field == "month") if text in words else int(text)


def _is_named(fields: Fields, day: date) -> bool:
    named = fields.named
    if day.year not in named["year"] or day.month not in named["month"]:
        return False
    by_number, by_weekday = day.day in named["day"], day.isoweekday() % 7 in named["weekday"]
    return by_number or by_weekday if fields.day_or_weekday else by_number and by_weekday


def _named_minutes(fields: Fields, day: date) -> Iterator[int]:
    """Yield the wall minutes of a day that the fields name."""
    midnight = (day - _EPOCH).days * _DAY
    for hour in sorted(fields.named["hour"]):
        for minute in sorted(fields.named["minute"]):
            yield midnight + hour * 60 + minute


def due(
    expression: str, name: str, since: int, until: int, *, gap: str, overlap: str, years: tuple[int, int]
) -> list[Due]:
    """Return what is due from `since` on and before `until`, both in UTC seconds, within the years walked."""
    fields, stretches = read(expression), walk(name, *years)
    starts = [stretch.start for stretch in stretches]
    found = dict[int, bool]()
    day, last = (_EPOCH + timedelta(seconds=at, days=days) for at, days in ((since, -3), (until, 3)))
    while day <= last:
        if _is_named(fields, day):
            # Whatever shows a minute of this day is at most a day and an hour away from it in UTC.
            middle = (day - _EPOCH).days * _DAY + _DAY // 2
            near = stretches[
                max(0, bisect_right(starts, middle - 2 * _DAY) - 1) : bisect_right(starts, middle + 2 * _DAY)
            ]
            for wall in _named_minutes(fields, day):
                for instant, is_left_out in _instants(wall, near, fields, gap, overlap):
                    # A time that a clock shows makes the instant a due one, whatever else falls on it.
                    found[instant] = found.get(instant, True) and is_left_out
        day += timedelta(days=1)
    return [Due(at, found[at]) for at in sorted(found) if since <= at < until]


def _instants(
    wall: int, near: tuple[Stretch, ...], fields: Fields, gap: str, overlap: str
) -> Iterator[tuple[int, bool]]:
    """Yield the seconds that are due for a wall minute."""
    shown = [wall - offset for start, end, offset in near if start <= wall - offset < end]
    if not shown:
        if not fields.elapsed:
            for change in _jumps_over(wall, near):
                yield change * 60, gap == "skip"
        return
    if not fields.elapsed and overlap != "both":
        shown = [shown[0] if overlap == "first" else shown[-1]]
    for minute in shown:
        for second in sorted(fields.named["second"]):
            yield minute * 60 + second, False


def _jumps_over(wall: int, near: tuple[Stretch, ...]) -> list[int]:
    """Return the UTC minute at which the clock went from before `wall` to after it."""
    return [
        after.start
        for before, after in pairwise(near)
        if before.end + before.offset <= wall < after.start + after.offset
    ]
