"""
When one expression is due: cron in a time zone, as instants in UTC.

Where the clocks change, a schedule of fixed times follows its `dst` policy; by default, as Debian's cron has it, it fires
once in the hour that comes twice (at the first pass) and once, at the first instant after it, for times in the hour that
is left out. One whose minute or hour begins with `*` goes by elapsed time, so it fires in both passes and never for a
time that did not exist.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

from orc_domain.cron import EXPRESSION_CHARACTERS_MAX, VALID, Cron, parse_cron
from orc_domain.cron_words import describe_cron
from orc_domain.policies import Dst
from orc_domain.rejection import Invalid
from orc_domain.zones import zone_of

MANUAL = "@manual"

_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_SCHEDULES_CACHED = 20_000
_SECOND = timedelta(seconds=1)
_AS_CRON = Dst()


class Due(Struct, frozen=True):
    """An instant of a schedule."""

    at: datetime
    """UTC."""
    is_left_out: bool = False
    """Whether it only stands for wall times that no clock showed, which `dst.gap: skip` lets pass."""


class Schedule(Struct, frozen=True, kw_only=True):
    """A parsed schedule; equal text is the same object."""

    expression: str
    timezone: str
    zone: ZoneInfo
    cron: Cron | None
    """None when the job runs by hand only."""
    dst: Dst = _AS_CRON

    @property
    def is_manual(self) -> bool:
        """Whether it never comes due by itself."""
        return self.cron is None

    def next_after(self, instant: datetime) -> datetime | None:
        """Return the first instant strictly after the aware `instant` at which it fires, in UTC; None without one."""
        due = self.next_due(instant)
        while due is not None and due.is_left_out:
            due = self.next_due(due.at)
        return None if due is None else due.at

    def next_due(self, instant: datetime) -> Due | None:
        """Return the same, instants included that stand for times left out under `dst.gap: skip`."""
        if self.cron is None:
            return None
        local = instant.astimezone(self.zone)
        start = local.replace(tzinfo=None, fold=0)
        if self.timezone == "UTC" or local.tzinfo is UTC:
            wall = self.cron.next_wall(start)
            return None if wall is None else Due(wall.replace(tzinfo=UTC))
        overlap = "both" if self.cron.is_elapsed else self.dst.overlap
        change = None if overlap == "first" else self._end_of_first_pass(local)
        if change is not None:
            if overlap == "both" and (due := self._rest_of_first_pass(start, change)) is not None:
                return due
            # The second pass begins with a wall time that was there before.
            start = self._wall(change) - _SECOND
        return self._first_of(start, overlap, instant.astimezone(UTC))

    def describe(self) -> str:
        """Say in words when it fires."""
        return "by hand only" if self.cron is None else f"{describe_cron(self.cron)} ({self.timezone})"

    def names(self, instant: datetime) -> bool:
        """Whether the expression names the wall time of an instant."""
        return self.cron is not None and self.cron.names(self._wall(instant))

    def _first_of(self, start: datetime, overlap: str, now: datetime) -> Due | None:
        """Return the first due instant after `now` among the wall times after `start`."""
        assert self.cron is not None
        wall = self.cron.next_wall(start)
        while wall is not None:
            first, second, is_real = self._instants(wall)
            due = Due(second if overlap == "last" and second > first else first)
            if not is_real:
                change = self._change_before(first)
                if self.cron.is_elapsed:
                    # The time was left out: go on from the last second before the clocks jumped to.
                    wall = self.cron.next_wall(self._wall(change) - _SECOND)
                    continue
                due = Due(change, self.dst.gap == "skip" and not self.names(change))
            elif overlap == "both" and due.at <= now:
                due = Due(second)
            # In the second pass of an hour that comes twice, what fired in the first is over.
            if due.at > now:
                return due
            wall = self.cron.next_wall(wall)
        return None

    def _rest_of_first_pass(self, start: datetime, change: datetime) -> Due | None:
        assert self.cron is not None
        wall = self.cron.next_wall(start)
        if wall is None:
            return None
        first, _, is_real = self._instants(wall)
        return Due(first) if is_real and first < change else None

    def _instants(self, wall: datetime) -> tuple[datetime, datetime, bool]:
        """Return the wall time's instants by the offset before and after a change, and whether any clock showed it."""
        aware = wall.replace(tzinfo=self.zone)
        first, second = aware.astimezone(UTC), aware.replace(fold=1).astimezone(UTC)
        return first, second, self._wall(first) == wall

    def _wall(self, instant: datetime) -> datetime:
        return instant.astimezone(self.zone).replace(tzinfo=None, fold=0)

    def _end_of_first_pass(self, local: datetime) -> datetime | None:
        """Return the instant the clocks go back, when `local` is a time that will come again."""
        if local.fold:
            return None
        first, second, _ = self._instants(local.replace(tzinfo=None))
        return self._change_before(second) if second > first else None

    def _change_before(self, instant: datetime) -> datetime:
        """Return the first instant of the offset in force at `instant`, which began within the last two days."""
        offset = instant.astimezone(self.zone).utcoffset()
        late = int(instant.timestamp())
        early = late - 2 * 86_400
        while late - early > 1:
            middle = (early + late) // 2
            if datetime.fromtimestamp(middle, self.zone).utcoffset() == offset:
                late = middle
            else:
                early = middle
        return datetime.fromtimestamp(late, UTC)


@lru_cache(maxsize=_SCHEDULES_CACHED)
def parse_schedule(expression: str, timezone: str = "UTC", dst: Dst = _AS_CRON) -> Schedule:
    """Read a schedule; raises Invalid naming `schedule` or `timezone`."""
    if len(expression) > EXPRESSION_CHARACTERS_MAX:
        reason = f"the expression is longer than {EXPRESSION_CHARACTERS_MAX} characters"
        raise Invalid("schedule", reason, valid=VALID)
    word = expression.strip().lower()
    zone = zone_of(timezone)
    if word == MANUAL:
        return Schedule(expression=expression, timezone=timezone, zone=zone, cron=None, dst=dst)
    if word.startswith("@") and word not in _MACROS:
        raise Invalid("schedule", f"{expression!r} is not known", valid=VALID)
    cron = parse_cron(_MACROS.get(word, expression))
    return Schedule(expression=expression, timezone=timezone, zone=zone, cron=cron, dst=dst)
