"""What a timetable refuses: the field, the reason, and what would be valid instead."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from orc_domain.cron import VALID
from orc_domain.policies import Dst
from orc_domain.rejection import Invalid
from orc_domain.timetable import Timing, parse_timetable

NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
ZONES = "an IANA name such as UTC, Europe/Berlin or America/New_York"
EXCLUSION = "a date (2026-12-25), dates from/to (2026-12-24/2027-01-01), or cron with 5 to 7 fields"
LONG = "* " * 20_000
HOUR = timedelta(hours=1)


def refused(schedules: tuple[str, ...], **rest) -> tuple[str | None, str, str | None]:
    with pytest.raises(Invalid) as caught:
        parse_timetable(Timing(schedules=schedules, **rest))
    return caught.value.field, caught.value.detail, caught.value.valid


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        (LONG, "the expression is longer than 128 characters"),
        ("R * * * *", "minute 'r': hashed and random forms name no time one can know before"),
        ("0 H * * *", "hour 'h': hashed and random forms name no time one can know before"),
        (
            "H(0-29)/10 * * * *",
            "minute 'h(0-29)/10': hashed and random forms name no time one can know before",
        ),
        (
            "0 0 31 2 *",
            "it cannot be read: [0 0 31 2 *] is not acceptable. Day(s) [31] can never occur in month(s) [2]",
        ),
        ("0 0 0 */31 1 tue 2026", "the schedule never fires"),
        ("", "the expression is empty or holds a character that no expression holds"),
        ("@fortnightly", "'@fortnightly' is not known"),
        ("every day", "the expression has 2 fields"),
    ],
)
def test_expressions(expression, reason, place):
    """A bad expression is refused by the field it stands in, whichever of several it is."""
    schedules = ["0 9 * * *"] * 3
    schedules[place] = expression
    field = ("schedule", "schedules[0]", "schedules[1]")[place]
    assert refused(tuple(schedules)) == (field, reason, VALID)


@pytest.mark.parametrize(
    "name", ["Mars/Olympus", "../../etc/passwd", "EUROPE/BERLIN", "Europe/Berlin\n", "", "x" * 40_000]
)
def test_zones(name):
    """A zone that no clock keeps is refused, by hand or on schedule."""
    for schedule in ("0 9 * * *", "@manual"):
        field, detail, valid = refused((schedule,), timezone=name)
        assert (field, valid, len(detail) < 200) == ("timezone", ZONES, True)
        assert detail.endswith("not the name of a time zone")


@pytest.mark.parametrize(
    ("exclude", "reason"),
    [
        ("christmas", "the expression has 1 field"),
        ("@daily", "the expression has 1 field"),
        ("", "the expression is empty or holds a character that no expression holds"),
        ("2026-02-30", "'2026-02-30': day is out of range for month"),
        ("2026-12-24/2026-13-01", "'2026-12-24/2026-13-01': month must be in 1..12"),
        ("2026-12-27/2026-12-24", "'2026-12-27/2026-12-24' ends before it begins"),
        ("2026-12-24T00:00:00Z", "the expression has 1 field"),
        ("h 9 * * *", "minute 'h': hashed and random forms name no time one can know before"),
        (LONG, "the expression is longer than 128 characters"),
    ],
)
def test_exclusions(exclude, reason):
    """An exclusion that is neither days nor cron is refused by its place."""
    assert refused(("0 9 * * *",), exclude=("2026-12-25", exclude)) == ("exclude[1]", reason, EXCLUSION)


@pytest.mark.parametrize(
    ("schedule", "bounds", "refusal"),
    [
        (
            "0 9 * * *",
            {"starts_at": NEW_YEAR, "ends_at": NEW_YEAR - timedelta(microseconds=1)},
            ("ends_at", "the schedule ends before it starts", "a time after starts_at"),
        ),
        (
            "0 9 * * *",
            {"starts_at": NEW_YEAR + 10 * HOUR, "ends_at": NEW_YEAR + 32 * HOUR},
            ("ends_at", "the schedule never fires between starts_at and ends_at", "a later end"),
        ),
        (
            "0 9 * * *",
            {"starts_at": NEW_YEAR, "ends_at": NEW_YEAR + 47 * HOUR, "exclude": ("2027-01-01/2027-01-02",)},
            ("ends_at", "the schedule never fires between starts_at and ends_at", "a later end"),
        ),
        (
            "0 0 9 1 1 * 2028",
            {"ends_at": NEW_YEAR},
            ("ends_at", "the schedule never fires until ends_at", "a later end"),
        ),
        (
            "0 0 9 1 1 * 2026",
            {"starts_at": NEW_YEAR},
            ("starts_at", "the schedule never fires from starts_at on", "an earlier start"),
        ),
        (
            "0 9 * * *",
            {"starts_at": datetime(1, 1, 1, tzinfo=timezone(14 * HOUR))},
            (
                "starts_at",
                "0001-01-01T00:00:00+14:00 is no time that a schedule names",
                "a time from 1970 to 2099",
            ),
        ),
        (
            "0 9 * * *",
            {"starts_at": datetime(9999, 12, 31, 23, tzinfo=timezone(-12 * HOUR))},
            (
                "starts_at",
                "9999-12-31T23:00:00-12:00 is no time that a schedule names",
                "a time from 1970 to 2099",
            ),
        ),
    ],
)
def test_bounds(schedule, bounds, refusal):
    """Bounds that no instant of the schedule can meet are refused, naming the one to move."""
    assert (
        refused((schedule,), timezone="America/New_York" if "0001" in refusal[1] else "UTC", **bounds)
        == refusal
    )


def test_bounds_that_are_met_are_taken():
    """An end far off, a start far back, one instant between the bounds, or a day passed over first, are valid."""
    for bounds in (
        {"starts_at": datetime(1970, 1, 1, tzinfo=UTC), "ends_at": datetime.max.replace(tzinfo=UTC)},
        {"starts_at": datetime(2099, 12, 31, tzinfo=UTC)},
        {"starts_at": NEW_YEAR + 9 * HOUR, "ends_at": NEW_YEAR + 9 * HOUR},
        {"starts_at": NEW_YEAR, "ends_at": NEW_YEAR + 33 * HOUR, "exclude": ("2027-01-01",)},
    ):
        assert parse_timetable(Timing(schedules=("0 9 * * *",), **bounds)).next_after(NEW_YEAR) is not None


def test_a_long_exclusion_is_taken():
    """A schedule that is let pass a thousand times in a row is taken for one that fires some day."""
    rest = {"starts_at": NEW_YEAR, "ends_at": NEW_YEAR + 50 * HOUR, "exclude": ("2027-01-01/2027-01-03",)}
    table = parse_timetable(Timing(schedules=("* * * * *",), **rest))
    assert {due.reason for due in table.from_on(NEW_YEAR)} == {"excluded"}


@pytest.mark.parametrize(
    ("rest", "refusal"),
    [
        ({"schedules": ("0 0 0 1 1 * 2027",), "exclude": ("2027-01-01",)}, "exclude"),
        (
            {"schedules": ("0 30 2 28 3 * 2027",), "timezone": "Europe/Berlin", "dst": Dst(gap="skip")},
            "dst",
        ),
    ],
)
def test_nothing_left_to_fire(rest, refusal):
    """A schedule of which each time is excluded or left out never fires, and is refused for what leaves none."""
    assert refused(**rest) == (
        refusal,
        "the schedule never fires: each of its times is excluded or left out by the clocks",
        "one that leaves a time to fire at",
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("starts_at", NEW_YEAR),
        ("ends_at", NEW_YEAR),
        ("exclude", ("2026-12-25",)),
        ("jitter_seconds", 1.0),
    ],
)
def test_by_hand_only(field, value):
    """What narrows instants down is refused for a job that has none."""
    assert refused(("@manual", "@manual"), **{field: value}) == (
        field,
        "a schedule of @manual has no instants for this to apply to",
        "a schedule",
    )


@pytest.mark.parametrize(
    ("schedules", "jitter", "period"),
    [
        (("0 * * * *",), 3600.0, "3600 s is not shorter than the schedule's period of 3600 s"),
        (("0 * * * *", "10 * * * *"), 600.0, "600 s is not shorter than the schedule's period of 600 s"),
        (("* * * * * *",), 1.5, "1.5 s is not shorter than the schedule's period of 1 s"),
        (("0 8,20 * * 1-5",), 50_000.0, "50000 s is not shorter than the schedule's period of 43200 s"),
    ],
)
def test_jitter(schedules, jitter, period):
    """Jitter that may reach the next instant is refused, with the schedule's shortest period."""
    assert refused(schedules, jitter_seconds=jitter) == ("jitter_seconds", period, "less than the period")
    assert parse_timetable(Timing(schedules=schedules, jitter_seconds=0.9))
