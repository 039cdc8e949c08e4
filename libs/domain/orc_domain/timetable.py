"""
All that decides when a job is due: several schedules at once, less what is excluded, between two bounds, with jitter.

An instant is due when any of the schedules names it. One that is excluded, or stands for a time the clocks left out, is
due as well, and let pass with that reason: the ledger holds it like any other.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Annotated, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct, structs

from orc_domain.cron import EXPRESSION_CHARACTERS_MAX, YEAR_MAX, YEAR_MIN, Cron, parse_cron
from orc_domain.instants import tick_id
from orc_domain.policies import Dst
from orc_domain.rejection import Invalid
from orc_domain.schedule import MANUAL, Due, Schedule, parse_schedule

SCHEDULES_MAX = 20
EXCLUDE_MAX = 100
JITTER_SECONDS_MAX = 86_400

Aware = Annotated[datetime, Meta(tz=True)]
PassReason = Literal["excluded", "dst-gap"]

_CACHED = 20_000
_PERIODS = 20
"""Distances between instants that tell a schedule's period."""
_LOOKED_AT_MAX = 1_000
"""Instants after which a schedule that let all of them pass is taken for one that fires some day."""
_ASKED_MAX = 10_000
"""The same, times the expressions that each is asked of: the answer is there in some hundredths of a second."""
_PERIOD_SINCE = datetime(2024, 1, 1, tzinfo=UTC)
_SOONEST = datetime(YEAR_MIN, 1, 1, tzinfo=UTC)
_LATEST = datetime(YEAR_MAX, 12, 31, tzinfo=UTC)
_BACK_MAX = timedelta(days=2_930)
"""Eight years and some: no 29 February is further from the one before it."""
_SECOND = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)
_DATES = re.compile(r"(\d{4}-\d{2}-\d{2})(?:/(\d{4}-\d{2}-\d{2}))?")
_EXCLUSION = "a date (2026-12-25), dates from/to (2026-12-24/2027-01-01), or cron with 5 to 7 fields"


class Timing(Struct, frozen=True, kw_only=True):
    """What a definition says of when: the text of a timetable, equal when nothing about the instants differs."""

    schedules: tuple[str, ...]
    timezone: str = "UTC"
    dst: Dst = Dst()
    exclude: tuple[str, ...] = ()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    jitter_seconds: float = 0.0


class Instant(Struct, frozen=True):
    """A due instant, and why it is let pass if its timetable says so."""

    due_at: datetime
    """UTC."""
    reason: PassReason | None = None


class Exclusion(Struct, frozen=True):
    """Local days, or the wall times that cron names: with 5 fields, which know no seconds, whole minutes."""

    first: date = date.max
    last: date = date.min
    cron: Cron | None = None

    def has(self, wall: datetime) -> bool:
        """Whether the naive wall time is excluded."""
        if self.cron is None:
            return self.first <= wall.date() <= self.last
        return self.cron.names(wall.replace(second=0) if self.cron.fields == 5 else wall)  # noqa: PLR2004


class Timetable(Struct, frozen=True, kw_only=True):
    """A parsed timing; equal text is the same object."""

    timing: Timing
    zone: ZoneInfo
    schedules: tuple[Schedule, ...]
    """Those that ever come due by themselves."""
    exclusions: tuple[Exclusion, ...]

    @property
    def is_manual(self) -> bool:
        """Whether it never comes due by itself."""
        return not self.schedules

    def next_after(self, instant: datetime) -> Instant | None:
        """Return the first due instant strictly after the aware `instant`; None when there is none."""
        starts_at, ends_at = self.timing.starts_at, self.timing.ends_at
        if starts_at is not None and instant < starts_at:
            instant = starts_at - _MICROSECOND
        dues = [due for schedule in self.schedules if (due := schedule.next_due(instant)) is not None]
        if not dues:
            return None
        at = min(due.at for due in dues)
        if ends_at is not None and at > ends_at:
            return None
        return Instant(at, self._reason(at, dues))

    def from_on(self, instant: datetime) -> Iterator[Instant]:
        """Yield every due instant at or after `instant`, in order."""
        following = self.next_after(instant - _MICROSECOND)
        while following is not None:
            yield following
            following = self.next_after(following.due_at)

    def last_before(self, instant: datetime) -> Instant | None:
        """Return the last due instant strictly before `instant`; None when there is none within eight years."""
        last = self.next_after(instant - _BACK_MAX)
        if last is None or last.due_at >= instant:
            return None
        # Halved, not walked: eight years of seconds may lie between. None is due from `late` on and before `instant`.
        late = instant
        while late - last.due_at > _SECOND:
            middle = last.due_at + (late - last.due_at) / 2
            following = self.next_after(middle - _MICROSECOND)
            if following is not None and following.due_at < instant:
                last = following
            else:
                late = middle
        return last

    def asked_at(self, job_id: UUID, due_at: datetime) -> datetime:
        """
        Return when the run of an instant is asked for: its time, and within the jitter what follows from the run's id.

        The same for whoever asks, so that schedulers need not agree on it.
        """
        jitter = self.timing.jitter_seconds
        if not jitter:
            return due_at
        # The first six bytes of a version 5 UUID are bits of a hash and nothing else.
        share = int.from_bytes(tick_id(job_id, due_at).bytes[:6], "big") / 2**48
        return due_at + timedelta(microseconds=int(share * jitter * 1_000_000))

    def describe(self) -> str:
        """Say in words when it fires."""
        if self.is_manual:
            return "by hand only"
        words = " and ".join(schedule.describe() for schedule in self.schedules)
        if self.timing.exclude:
            words += f", except {', '.join(self.timing.exclude)}"
        if self.timing.starts_at is not None:
            words += f", from {self.timing.starts_at.isoformat()}"
        if self.timing.ends_at is not None:
            words += f", until {self.timing.ends_at.isoformat()}"
        return words + (
            f", up to {self.timing.jitter_seconds:g} s later" if self.timing.jitter_seconds else ""
        )

    def _reason(self, at: datetime, dues: list[Due]) -> PassReason | None:
        if self.exclusions:
            wall = at.astimezone(self.zone).replace(tzinfo=None, fold=0)
            if any(exclusion.has(wall) for exclusion in self.exclusions):
                return "excluded"
        return "dst-gap" if all(due.is_left_out for due in dues if due.at == at) else None


