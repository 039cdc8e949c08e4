"""A second opinion: cronsim, where its rules are ours (5 fields, and the default policy, which is Debian cron's)."""

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from cronsim import CronSim
from domain.minute_model import changes, walk
from domain.minute_model import zone as clock
from hypothesis import given, settings
from hypothesis import strategies as st

from orc_domain.schedule import parse_schedule

YEARS = (2020, 2030)
ZONES = [
    "America/New_York", "Europe/Paris", "Europe/London", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo",
    "America/Santiago",
]  # fmt: skip
FIXED = [
    "30 2 * * *", "0 0 * * *", "15,45 0-4 * * *", "59 23,0,1 * * *", "30 1 1-7 * 0", "0 0-23 * * *", "15 10 31 * *",
    "0 3 L * *",
]  # fmt: skip
ELAPSED = ["* * * * *", "*/20 * * * *", "0 * * * *", "20 */2 * * *", "* 2 * * *", "*/30 1-3 */2 * 0"]
# Wildcards apart: cronsim leaves out minutes where the clocks go back by half an hour, and, where they go forward at
# midnight, times of the hour after. The minute model, which knows both, holds those zones.
PAIRS = [
    (zone, expression)
    for zone in ZONES
    for expression in FIXED + ELAPSED
    if expression in FIXED or zone not in {"Australia/Lord_Howe", "America/Santiago"}
]


@pytest.mark.parametrize(("zone", "expression"), PAIRS)
def test_around_changes(zone, expression):
    """For six hours on both sides of each change in eleven years cronsim names the same instants."""
    schedule = parse_schedule(expression, zone)
    for minute in changes(walk(zone, *YEARS)):
        start = datetime.fromtimestamp(minute * 60, UTC) - timedelta(hours=6)
        end = start + timedelta(hours=12)
        expected = []
        for one in CronSim(expression, start.astimezone(clock(zone))):
            if (instant := one.astimezone(UTC)) >= end:
                break
            expected.append(instant)
        found, instant = [], schedule.next_after(start)
        while instant < end:
            found.append(instant)
            instant = schedule.next_after(instant)
        assert found == expected


def numbers(low: int, high: int) -> st.SearchStrategy[str]:
    """Give a field of numbers, ranges and steps that both read alike."""
    one = st.integers(low, high)
    span = st.tuples(one, one).filter(lambda pair: pair[0] < pair[1]).map(lambda pair: f"{pair[0]}-{pair[1]}")
    stepped = st.tuples(span, st.integers(2, high - low)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    listed = st.lists(one.map(str) | span | stepped, min_size=1, max_size=3).map(",".join)
    return st.just("*") | st.integers(2, high - low).map(lambda step: f"*/{step}") | listed


SPECS = st.tuples(numbers(0, 59), numbers(0, 23), numbers(1, 28), numbers(1, 12), numbers(0, 6)).map(" ".join)


@settings(deadline=None, max_examples=200)
@given(
    SPECS,
    st.sampled_from(["America/New_York", "Europe/Paris", "Europe/London", "Asia/Kolkata", "UTC"]),
    st.integers(
        int(datetime(2020, 1, 1, tzinfo=UTC).timestamp()), int(datetime(2030, 1, 1, tzinfo=UTC).timestamp())
    ),
)
def test_random_specs(expression, zone, second):
    """From any instant on, cronsim names the same next instants for any fields."""
    start = datetime.fromtimestamp(second, UTC)
    expected = [one.astimezone(UTC) for one in islice(CronSim(expression, start.astimezone(clock(zone))), 5)]
    found, instant, schedule = [], start, parse_schedule(expression, zone)
    for _ in range(5):
        instant = schedule.next_after(instant)
        found.append(instant)
    assert found == expected
