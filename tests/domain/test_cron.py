"""Cron expressions: what is read, what is refused, and three implementations that agree on what follows."""

from datetime import datetime, timedelta

import msgspec
import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from orc_domain import cron
from orc_domain.cron import VALID, parse_cron
from orc_domain.cron_words import describe_cron
from orc_domain.rejection import Invalid

START = datetime.fromisoformat("2026-10-24 22:30:00")
EARLY, LATE = datetime.fromisoformat("1995-01-01"), datetime.fromisoformat("2050-01-01")


def following(expression: str, count: int = 3, after: datetime = START) -> list[str]:
    cron, walls, wall = parse_cron(expression), [], after
    for _ in range(count):
        wall = cron.next_wall(wall)
        if wall is None:
            break
        walls.append(wall.isoformat(" "))
    return walls


def refused(expression: str) -> tuple[str | None, str, str | None]:
    with pytest.raises(Invalid) as caught:
        parse_cron(expression)
    return caught.value.field, caught.value.detail, caught.value.valid


@pytest.mark.parametrize(
    ("expression", "walls"),
    [
        ("30 9 * * *", ["2026-10-25 09:30:00", "2026-10-26 09:30:00", "2026-10-27 09:30:00"]),
        ("0 0 9 * * *", ["2026-10-25 09:00:00", "2026-10-26 09:00:00", "2026-10-27 09:00:00"]),
        ("15 30 9 1 1 * 2030-2031", ["2030-01-01 09:30:15", "2031-01-01 09:30:15"]),
        ("* * * * * *", ["2026-10-24 22:30:01", "2026-10-24 22:30:02", "2026-10-24 22:30:03"]),
        ("*/20 * * * *", ["2026-10-24 22:40:00", "2026-10-24 23:00:00", "2026-10-24 23:20:00"]),
        ("0 12 * * 0", ["2026-10-25 12:00:00", "2026-11-01 12:00:00", "2026-11-08 12:00:00"]),
        ("0 12 * * 7", ["2026-10-25 12:00:00", "2026-11-01 12:00:00", "2026-11-08 12:00:00"]),
        ("0 12 * * 1", ["2026-10-26 12:00:00", "2026-11-02 12:00:00", "2026-11-09 12:00:00"]),
        ("0 12 * * fri-sun", ["2026-10-25 12:00:00", "2026-10-30 12:00:00", "2026-10-31 12:00:00"]),
        ("0 12 * FEB sat", ["2027-02-06 12:00:00", "2027-02-13 12:00:00", "2027-02-20 12:00:00"]),
        ("0 0 29 2 *", ["2028-02-29 00:00:00", "2032-02-29 00:00:00", "2036-02-29 00:00:00"]),
        ("0 0 29 2 1", ["2027-02-01 00:00:00", "2027-02-08 00:00:00", "2027-02-15 00:00:00"]),
        ("0 0 */10 * 1", ["2026-12-21 00:00:00", "2027-01-11 00:00:00", "2027-02-01 00:00:00"]),
        ("0 22-1 * * *", ["2026-10-24 23:00:00", "2026-10-25 00:00:00", "2026-10-25 01:00:00"]),
        ("0 0 l * *", ["2026-10-31 00:00:00", "2026-11-30 00:00:00", "2026-12-31 00:00:00"]),
        ("0 0 15w * *", ["2026-11-16 00:00:00", "2026-12-15 00:00:00", "2027-01-15 00:00:00"]),
        ("0 0 * * fri#2", ["2026-11-13 00:00:00", "2026-12-11 00:00:00", "2027-01-08 00:00:00"]),
        ("0 0 * * l5", ["2026-10-30 00:00:00", "2026-11-27 00:00:00", "2026-12-25 00:00:00"]),
    ],
)
def test_following_walls(expression, walls):
    """Each dialect names the wall times its fields say, strictly after the start."""
    assert following(expression) == walls


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("", "the expression is empty or holds a character that no expression holds"),
        ("0 0 * *\x00 *", "the expression is empty or holds a character that no expression holds"),
        ("* * * *", "the expression has 4 fields"),
        ("* * * * * * * *", "the expression has 8 fields"),
        ("*/61 * * * *", "minute '*/61': a step is 1 to 60 here"),
        ("0 */25 * * *", "hour '*/25': a step is 1 to 24 here"),
        ("*/0 * * * *", "minute '*/0': a step is 1 to 60 here"),
        ("h * * * *", "minute 'h': hashed and random forms name no time one can know before"),
        ("0 R(1-5) * * *", "hour 'r(1-5)': hashed and random forms name no time one can know before"),
        ("0 0 0 * *", "day of month '0': counts from 1"),
        ("0 0 1 0-3 *", "month '0-3': counts from 1"),
        ("5-5 * * * *", "minute '5-5': a range from a value to itself; write the value alone"),
        ("0 0 * * 7-0", "day of week '7-0': a range from a value to itself; write the value alone"),
        ("60 * * * *", "it cannot be read: [60 * * * *] is not acceptable, out of range"),
        (
            "0 0 31 2 *",
            "it cannot be read: [0 0 31 2 *] is not acceptable. Day(s) [31] can never occur in month(s) [2]",
        ),
        ("0 0 0 */31 1 tue 2026", "the schedule never fires"),
        (
            "0 0 13 * fri#2",
            "day of month '13', day of week 'fri#2': beside W, # or a last weekday stands '*'",
        ),
        (
            "0 0 15W * 1",
            "day of month '15w', day of week '1': beside W, # or a last weekday stands '*'",
        ),
    ],
)
def test_refused(expression, reason):
    """What cannot be meant is refused with the reason and the dialects that exist."""
    assert refused(expression) == ("schedule", reason, VALID)