@lru_cache(maxsize=_CACHED)
def parse_timetable(timing: Timing) -> Timetable:
    """Read a timing; raises Invalid naming the field of a job's definition."""
    schedules = [
        _named("schedule" if place == 0 else f"schedules[{place - 1}]", parse_schedule, expression,
               timing.timezone, timing.dst)
        for place, expression in enumerate(timing.schedules)
    ]  # fmt: skip
    table = Timetable(
        timing=timing,
        zone=schedules[0].zone,
        schedules=tuple(schedule for schedule in schedules if not schedule.is_manual),
        exclusions=tuple(_exclusion(text, place) for place, text in enumerate(timing.exclude)),
    )
    _check_bounds(table)
    _check_jitter(table)
    return table


def _named(field: str, parse: object, *values: object) -> Schedule:
    try:
        return parse(*values)  # type: ignore[operator,no-any-return]
    except Invalid as error:
        if error.field != "schedule":
            raise
        raise Invalid(field, error.detail, valid=error.valid, code=error.code) from error


def _exclusion(text: str, place: int) -> Exclusion:
    field = f"exclude[{place}]"
    if match := _DATES.fullmatch(text.strip()):
        try:
            first = date.fromisoformat(match[1])
            last = date.fromisoformat(match[2] or match[1])
        except ValueError as error:
            raise Invalid(field, f"{text!r}: {error}", valid=_EXCLUSION) from error
        if last < first:
            raise Invalid(field, f"{text!r} ends before it begins", valid=_EXCLUSION)
        return Exclusion(first, last)
    if len(text) > EXPRESSION_CHARACTERS_MAX:
        raise Invalid(
            field, f"the expression is longer than {EXPRESSION_CHARACTERS_MAX} characters", valid=_EXCLUSION
        )
    try:
        return Exclusion(cron=parse_cron(text))
    except Invalid as error:
        raise Invalid(field, error.detail, valid=_EXCLUSION) from error


def _check_bounds(table: Timetable) -> None:
    starts_at, ends_at = table.timing.starts_at, table.timing.ends_at
    if table.is_manual and (starts_at or ends_at or table.exclusions or table.timing.jitter_seconds):
        said = (
            "starts_at"
            if starts_at
            else "ends_at"
            if ends_at
            else "exclude"
            if table.exclusions
            else "jitter_seconds"
        )
        raise Invalid(
            said, f"a schedule of {MANUAL} has no instants for this to apply to", valid="a schedule"
        )
    if table.is_manual:
        return
    if starts_at is not None and not _SOONEST <= starts_at <= _LATEST:
        raise Invalid(
            "starts_at",
            f"{starts_at.isoformat()} is no time that a schedule names",
            valid=f"a time from {YEAR_MIN} to {YEAR_MAX}",
        )
    if starts_at is not None and ends_at is not None and ends_at < starts_at:
        raise Invalid("ends_at", "the schedule ends before it starts", valid="a time after starts_at")
    looked_at, most = 0, min(_LOOKED_AT_MAX, _ASKED_MAX // (len(table.schedules) + len(table.exclusions)))
    for due in islice(table.from_on(starts_at or _SOONEST), most):
        if due.reason is None:
            return
        looked_at += 1
    if looked_at == most:
        return
    if ends_at is not None:
        between = "between starts_at and ends_at" if starts_at is not None else "until ends_at"
        raise Invalid("ends_at", f"the schedule never fires {between}", valid="a later end")
    if starts_at is not None:
        raise Invalid("starts_at", "the schedule never fires from starts_at on", valid="an earlier start")
    raise Invalid(
        "exclude" if table.exclusions else "dst",
        "the schedule never fires: each of its times is excluded or left out by the clocks",
        valid="one that leaves a time to fire at",
    )


def _check_jitter(table: Timetable) -> None:
    jitter = table.timing.jitter_seconds
    if not jitter or table.is_manual:
        return
    unbounded = structs.replace(table, timing=structs.replace(table.timing, starts_at=None, ends_at=None))
    last, periods = None, list[timedelta]()
    for due in unbounded.from_on(table.timing.starts_at or _PERIOD_SINCE):
        if last is not None:
            periods.append(due.due_at - last)
        last = due.due_at
        if len(periods) == _PERIODS:
            break
    if periods and (period := min(periods)) <= timedelta(seconds=jitter):
        raise Invalid(
            "jitter_seconds",
            f"{jitter:g} s is not shorter than the schedule's period of {period.total_seconds():g} s",
            valid="less than the period",
        )
