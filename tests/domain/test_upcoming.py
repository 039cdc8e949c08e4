"""What a schedule does next and did last, found in bounded work."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orc_domain.job_spec import JobSpec, TaskSpec
from orc_domain.rejection import Invalid
from orc_domain.timetable import Instant, Timing, parse_timetable
from orc_domain.upcoming import (
    LOOKS_MAX,
    Upcoming,
    check_fires,
    instants_max,
    next_due_at,
    upcoming,
)

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def table(*schedules, **more):
    return parse_timetable(Timing(schedules=schedules, **more))


def at(text):
    return datetime.fromisoformat(text)


def test_next_firings():
    """The next firings are strictly after the moment, and what is let pass in between is told with its reason."""
    found = upcoming(table("0 12 * * *", exclude=("2026-11-26",)), NOW, 2)
    assert found == Upcoming(
        (NOW + 2 * DAY, NOW + 3 * DAY), (Instant(NOW + DAY, "excluded"),), has_ended=False
    )


def test_long_exclusions_are_leapt_over():
    """A schedule of every second that is excluded for a year is looked at no more than another."""
    found = upcoming(
        table("* * * * * *", timezone="Europe/Paris", exclude=("2026-11-01/2027-10-30",)), NOW, 2
    )
    assert found.fires == (at("2027-10-30T22:00:00Z"), at("2027-10-30T22:00:01Z"))
    assert len(found.passed) == 1


def test_the_first_second_after_an_excluded_day_fires():
    """A leap over an excluded day loses no instant of the day that follows, whatever its midnight is."""
    for zone in ("UTC", "America/Santiago", "Asia/Beirut", "Pacific/Apia"):
        for first in ("2027-03-27", "2027-09-04", "2026-11-25"):
            timetable = table("* * * * *", timezone=zone, exclude=(first,))
            start = datetime.fromisoformat(f"{first}T12:00:00").replace(tzinfo=timetable.zone)
            plain = next(due.due_at for due in timetable.from_on(start) if due.reason is None)
            assert upcoming(timetable, start, 1).fires == (plain,)


@pytest.mark.parametrize(
    ("timing", "fires", "has_ended"),
    [
        ({"ends_at": NOW + DAY}, 3, True),
        ({"ends_at": NOW - DAY}, 0, True),
        ({"exclude": ("2020-01-01/2099-12-31",)}, 0, True),
        ({"exclude": ("0 9 * * *", "0 12 * * *")}, 0, False),
    ],
)
def test_end(timing, fires, has_ended):
    """That nothing follows is known from the end of the schedule alone, not from having looked long enough."""
    found = upcoming(table("0 9,12 * * *", **timing), NOW - timedelta(hours=1), 5)
    assert (len(found.fires), found.has_ended) == (fires, has_ended)


def test_work_is_bounded():
    """The more an expression costs, the fewer instants are looked at."""
    assert instants_max(table("* * * * *")) == LOOKS_MAX
    assert instants_max(table("0 0 l * *", "0 0 * * *", exclude=("0 0 * * fri#2",))) == LOOKS_MAX // 21
    assert instants_max(table("@manual")) == LOOKS_MAX


def test_next_due_at():
    """Instants are said in the schedule's zone; a timing that cannot be read has none."""
    assert [
        due.isoformat()
        for due in next_due_at(Timing(schedules=("0 9 * * *",), timezone="Asia/Tokyo"), NOW, 1)
    ] == ["2026-11-26T09:00:00+09:00"]
    assert next_due_at(Timing(schedules=("0 9 * * *",), timezone="Mars/Base"), NOW) == ()
    assert next_due_at(Timing(schedules=("@manual",)), NOW) == ()


def spec(**changes):
    task = TaskSpec({"type": "inline", "rows": []}, {"type": "discard"})
    return JobSpec(**{"job_name": "a", "schedule": "@daily", "tasks": (task,)} | changes)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"schedule": "0 0 9 * * * 2025"}, "schedule"),
        ({"ends_at": NOW}, "ends_at"),
        ({"ends_at": NOW + timedelta(hours=1)}, "schedule"),
        (
            {"schedule": "0 0 1 1 *", "ends_at": NOW + timedelta(days=60), "exclude": ("2027-01-01",)},
            "schedule",
        ),
    ],
)
def test_schedules_that_are_over_are_refused(changes, field):
    """A schedule without an instant to come is refused by the field that ends it."""
    with pytest.raises(Invalid) as caught:
        check_fires(spec(**changes), NOW)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"schedule": "@manual"},
        {"ends_at": NOW, "is_active": False},
        {"schedule": "0 0 9 * * * 2025", "is_active": False},
        {"schedule": "* * * * *", "exclude": ("* * * * *",)},
    ],
)
def test_schedules_that_may_fire_are_taken(changes):
    """One that fires, that fires by hand, that is paused, or of which nothing is certain, is taken."""
    check_fires(spec(**changes), NOW)


@pytest.mark.parametrize(
    ("timetable", "last"),
    [
        (table("* * * * * *", ends_at=at("2020-01-01T00:00:00Z")), "2020-01-01T00:00:00+00:00"),
        (table("* * * * 1 *"), "2026-01-31T23:59:59+00:00"),
        (table("0 0 29 2 *"), "2024-02-29T00:00:00+00:00"),
        (table("* * * * * *"), "2026-11-25T11:59:59+00:00"),
        (table("0 12 * * *"), "2026-11-24T12:00:00+00:00"),
        (table("0 0 0 1 1 * 2010"), None),
        (table("0 12 * * *", starts_at=NOW), None),
        (table("@manual"), None),
    ],
)
def test_last_before(timetable, last):
    """The last instant is strictly before, found at once however dense the schedule was and however long ago."""
    found = timetable.last_before(NOW)
    assert (found and found.due_at.isoformat()) == last


@settings(deadline=None)
@given(
    st.sampled_from(["*/7 * * * *", "30 2 * * *", "0 9-17 * * 1-5", "0 0 31 * *", "*/13 * * * * *"]),
    st.sampled_from(["UTC", "Europe/Paris", "Australia/Lord_Howe"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001 - its zone is given below
)
def test_last_before_is_the_one_that_next_leads_to(schedule, zone, instant):
    """Nothing is due between the last instant and the moment that was asked about."""
    timetable, instant = table(schedule, timezone=zone), instant.replace(tzinfo=UTC)
    last = timetable.last_before(instant)
    following = timetable.next_after(last.due_at)
    assert last.due_at < instant <= following.due_at
    assert next(timetable.from_on(last.due_at)) == last
