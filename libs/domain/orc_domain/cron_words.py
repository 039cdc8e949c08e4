"""A cron expression in words, for whoever wonders whether he wrote what he meant."""

import re
from collections.abc import Sequence
from itertools import pairwise, product

from orc_domain.cron import Cron

DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    "", "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

_TIMES_LISTED_MAX = 6
_SPAN_MIN = 3
"""Neighbours from which on they are said as `9 to 17`."""
_MONDAY_FIRST = (1, 2, 3, 4, 5, 6, 0)
_ORDINALS = ("", "first", "second", "third", "fourth", "fifth")
_NTH = re.compile(r"(?P<day>[0-7]|sun|mon|tue|wed|thu|fri|sat)#(?P<nth>[1-5])")
_LAST = re.compile(r"l(?P<day>[0-7])")
_NEAREST = re.compile(r"(?:w(?P<after>\d{1,2})|(?P<before>\d{1,2})w)")


def describe_cron(cron: Cron) -> str:
    """Say when it fires, as `at 09:00:00 every day`."""
    parts = [_times(cron), _days(cron)]
    if cron.months is not None:
        numbers = sorted(cron.months)
        parts.append(_within([MONTHS[month] for month in numbers], numbers))
    if cron.years is not None:
        years = sorted(cron.years)
        parts.append(("of " if cron.months else "in ") + listed(_spans([str(year) for year in years], years)))
    return " ".join(part for part in parts if part)


