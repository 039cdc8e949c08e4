"""
What a schedule does next: its next firings, found past whatever is excluded, with a bound on the work that costs.

Long exclusions are leapt over day by day, so that a schedule of every second that pauses for a week costs no more than
another.
"""

from datetime import UTC, date, datetime, time, timedelta

from msgspec import Struct

from orc_domain.cron import YEAR_MAX
from orc_domain.job_spec import JobSpec, timing_of
from orc_domain.rejection import Invalid
from orc_domain.timetable import Instant, Timetable, Timing, parse_timetable

SHOWN = 5
"""Instants that a job shows."""
LOOKS_MAX = 20_000
"""Steps of one expression, so that the answer is there in a fraction of a second."""
SPECIAL_LOOKS = 10
"""A step of an expression with `L`, `W` or `#` costs so many of another."""
PASSED_MAX = 100
"""Instants let pass that are kept to be named."""

_LAST_DAY = date(YEAR_MAX, 12, 31)
_MICROSECOND = timedelta(microseconds=1)


class Upcoming(Struct, frozen=True):
    """What follows a moment."""

    fires: tuple[datetime, ...]
    """UTC."""
    passed: tuple[Instant, ...]
    """The first of those in between that the timetable lets pass; of an excluded day its first."""
    has_ended: bool
    """Whether none follows, as opposed to none that was looked for."""


def upcoming(timetable: Timetable, after: datetime, count: int) -> Upcoming:
    """Return the next `count` instants after the aware `after` that are not let pass; fewer when looking costs too much."""
    fires, passed = list[datetime](), list[Instant]()
    due = timetable.next_after(after)
    for _ in range(instants_max(timetable)):
        if due is None or len(fires) == count:
            break
        start = due.due_at
        if due.reason is None:
            fires.append(due.due_at)
        else:
            passed = [*passed, due] if len(passed) < PASSED_MAX else passed
            start = max(start, _end_of_exclusion(timetable, due.due_at) - _MICROSECOND)
        due = timetable.next_after(start)
    return Upcoming(tuple(fires), tuple(passed), has_ended=due is None)


def instants_max(timetable: Timetable) -> int:
    """Return how many instants of a timetable may be looked at for one answer."""
    crons = [schedule.cron for schedule in timetable.schedules if schedule.cron]
    crons += [exclusion.cron for exclusion in timetable.exclusions if exclusion.cron]
    return LOOKS_MAX // max(1, sum(SPECIAL_LOOKS if cron.is_special else 1 for cron in crons))


def next_due_at(timing: Timing, after: datetime, count: int = SHOWN) -> tuple[datetime, ...]:
    """Return when a timing fires next, in its own zone; nothing for one that cannot be read any more."""
    try:
        timetable = parse_timetable(timing)
    except Invalid:
        # A zone that a later release of the tz database no longer has; the ticker says so.
        return ()
    return tuple(at.astimezone(timetable.zone) for at in upcoming(timetable, after, count).fires)


def check_fires(spec: JobSpec, now: datetime) -> None:
    """Raise Invalid when an active schedule certainly never fires after `now`."""
    timetable = parse_timetable(timing_of(spec))
    if not spec.is_active or timetable.is_manual:
        return
    found = upcoming(timetable, now, 1)
    if found.fires or not found.has_ended:
        return
    ends_at = spec.ends_at
    if ends_at is not None and ends_at <= now:
        raise Invalid(
            "ends_at", "the schedule has ended already", valid="a time to come, or is_active: false"
        )
    raise Invalid(
        "schedule", "the schedule never fires again",
        valid="a schedule with an instant to come that is not excluded, @manual, or is_active: false",
    )  # fmt: skip


def _end_of_exclusion(timetable: Timetable, at: datetime) -> datetime:
    """Return when the excluded days that hold `at` are over; `at` itself when none does."""
    day = at.astimezone(timetable.zone).date()
    lasts = [exclusion.last for exclusion in timetable.exclusions if exclusion.first <= day <= exclusion.last]
    if not lasts:
        return at
    last = min(max(lasts), _LAST_DAY)
    return datetime.combine(last + timedelta(days=1), time(), timetable.zone).astimezone(UTC)
