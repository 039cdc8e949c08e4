"""What is due over eleven years of eight zones is what a clock on the wall, looked at minute by minute, says."""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise, product
from random import Random

import pytest
from domain.minute_model import Due, changes, due, offset_at, read, walk
from hypothesis import given, settings
from hypothesis import strategies as st

from orc_domain.policies import Dst
from orc_domain.schedule import parse_schedule

YEARS = (2020, 2030)
SAMOA_YEARS = (2011, 2012)
"""Samoa left out 30 December 2011."""
WALKS = [
    ("America/New_York", YEARS),
    ("Europe/Paris", YEARS),
    ("Europe/London", YEARS),
    ("Australia/Lord_Howe", YEARS),
    ("Pacific/Apia", YEARS),
    ("Pacific/Apia", SAMOA_YEARS),
    ("Africa/Cairo", YEARS),
    ("America/Santiago", YEARS),
    ("UTC", YEARS),
]
POLICIES = list(product(("shift", "skip"), ("first", "last", "both")))
SPARSE = [
    "30 2 * * *",
    "45 23,0 * * 6,0",
    "30 1 1,15,28-31 * 0",
    "0 2 */2 * sun",
    "15 3 * mar,oct,nov 1-5/2",
    "10 30 2 * * *",
    "0,59 59 0,1,2,23 * * 0",
    "0 0 1-7,22-31 * *",
    "0 30 2 * 3,10 * 2024-2026",
]
SPARSE_ELAPSED = ["30 */12 * * *", "*/40 2 * * 6,0", "15 10 */8 1-10 * 0"]
DENSE = [
    "15,45 0-4 * * *",
    "1-59/7 22,23,0,1,2,3 * * *",
    "0 0-23 * * *",
    "0-59/10 1-2 * * *",
    "*/20 30,59 0-3,23 * * *",
    "10-50 30 2 * * *",
    "5 0 0,2,3 * * *",
    "0 3 29,30 * 0",
    "30 0,1,2 8-14 * 0",
]
DENSE_ELAPSED = [
    "* * * * *",
    "*/15 * * * *",
    "0 * * * *",
    "20 */2 * * *",
    "*/30 */10 1-3 * * *",
    "* 0,2 * * 0",
]
NEAR_SECONDS = 4 * 3600
LONG_SECONDS = 100 * 86_400


@cache
def modelled(
    expression: str, name: str, years: tuple[int, int], *, gap: str, overlap: str, at: int
) -> list[Due]:
    """Return what the model has around an instant, with room for stepping on from there."""
    since, until = at - NEAR_SECONDS, at + 7 * NEAR_SECONDS
    return due(expression, name, since, until, gap=gap, overlap=overlap, years=years)


def stepped(expression: str, name: str, since: int, until: int, *, gap: str, overlap: str) -> list[Due]:
    """Return what stepping from one instant to the next gives."""
    schedule = parse_schedule(expression, name, Dst(gap=gap, overlap=overlap))
    found, instant = [], utc(since) - timedelta(microseconds=1)
    while (following := schedule.next_due(instant)) is not None and following.at < utc(until):
        instant = following.at
        found.append(Due(seconds(instant), following.is_left_out))
    return found


