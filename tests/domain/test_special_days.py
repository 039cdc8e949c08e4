"""`L`, `W` and `#`: which days they name, against a calendar read day by day."""

from calendar import monthrange
from datetime import date, datetime, time, timedelta

import pytest

from orc_domain.cron import parse_cron

FIRST, LAST = date(2025, 1, 1), date(2029, 12, 31)
NINE = time(9, 30)


def named(day: date, of_month: str, of_week: str) -> bool:
    """Tell whether a day is one that both fields name; where neither begins with `*`, that either names."""
    length = monthrange(day.year, day.month)[1]
    by_number = any(is_numbered(day, item, length) for item in of_month.split(","))
    by_weekday = any(is_weekday(day, item, length) for item in of_week.split(","))
    is_either = of_month[0] not in "*?" and of_week[0] not in "*?"
    return by_number or by_weekday if is_either else by_number and by_weekday


def is_numbered(day: date, item: str, length: int) -> bool:
    if item == "L":
        return day.day == length
    if item.endswith("W"):
        return day == nearest_working_day(day.replace(day=min(int(item[:-1]), length)), length)
    return item in "*?" or (day.day - 1) % int(item[2:]) == 0 if item[0] in "*?" else day.day == int(item)


def nearest_working_day(day: date, length: int) -> date:
    """Return the weekday nearest to a day, within its month."""
    steps = {6: -1 if day.day > 1 else 2, 7: 1 if day.day < length else -2}
    return day + timedelta(days=steps.get(day.isoweekday(), 0))


def is_weekday(day: date, item: str, length: int) -> bool:
    weekday = day.isoweekday() % 7
    if item[0] in "*?":
        return item in "*?" or weekday % int(item[2:]) == 0
    if item[0] == "L":
        return weekday == int(item[1:]) % 7 and day.day > length - 7
    number, _, nth = item.partition("#")
    return weekday == int(number) % 7 and (not nth or (day.day - 1) // 7 + 1 == int(nth))


@pytest.mark.parametrize(
    ("of_month", "of_week"),
    [
        *(
            (of_month, of_week)
            for of_month in ("*", "?", "*/10")
            for of_week in ("5#2", "5#5", "L5", "L7,L1", "0#1,3#4")
        ),
        *((of_month, of_week) for of_month in ("1W", "15W", "31W", "L") for of_week in ("*", "?", "*/2")),
        ("L", "1"),
        ("L,15", "*"),
        ("L,15", "1,3"),
    ],
)
def test_days_by_another_name(of_month, of_week):
    """The last day, the nearest working day and the nth weekday are what a calendar shows."""
    cron = parse_cron(f"30 9 {of_month} * {of_week}")
    found, wall = [], cron.next_wall(datetime.combine(FIRST, time()))
    while wall.date() <= LAST:
        found.append(wall)
        wall = cron.next_wall(wall)
    days = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
    assert found == [datetime.combine(day, NINE) for day in days if named(day, of_month, of_week)]
    assert [day for day in days if cron.names(datetime.combine(day, NINE))] == [wall.date() for wall in found]