@settings(deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="0123456789*/-,?lwhr# monfeb", max_size=40))
def test_any_text(text):
    """Any text is either read or refused by name, and what was read goes on for as long as it fires."""
    try:
        cron = parse_cron(text)
    except Invalid:
        return
    wall = cron.next_wall(START)
    assert wall is None or wall > START
    assert describe_cron(cron)


def numbers(low: int, high: int) -> st.SearchStrategy[str]:
    """Give fields that all three implementations read alike."""
    one = st.integers(low, high).map(str)
    span = st.tuples(st.integers(low, high), st.integers(low, high)).filter(lambda pair: pair[0] < pair[1])
    ranges = span.map(lambda pair: f"{pair[0]}-{pair[1]}")
    steps = st.tuples(ranges, st.integers(1, high - low)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    stars = st.integers(1, high - low).map(lambda step: f"*/{step}")
    listed = st.lists(one | ranges | steps, min_size=1, max_size=3).map(",".join)
    return st.just("*") | stars | listed


FIVE = st.tuples(numbers(0, 59), numbers(0, 23), numbers(1, 28), numbers(1, 12), numbers(0, 6)).map(" ".join)
SIX = st.tuples(numbers(0, 59), FIVE).map(" ".join)
WALLS = st.datetimes(EARLY, LATE).map(lambda wall: wall.replace(microsecond=0))


@settings(deadline=None)
@given(FIVE | SIX, WALLS)
def test_agrees_with_cronsim(expression, after):
    """Stepping here gives what cronsim, an independent implementation, gives."""
    expected = [
        next_of.isoformat(" ") for next_of, _ in zip(CronSim(expression, after), range(5), strict=False)
    ]
    assert following(expression, 5, after) == expected


@settings(deadline=None)
@given(FIVE | SIX, WALLS)
def test_agrees_with_croniter(expression, after):
    """Stepping here gives what croniter, who reads the text, would step to."""
    cron = parse_cron(expression)
    assert cron.next_wall(after) == cron.next_by_croniter(after)


SPECIAL_DAYS = st.sampled_from(
    (
        "l *",
        "1-20,l *",
        "15w *",
        "31w *",
        "lw *",
        "* l5",
        "* mon#1",
        "* 6#5",
        "* sun,mon#2",
        "*/2 fri#5",
        "*/7 sun#1",
    )
)
TIMES = st.tuples(numbers(0, 59), numbers(0, 23)).map(" ".join)


@settings(deadline=None)
@given(st.tuples(TIMES, SPECIAL_DAYS, numbers(1, 12)), WALLS)
def test_special_days_are_croniters(parts, after):
    """The days of `L`, `W` and `#` are those that croniter steps to."""
    time, (day, weekday), month = parts[0], parts[1].split(" "), parts[2]
    try:
        cron = parse_cron(f"{time} {day} {month} {weekday}")
    except Invalid:
        # Few months have such a day, and these have none.
        return
    assert cron.is_special
    assert cron.next_wall(after) == cron.next_by_croniter(after)


def test_special_days_are_asked_for_once(monkeypatch):
    """croniter, who takes long, is asked once for the days of a month, however many times of it are judged."""
    asked = []
    monkeypatch.setattr(cron, "_days_after", lambda *about: asked.append(about) or iter(()))
    sundays = msgspec.structs.replace(parse_cron("0 3 * * 0"), text="0 3 * * sun#4", is_special=True)
    for minute in range(100):
        assert not sundays.names(datetime.fromisoformat("2091-03-04 03:00") + timedelta(minutes=minute))
    sundays.names(datetime.fromisoformat("2091-03-05 03:00"))
    assert asked == [(("*", "sun#4"), datetime.fromisoformat("2091-02-28 23:59"))]


@settings(deadline=None)
@given(FIVE | SIX | SIX.map("{} 2000-2060/2".format), WALLS)
def test_names_what_it_steps_to(expression, after):
    """The wall times that an expression names are those it steps to, to the second, and no others of their day or year."""
    cron = parse_cron(expression)
    wall = cron.next_wall(after)
    if wall is None:
        return
    assert cron.names(wall)
    near = [
        wall + timedelta(**{unit: n}) for unit in ("seconds", "minutes", "hours", "days") for n in (-1, 1, 3)
    ]
    for other in [*near, *(wall.replace(month=month, day=1) for month in range(1, 13))]:
        assert cron.names(other) == (cron.next_wall(other - timedelta(seconds=1)) == other)
    assert not cron.names(wall.replace(microsecond=1))
    assert not cron.names(wall.replace(year=2100, day=min(wall.day, 28)))


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 0 9 * * *", "at 09:00:00 every day"),
        ("0 9,17 * * *", "at 09:00:00 and 17:00:00 every day"),
        ("* * * * * *", "every second"),
        ("*/10 * * * * *", "every 10 seconds"),
        ("* * * * *", "every minute"),
        ("*/15 * * * *", "every 15 minutes"),
        ("0 9-17 * * 1-5", "every hour from 09:00 to 17:00 from Monday to Friday"),
        ("0 0 1 1,7 *", "at 00:00:00 on day 1 of the month in January and July"),
        ("0 0 13 * 5", "at 00:00:00 on day 13 of the month, and on every Friday"),
        ("0 0 */10 * 1", "at 00:00:00 on days 1, 11, 21 and 31 of the month, if it is a Monday"),
        ("0 0 0 1 1 * 2030", "at 00:00:00 on day 1 of the month in January of 2030"),
        ("0 0 l * *", "at 00:00:00 on the last day of the month"),
        ("0 0 * * fri#2", "at 00:00:00 on the second Friday of the month"),
        ("0 0 * * L5", "at 00:00:00 on the last Friday of the month"),
        ("0 0 15w * *", "at 00:00:00 on the working day nearest to day 15 of the month"),
        ("0 0 l,15 * *", "at 00:00:00 on days 'l,15' and weekdays '*'"),
        ("0 * * * *", "every hour"),
        ("30 * * * *", "at minute 30 of every hour"),
        ("*/7 * * * *", "at minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 of every hour"),
        ("30 */2 * * *", "every 2 hours from 00:30 to 22:30 every day"),
        ("*/15 9-17 * * fri-sun", "every 15 minutes from 09:00 to 17:45 from Friday to Sunday"),
        ("*/15 8,10,12 * * *", "every 15 minutes of hours 8, 10 and 12 every day"),
        ("*/10 * 9-17 * * *", "every 10 seconds from 09:00:00 to 17:59:50 every day"),
        ("30 * * * * *", "at second 30 of every minute"),
        ("15 10 * * * *", "at second 15 of minute 10 of every hour"),
        ("0 0 * 6-8 1,3-5", "at 00:00:00 on Monday and Wednesday to Friday from June to August"),
        ("0 0 0 * * * 2030-2035", "at 00:00:00 every day in 2030 to 2035"),
    ],
)
def test_in_words(expression, words):
    """A schedule is echoed in words that a person can check."""
    assert describe_cron(parse_cron(expression)) == words
