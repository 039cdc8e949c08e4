"""What a person is told before he saves a schedule: true of its instants, and nothing when there is nothing to know."""

from datetime import UTC, datetime, timedelta

import pytest

from orc_domain.policies import Dst
from orc_domain.schedule_warnings import schedule_warnings
from orc_domain.timetable import Timing, parse_timetable
from orc_domain.upcoming import upcoming

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
PARIS = "Europe/Paris"
GAP = "on 28 March 2027 in Europe/Paris, where the clocks go from 02:00:00 to 03:00:00"
ELAPSED = "since a schedule whose minute or hour begins with * goes by elapsed time"


def warnings(*schedules, now=NOW, count=5, **timing):
    timetable = parse_timetable(Timing(schedules=schedules, **timing))
    return list(schedule_warnings(timetable, now, upcoming(timetable, now, count)))


@pytest.mark.parametrize(
    ("schedule", "timing"),
    [
        ("0 9 * * *", {"timezone": PARIS}),
        ("*/5 * * * *", {"timezone": PARIS}),
        ("0 * * * *", {"timezone": PARIS}),
        ("0 30 2 * * *", {}),
        ("30 0 9 * * *", {}),
        ("0 0 1,15 * *", {}),
        ("0 0 * * 1-5", {}),
        ("0 0 */10 * *", {}),
        ("@manual", {}),
    ],
)
def test_nothing_to_know(schedule, timing):
    """An ordinary schedule is no cause for a word."""
    assert warnings(schedule, **timing) == []


@pytest.mark.parametrize(
    ("dst", "gap", "twice"),
    [
        (Dst(), "it fires at 03:00:00 instead (dst.gap: shift)", "the first time only (dst.overlap: first)"),
        (
            Dst(gap="skip", overlap="last"),
            "it is let pass (dst.gap: skip)",
            "the second time only (dst.overlap: last)",
        ),
        (
            Dst(overlap="both"),
            "it fires at 03:00:00 instead (dst.gap: shift)",
            "both times (dst.overlap: both)",
        ),
    ],
)
def test_clock_changes(dst, gap, twice):
    """A time that is left out, and one that comes twice, is told with its day and what the policy makes of it."""
    assert warnings("30 2 * * *", timezone=PARIS, dst=dst) == [
        f"02:30:00 does not exist {GAP}: {gap}",
        f"02:30:00 comes twice on 31 October 2027 in Europe/Paris: it fires {twice}",
    ]


@pytest.mark.parametrize("overlap", ["first", "last", "both"])
def test_what_is_said_of_an_overlap_is_what_happens(overlap):
    """The instants of the night are as many as the words say."""
    timetable = parse_timetable(Timing(schedules=("30 2 * * *",), timezone=PARIS, dst=Dst(overlap=overlap)))
    night = upcoming(timetable, datetime(2027, 10, 30, 12, tzinfo=UTC), 2).fires
    both = [at for at in night if at < datetime(2027, 10, 31, 12, tzinfo=UTC)]
    hours = {"first": [0], "last": [1], "both": [0, 1]}[overlap]
    assert [at.hour for at in both] == hours


def test_wildcards_in_some_hours():
    """A wildcard that only some hours have is told that nothing is made up for them, one of all hours is not."""
    assert warnings("*/10 2 * * *", timezone=PARIS) == [
        f"02:00:00 does not exist {GAP}: nothing is run for it, {ELAPSED}",
        f"02:00:00 comes twice on 31 October 2027 in Europe/Paris: it fires both times ({ELAPSED})",
    ]


def test_clock_changes_that_do_not_concern_it():
    """A change on a day that is excluded, or past the schedule's end, is not told."""
    assert warnings("30 2 * * *", timezone=PARIS, exclude=("2027-03-28", "2027-10-31")) == []
    assert warnings("30 2 * * *", timezone=PARIS, ends_at=datetime(2027, 3, 1, tzinfo=UTC)) == []
    assert warnings("*/10 2 * * *", timezone=PARIS, ends_at=datetime(2027, 3, 1, tzinfo=UTC)) == []
    assert warnings("30 2 * * 1-5", timezone=PARIS) == []


def test_a_day_that_was_left_out():
    """Where a whole day was left out, the firing that stands for it is on another day."""
    (said,) = warnings("0 9 30 12 *", timezone="Pacific/Apia", now=datetime(2011, 12, 1, tzinfo=UTC))[:1]
    assert said.endswith("it fires at 00:00:00 on 31 December 2011 instead (dst.gap: shift)")


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        (
            "0 0 1,15 * 1",
            (
                "day of month and day of week are both given, and either one is enough: it fires on every Monday, and on day "
                "1 and 15 of the month whatever weekday that is"
            ),
        ),
        (
            "0 0 31 * *",
            (
                "day 31 does not exist in February, April, June, September and November: nothing is run for it there; `L` is "
                "the last day of every month"
            ),
        ),
        ("0 0 30 2,3 *", "day 30 does not exist in February: nothing is run for it there"),
        ("0 0 29 2 *", "day 29 does not exist in February, leap years apart: nothing is run for it there"),
    ],
)
def test_days(schedule, said):
    """Days that mean more, or less often, than one thinks."""
    assert warnings(schedule) == [said]


def test_seconds_first():
    """Six fields that would be a sensible five are told to begin with the second, and that this is often."""
    assert warnings("*/5 * * * * *") == [
        "with six fields the first is the second; if you meant minutes, write five fields: `*/5 * * * *`",
        "it fires as often as every 5 s, and each time is a run with events of its own",
    ]
    assert warnings("0,4 0 9 * * *") == [
        "it fires as often as every 4 s, and each time is a run with events of its own"
    ]


def test_exclusions_are_named():
    """Excluded days and times among the next instants are named, three of them at most."""
    days = ("2026-11-26/2026-11-27", "2026-11-29", "0 9 1 12 *", "2026-12-03")
    assert warnings("0 9 * * *", exclude=days) == [
        (
            "excluded: nothing is run from 26 November 2026 to 27 November 2026, on 29 November 2026, at 09:00:00 on "
            "1 December 2026 and at other times"
        )
    ]


@pytest.mark.parametrize(
    ("timing", "said"),
    [
        ({"ends_at": NOW - timedelta(days=1)}, "it never fires after 12:00:00 on 25 November 2026"),
        (
            {"ends_at": NOW + timedelta(days=1)},
            "it fires once more, the last time at 09:00:00 on 26 November 2026, and then never again",
        ),
        (
            {"ends_at": NOW + timedelta(days=3)},
            "it fires 3 more times, the last time at 09:00:00 on 28 November 2026, and then never again",
        ),
        (
            {"ends_at": NOW + timedelta(days=20)},
            "it ends soon: nothing is due after 12:00:00 on 15 December 2026",
        ),
        ({"starts_at": NOW + timedelta(days=20)}, "it does not fire before 12:00:00 on 15 December 2026"),
        (
            {"jitter_seconds": 30.0},
            (
                "each run is asked for up to 30 s after its instant; how much later follows from the job and the instant, and "
                "is the same whenever it is worked out"
            ),
        ),
    ],
)
def test_bounds_and_jitter(timing, said):
    """A beginning to come, an end that is near or over, and a delay are told."""
    assert warnings("0 9 * * *", **timing) == [said]


def test_several_schedules_are_told_apart():
    """With more than one expression a sentence names the one it is about."""
    assert warnings("0 9 * * *", "0 0 30 2,3 *") == [
        "`0 0 30 2,3 *`: day 30 does not exist in February: nothing is run for it there"
    ]