def listed(words: Sequence[str]) -> str:
    """Join words as a sentence lists them."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + f" and {words[-1]}"


# time of day ------------------------------------------------------------------------------------------------------


def _times(cron: Cron) -> str:
    if _is_at_times(cron):
        times = product(cron.hours, cron.minutes, cron.seconds)
        return "at " + listed([f"{hour:02}:{minute:02}:{second:02}" for hour, minute, second in times])
    if cron.seconds == (0,):
        return _of_minutes(cron)
    inner = _every(cron.seconds, "second")
    if len(cron.minutes) < 60:  # noqa: PLR2004
        return f"{inner} of {_numbered(cron.minutes, 'minute')} of {_hours(cron)}"
    if not inner.startswith("every"):
        inner += " of every minute"
    last = f"{cron.hours[-1]:02}:59:{cron.seconds[-1]:02}"
    return inner + _between(cron, f"{cron.hours[0]:02}:00:{cron.seconds[0]:02}", last)


def _of_minutes(cron: Cron) -> str:
    """Say the times of an expression whose second is 0."""
    if len(cron.minutes) == 1:
        minute = cron.minutes[0]
        step = _step(cron.hours)
        if len(cron.hours) == 24:  # noqa: PLR2004
            return "every hour" if minute == 0 else f"at minute {minute} of every hour"
        if step is None:
            return f"at minute {minute} of {_hours(cron)}"
        every = "every hour" if step == 1 else f"every {step} hours"
        return f"{every} from {cron.hours[0]:02}:{minute:02} to {cron.hours[-1]:02}:{minute:02}"
    inner = _every(cron.minutes, "minute")
    if inner.startswith("every"):
        first = f"{cron.hours[0]:02}:{cron.minutes[0]:02}"
        return inner + _between(cron, first, f"{cron.hours[-1]:02}:{cron.minutes[-1]:02}")
    return f"{inner} of {_hours(cron)}"


def _between(cron: Cron, first: str, last: str) -> str:
    """Say which hours something goes on in."""
    if len(cron.hours) == 24:  # noqa: PLR2004
        return ""
    return f" from {first} to {last}" if _step(cron.hours) == 1 else f" of {_hours(cron)}"


def _hours(cron: Cron) -> str:
    return "every hour" if len(cron.hours) == 24 else _numbered(cron.hours, "hour")  # noqa: PLR2004


def _every(values: tuple[int, ...], unit: str) -> str:
    """Say `every 15 minutes` where that is the whole truth, else name the values."""
    if len(values) == 60:  # noqa: PLR2004
        return f"every {unit}"
    step = _step(values)
    if step is not None and values == tuple(range(0, 60, step)) and 60 % step == 0:
        return f"every {step} {unit}s"
    return f"at {_numbered(values, unit)}"


def _step(values: tuple[int, ...]) -> int | None:
    """Return the distance between values, None when it is not always the same."""
    steps = {later - earlier for earlier, later in pairwise(values)}
    return steps.pop() if len(steps) == 1 else None


def _numbered(values: tuple[int, ...], unit: str) -> str:
    spans = _spans([str(value) for value in values], values)
    return f"{unit}{'s' if len(values) > 1 else ''} {listed(spans)}"


def _is_at_times(cron: Cron) -> bool:
    return len(cron.hours) * len(cron.minutes) * len(cron.seconds) <= _TIMES_LISTED_MAX


# days -------------------------------------------------------------------------------------------------------------


def _days(cron: Cron) -> str:
    if cron.is_special:
        return _special(cron)
    days, weekdays = cron.days, cron.weekdays
    number = None
    if days is not None:
        number = f"{_numbered(tuple(sorted(days)), 'day')} of the month"
    if weekdays is None:
        # What goes on all day, every day, needs no word for it.
        is_plain = _is_at_times(cron) or len(cron.hours) < 24  # noqa: PLR2004
        return f"on {number}" if number else "every day" if is_plain else ""
    places = [place for place, day in enumerate(_MONDAY_FIRST) if day in weekdays]
    names = [DAYS[_MONDAY_FIRST[place]] for place in places]
    if number is None:
        return _within(names, places, "on")
    if cron.is_day_or_weekday:
        return f"on {number}, and on every {listed(_spans(names, places))}"
    return f"on {number}, if it is a {' or a '.join(names)}"


def _special(cron: Cron) -> str:
    """Say days with `L`, `W` or `#`."""
    fields = cron.text.split(" ")
    at = 2 if cron.fields == 5 else 3  # noqa: PLR2004
    day, weekday = fields[at], fields[at + 2]
    number = None if day in {"*", "?"} else [_special_day(item) for item in day.split(",")]
    names = None if weekday in {"*", "?"} else [_special_weekday(item) for item in weekday.split(",")]
    if None in (number or ()) or None in (names or ()) or (number and names):
        return f"on days '{day}' and weekdays '{weekday}'"
    words = [word for word in number or names or () if word]
    return f"on the {listed(words)} of the month"


def _special_day(item: str) -> str | None:
    if item == "l":
        return "last day"
    nearest = _NEAREST.fullmatch(item)
    return nearest and f"working day nearest to day {nearest['after'] or nearest['before']}"


def _special_weekday(item: str) -> str | None:
    if match := _NTH.fullmatch(item):
        return f"{_ORDINALS[int(match['nth'])]} {_weekday(match['day'])}"
    match = _LAST.fullmatch(item)
    return match and f"last {_weekday(match['day'])}"


def _weekday(name: str) -> str:
    return DAYS[int(name) % 7] if name.isdecimal() else next(day for day in DAYS if day.lower()[:3] == name)


def _within(names: list[str], places: Sequence[int], word: str = "in") -> str:
    spans = _spans(names, places)
    is_span = len(spans) == 1 and len(names) > 1
    return f"{'from' if is_span else word} {listed(spans)}"


def _spans(names: Sequence[str], places: Sequence[int]) -> list[str]:
    """Write neighbours, three and more, as `9 to 17`."""
    spans: list[str] = []
    start = 0
    for end in range(1, len(places) + 1):
        if end < len(places) and places[end] == places[end - 1] + 1:
            continue
        run = names[start:end]
        spans.extend([f"{run[0]} to {run[-1]}"] if len(run) >= _SPAN_MIN else run)
        start = end
    return spans
