"""Timetables: several schedules as one, what is excluded, the bounds, the jitter, and looking back."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import pytest
from domain.minute_model import due
from hypothesis import given, settings
from hypothesis import strategies as st

from orc_domain.policies import Dst
from orc_domain.timetable import Instant, Timetable, Timing, parse_timetable

JOB_ID = UUID("0191d3a0-0000-7000-8000-000000000001")
OTHER_ID = UUID("0191d3a0-0000-7000-8000-000000000002")
START = datetime(2026, 12, 22, 15, tzinfo=UTC)
"""Midnight of the 23rd in Tokyo."""
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def table_of(*schedules: str, **rest) -> Timetable:
    return parse_timetable(Timing(schedules=schedules, **rest))


def shown(instants) -> list[tuple[str, str | None]]:
    return [(f"{instant.due_at:%d %H:%M:%S}", instant.reason) for instant in instants]


def until(table: Timetable, start: datetime, end: datetime) -> list[Instant]:
    """Return the instants from `start` on, before `end`."""
    found = []
    for instant in table.from_on(start):
        if instant.due_at >= end:
            break
        found.append(instant)
    return found


def test_several_schedules_are_one():
    """An instant that several schedules name is due once, and all of them take their turns."""
    table = table_of("0 */8 * * *", "30 7 * * *", "0 0 16 * * *", "@daily", "@manual")
    assert shown(until(table, START, START + timedelta(days=1))) == [
        ("22 16:00:00", None),
        ("23 00:00:00", None),
        ("23 07:30:00", None),
        ("23 08:00:00", None),
    ]


@settings(deadline=None, max_examples=100)
@given(
    st.sets(
        st.sampled_from(
            ["30 2 * * *", "0 * * * *", "*/20 0-4 * * *", "0 3 * * *", "15 45 1,2 * * *", "0 0 1 * 0"]
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(
        [("Europe/Paris", "2026-03-29"), ("Europe/Paris", "2026-10-25"), ("Africa/Cairo", "2026-04-24")]
    ),
    st.sampled_from(["shift", "skip"]),
    st.sampled_from(["first", "last", "both"]),
)
def test_the_union_is_the_models(expressions, place, gap, overlap):
    """Around a change of the clocks a timetable has the instants of all its schedules and no other."""
    zone, day = place
    start = datetime.fromisoformat(f"{day}T00:00:00+00:00") - timedelta(days=1)
    since = int(start.timestamp())
    expected = dict[int, bool]()
    for expression in expressions:
        for one in due(
            expression, zone, since, since + 3 * 86_400, gap=gap, overlap=overlap, years=(2026, 2026)
        ):
            expected[one.at] = expected.get(one.at, True) and one.is_left_out
    table = table_of(*expressions, timezone=zone, dst=Dst(gap=gap, overlap=overlap))
    assert until(table, start, start + timedelta(days=3)) == [
        Instant(datetime.fromtimestamp(at, UTC), "dst-gap" if expected[at] else None)
        for at in sorted(expected)
    ]


@pytest.mark.parametrize(
    ("exclude", "passed"),
    [
        (("2026-12-25",), "25 00, 25 12"),
        (("2026-12-24/2026-12-25",), "24 00, 24 12, 25 00, 25 12"),
        (("2026-12-26", "2026-12-23/2026-12-23"), "23 00, 23 12, 26 00, 26 12"),
        (("0 12 * * *",), "23 12, 24 12, 25 12, 26 12"),
        (("* 0 25,26 12 *",), "25 00, 26 00"),
        (("0 0 0 25 * * 2026", "0 0 0 26 * * 2027"), "25 00"),
        (("* * l * *", "* * * * sat#4"), "26 00, 26 12"),
        (("30 0 * * *", "1 0 0 * * *", "2025-12-25"), ""),
    ],
)
def test_excluded(exclude, passed):
    """Instants on excluded local days and at wall times that an exclusion names are due and let pass; no others."""
    table = table_of("0 0,12 * * *", timezone="Asia/Tokyo", exclude=exclude)
    found = [
        (f"{instant.due_at + timedelta(hours=9):%d %H}", instant.reason)
        for instant in until(table, START, START + timedelta(days=4))
    ]
    times = [f"{day} {hour}" for day in (23, 24, 25, 26) for hour in ("00", "12")]
    assert found == [(time, "excluded" if time in passed.split(", ") else None) for time in times]


def test_excluded_comes_before_left_out():
    """A time the clocks left out, on a day that is excluded, is excluded; the day is that of the instant it stands for."""
    table = table_of(
        "30 2 * * *", timezone="Europe/Berlin", dst=Dst(gap="skip"), exclude=("2026-03-29", "30 2 30 3 *")
    )
    assert shown(
        until(table, datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 31, 12, tzinfo=UTC))
    ) == [
        ("29 01:00:00", "excluded"),
        ("30 00:30:00", "excluded"),
        ("31 00:30:00", None),
    ]


def test_bounds_are_instants_too():
    """The first and the last instant may lie on the bounds themselves; none lies outside of them."""
    nine = datetime(2026, 12, 23, 9, tzinfo=UTC)
    table = table_of("0 * * * *", starts_at=nine, ends_at=nine + timedelta(hours=2))
    assert shown(table.from_on(EPOCH)) == [
        ("23 09:00:00", None),
        ("23 10:00:00", None),
        ("23 11:00:00", None),
    ]
    inner = table_of(
        "0 * * * *", starts_at=nine + MICROSECOND, ends_at=nine + timedelta(hours=2) - MICROSECOND
    )
    assert shown(inner.from_on(EPOCH)) == [("23 10:00:00", None)]


def last_before(table: Timetable, instant: datetime) -> datetime | None:
    last = table.last_before(instant)
    return last.due_at if last else None


def looked_back(table: Timetable, start: datetime, instant: datetime) -> datetime | None:
    return max((one.due_at for one in until(table, start, instant)), default=None)


@settings(deadline=None)
@given(
    st.sampled_from(
        ["30 2 * * *", "0 */6 * * *", "*/7 3 * * 1", "0 0 1 * *", "59 59 23 31 12 *", "10 0 * * * 6"]
    ),
    st.timedeltas(timedelta(days=-500), timedelta(days=30)),
    st.sampled_from(["shift", "skip"]),
)
def test_last_before(expression, back, gap):
    """The last instant before a time is the last one met on the way there, whatever lets it pass."""
    table = table_of(
        expression, timezone="Europe/Paris", dst=Dst(gap=gap), exclude=("2026-10-20/2026-10-26",),
        starts_at=datetime(2025, 1, 1, tzinfo=UTC), ends_at=datetime(2026, 11, 20, tzinfo=UTC),
    )  # fmt: skip
    instant = datetime(2026, 12, 1, tzinfo=UTC) + back
    assert last_before(table, instant) == looked_back(table, datetime(2024, 12, 1, tzinfo=UTC), instant)


def test_last_before_is_strict_and_looks_eight_years_back():
    """An instant is not before itself, a leap day is found eight years on, and what is longer past is not looked for."""
    leap = datetime(2096, 2, 29, tzinfo=UTC)
    table, ended = table_of("0 0 29 2 *"), table_of("* * * * * * 2020")
    assert [
        last_before(table, leap + MICROSECOND),
        last_before(table, leap),
        last_before(table_of("0 0 29 2 * "), datetime(2099, 12, 31, tzinfo=UTC)),
        last_before(ended, datetime(2026, 5, 1, tzinfo=UTC)),
        last_before(ended, datetime(2021, 1, 1, tzinfo=UTC) + timedelta(days=8 * 365 + 2)),
        last_before(ended, datetime(2021, 1, 1, tzinfo=UTC) + timedelta(days=8 * 365 + 10)),
        last_before(ended, datetime(2020, 1, 1, tzinfo=UTC)),
    ] == [
        leap,
        datetime(2092, 2, 29, tzinfo=UTC),
        leap,
        datetime(2020, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2020, 12, 31, 23, 59, 59, tzinfo=UTC),
        None,
        None,
    ]


def test_last_before_an_instant():
    """Before an instant lies the one before it, however many there are before that."""
    second = timedelta(seconds=1)
    for count in range(1, 40):
        table = table_of("* * * * * *", starts_at=START - count * second)
        assert last_before(table, START) == START - second


@given(
    st.datetimes(timezones=st.just(UTC)).filter(lambda at: 1970 <= at.year <= 2099), st.floats(0.001, 86_399)
)
def test_jitter_follows_from_the_runs_id(due_at, jitter):
    """A run is asked for later by a share of the jitter that its id tells, and by less than the jitter."""
    due_at = due_at.replace(microsecond=0)
    table = table_of("0 0 * * *", jitter_seconds=jitter)
    run_id = uuid5(JOB_ID, str((due_at - EPOCH) // MICROSECOND))
    share = (run_id.int >> 80) / 2**48
    late = table.asked_at(JOB_ID, due_at) - due_at
    assert timedelta(0) <= late < timedelta(seconds=jitter)
    assert abs(late - timedelta(seconds=share * jitter)) <= MICROSECOND


def test_jitter_spreads_jobs():
    """Jobs of one schedule are asked for at times of their own, the same whoever asks; without jitter at the instant."""
    table = table_of("0 0 * * *", jitter_seconds=3600)
    again = table_of("0 0 * * *", "0 12 * * *", jitter_seconds=3600)
    asked = [of.asked_at(job_id, START) for job_id in (JOB_ID, OTHER_ID) for of in (table, again)]
    assert (asked[0], asked[2]) == (asked[1], asked[3])
    assert asked[0] != asked[2]
    assert table_of("0 0 * * *").asked_at(JOB_ID, START) == START
    quarters = {
        (table.asked_at(uuid5(JOB_ID, str(n)), START) - START) // timedelta(minutes=15) for n in range(100)
    }
    assert quarters == {0, 1, 2, 3}


def test_in_words():
    """A timetable says all that decides its instants."""
    table = table_of(
        "0 9 * * *", "@manual", "0 17 * * *", timezone="Asia/Tokyo", exclude=("2026-12-25",), jitter_seconds=30,
        starts_at=START, ends_at=START + timedelta(days=9),
    )  # fmt: skip
    assert table.describe() == (
        "at 09:00:00 every day (Asia/Tokyo) and at 17:00:00 every day (Asia/Tokyo), except 2026-12-25, "
        "from 2026-12-22T15:00:00+00:00, until 2026-12-31T15:00:00+00:00, up to 30 s later"
    )