def utc(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def seconds(instant: datetime) -> int:
    assert instant.microsecond == 0
    return int(instant.timestamp())


def whole(years: tuple[int, int]) -> tuple[int, int]:
    """Return the years less the days at both ends that the walk does not surround."""
    first, last = years
    return seconds(datetime(first, 1, 3, tzinfo=UTC)), seconds(datetime(last, 12, 29, tzinfo=UTC))


@pytest.mark.parametrize(("name", "years"), WALKS)
def test_the_walk_is_the_zones_clock(name, years):
    """The walk's stretches are what the zone says of every single minute within a day of each change."""
    stretches = walk(name, *years)
    for before, after in pairwise(stretches):
        said = [offset_at(name, minute) for minute in range(after.start - 1440, after.start + 1440)]
        assert said == [before.offset] * 1440 + [after.offset] * 1440


def test_the_walks_find_the_known_changes():
    """Each zone's walk has as many changes as its governments made, among them a day that Samoa left out."""
    found = {(name, years[0]): len(changes(walk(name, *years))) for name, years in WALKS}
    assert found == {
        ("America/New_York", 2020): 22,
        ("Europe/Paris", 2020): 22,
        ("Europe/London", 2020): 22,
        ("Australia/Lord_Howe", 2020): 22,
        ("Pacific/Apia", 2020): 3,
        ("Pacific/Apia", 2011): 5,
        ("Africa/Cairo", 2020): 16,
        ("America/Santiago", 2020): 22,
        ("UTC", 2020): 0,
    }
    day = [stretch.offset for stretch in walk("Pacific/Apia", *SAMOA_YEARS)]
    assert day == [-600, -660, -600, 840, 780, 840]


@pytest.mark.parametrize(("name", "years"), WALKS)
def test_whole_years(name, years):
    """Every instant of eleven years is the model's, whatever the policy, and so is what it says was left out."""
    since, until = whole(years)
    plans = [
        *product(SPARSE[:4], POLICIES if changes(walk(name, *years)) else POLICIES[:1]),
        *product(SPARSE[4:], [("shift", "first"), ("skip", "last")]),
        *product(SPARSE_ELAPSED, [("skip", "both")]),
    ]
    for expression, (gap, overlap) in plans:
        expected = due(expression, name, since, until, gap=gap, overlap=overlap, years=years)
        assert stepped(expression, name, since, until, gap=gap, overlap=overlap) == expected, (
            expression,
            gap,
            overlap,
        )


@pytest.mark.parametrize(("name", "years"), WALKS)
def test_every_minute_around_each_change(name, years):
    """Around each change of the clocks the densest schedules fire as the model's, under each policy."""
    plans = [*product(DENSE, POLICIES), *product(DENSE_ELAPSED, [("shift", "first"), ("skip", "last")])]
    for change, (expression, (gap, overlap)) in product(around(name, years), plans):
        since, until = change - NEAR_SECONDS, change + NEAR_SECONDS
        expected = [
            one
            for one in modelled(expression, name, years, gap=gap, overlap=overlap, at=change)
            if since <= one.at < until
        ]
        assert stepped(expression, name, since, until, gap=gap, overlap=overlap) == expected, (
            expression,
            gap,
            overlap,
        )


@pytest.mark.parametrize(("name", "years"), WALKS)
def test_from_any_instant(name, years):
    """Asked at the change itself, a microsecond off it, or within either pass, the next instant is the model's least."""
    chance = Random(f"{name} {years}")
    plans = [*product(SPARSE + DENSE, POLICIES), *product(SPARSE_ELAPSED + DENSE_ELAPSED, [("skip", "last")])]
    for change, (expression, (gap, overlap)) in product(around(name, years), plans):
        schedule = parse_schedule(expression, name, Dst(gap=gap, overlap=overlap))
        fires = [
            one.at
            for one in modelled(expression, name, years, gap=gap, overlap=overlap, at=change)
            if not one.is_left_out
        ]
        for microseconds in (-1, 0, 1, *(chance.randint(-9_000_000_000, 9_000_000_000) for _ in range(3))):
            instant = utc(change) + timedelta(microseconds=microseconds)
            place = bisect_right(fires, change + microseconds // 1_000_000)
            if place < len(fires):
                assert schedule.next_after(instant) == utc(fires[place]), (expression, gap, overlap, instant)


def around(name: str, years: tuple[int, int]) -> list[int]:
    """Return the instants of change; of a zone without any, one that is like any other."""
    found = [minute * 60 for minute in changes(walk(name, *years))]
    return found or [seconds(datetime(2024, 2, 29, 12, tzinfo=UTC))]


def test_the_model_of_a_wildcard_knows_no_policy():
    """Which schedules go by elapsed time hangs on how minute and hour begin, not on the seconds or the day."""
    texts = [
        "* 1 * * *",
        "1 * * * *",
        "*/5 1 * * *",
        "1 */5 * * *",
        "1 0-23 * * *",
        "* 1 1 * * *",
        "1 1 * * 1",
    ]
    assert [read(text).elapsed for text in texts] == [True, True, True, True, False, False, False]


def numbers(low: int, high: int, *, odds: int = 3) -> st.SearchStrategy[str]:
    """Give a field of numbers, ranges, steps and lists."""
    one = st.integers(low, high).map(str)
    span = st.tuples(st.integers(low, high), st.integers(low, high)).filter(lambda pair: pair[0] < pair[1])
    ranges = span.map(lambda pair: f"{pair[0]}-{pair[1]}")
    steps = st.tuples(ranges, st.integers(1, high - low)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    stars = st.just("*") | st.integers(1, high - low).map(lambda step: f"*/{step}")
    return st.one_of(*[st.lists(one | ranges | steps, min_size=1, max_size=3).map(",".join)] * odds, stars)


SECONDS = st.sampled_from(["", "0 ", "30 ", "* ", "*/20 ", "5,59 "])
DAYS = st.just("* * *") | st.tuples(numbers(1, 28), st.just("*") | numbers(1, 12), numbers(0, 7)).map(
    " ".join
)
HOURS = numbers(0, 23) | st.sampled_from(["0", "1", "2", "0-4", "2,3", "23,0,1"])
SPECS = st.tuples(SECONDS, numbers(0, 59), st.just(" "), HOURS, st.just(" "), DAYS).map("".join)


@settings(deadline=None, max_examples=200)
@given(
    SPECS,
    st.sampled_from(WALKS[:-1]).flatmap(
        lambda walked: st.tuples(st.just(walked), st.sampled_from(changes(walk(walked[0], *walked[1]))))
    ),
    st.sampled_from(POLICIES),
    st.integers(-40 * 3600, 40 * 3600),
    st.integers(0, 999_999),
)
def test_random_specs(expression, place, policy, seconds_off, microsecond):
    """Whatever the fields, the zone, the policy and the start, the next instants are the model's."""
    ((name, years), minute), (gap, overlap) = place, policy
    start = minute * 60 + seconds_off
    first, last = whole(years)
    start = min(max(start, first), last - LONG_SECONDS)
    rules = {"gap": gap, "overlap": overlap, "years": years}
    expected = due(expression, name, start + 1, start + 3 * 86_400, **rules)[:20]
    expected = expected or due(expression, name, start + 1, start + LONG_SECONDS, **rules)[:3]
    schedule = parse_schedule(expression, name, Dst(gap=gap, overlap=overlap))
    found, instant = [], utc(start) + timedelta(microseconds=microsecond)
    for _ in expected:
        following = schedule.next_due(instant)
        found.append(Due(seconds(following.at), following.is_left_out))
        instant = following.at
    assert found == expected
