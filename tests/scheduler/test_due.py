"""What becomes of the instants of a schedule that are due."""

from datetime import UTC, datetime, timedelta

from orc_domain.schedule import parse_schedule
from orc_scheduler.due import Accounting, Span, account

NOW = datetime(2026, 5, 13, 9, 30, 0, 500_000, tzinfo=UTC)
SECOND = NOW.replace(microsecond=0)
EVERY_SECOND = parse_schedule("* * * * * *")


def ago(seconds: int) -> datetime:
    return SECOND - timedelta(seconds=seconds)


def test_one_due():
    """An instant that has just come is run, and the next one waited for."""
    assert account(EVERY_SECOND, SECOND, NOW) == Accounting((SECOND,), None, ago(-1))


def test_missed_within_the_window():
    """Instants missed a short while ago are all run."""
    assert account(EVERY_SECOND, ago(2), NOW) == Accounting((ago(2), ago(1), SECOND), None, ago(-1))


def test_missed_long_ago():
    """Older instants than the window become one span, later ones run."""
    hourly = parse_schedule("*/10 * * * *")
    assert account(hourly, SECOND - timedelta(hours=2), NOW) == Accounting(
        (ago(600), SECOND),
        Span(SECOND - timedelta(hours=2), SECOND - timedelta(minutes=20), 11),
        SECOND + timedelta(minutes=10),
    )


def test_bounded_runs():
    """No more runs at once than there is room for; the next instant is due then as well."""
    assert account(EVERY_SECOND, ago(10), NOW, runs_max=3) == Accounting(
        (ago(10), ago(9), ago(8)), None, ago(7)
    )


def test_bounded_span(monkeypatch):
    """A span counts so many instants; what is older than the window still is not run."""
    monkeypatch.setattr("orc_scheduler.due.SKIPPED_MAX", 5)
    start = SECOND - timedelta(days=1)
    assert account(EVERY_SECOND, start, NOW) == Accounting(
        (), Span(start, start + timedelta(seconds=4), 5), start + timedelta(seconds=5)
    )


def test_last_instant():
    """A schedule that has no further instant is not due again."""
    once = parse_schedule("0 30 9 13 5 * 2026")
    assert account(once, SECOND, NOW) == Accounting((SECOND,), None, None)
