"""
When a job is due: a cron expression in a time zone, as instants in UTC.

Where the clocks change, as Debian's cron has it: a schedule of fixed times fires once in the hour that comes twice (at the
first pass) and once, at the first instant after it, for times in the hour that is left out; one whose minute or hour begins
with `*` goes by elapsed time, so it fires in both passes and never for a time that did not exist.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

from orc_domain.cron import EXPRESSION_CHARACTERS_MAX, VALID, Cron, parse_cron
from orc_domain.cron_words import describe_cron
from orc_domain.rejection import Invalid

MANUAL = "@manual"
TIMEZONE_CHARACTERS_MAX = 64

_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_NOT_A_PLACE = frozenset({"localtime", "Factory", "posixrules"})
"""Zone files that mean something else on each machine."""
_SCHEDULES_CACHED = 20_000
_SECOND = timedelta(seconds=1)


class Schedule(Struct, frozen=True, kw_only=True):
    """A parsed schedule; equal text is the same object."""

    expression: str
    timezone: str
    zone: ZoneInfo
    cron: Cron | None
    """None when the job runs by hand only."""

    @property
    def is_manual(self) -> bool:
        """Whether it never comes due by itself."""
        return self.cron is None

    def next_after(self, instant: datetime) -> datetime | None:
        """Return the first due instant strictly after the aware `instant`, in UTC; None when there is none."""
        if self.cron is None:
            return None
        local = instant.astimezone(self.zone)
        wall = self.cron.next_wall(local.replace(tzinfo=None, fold=0))
        if self.timezone == "UTC" or local.tzinfo is UTC:
            return None if wall is None else wall.replace(tzinfo=UTC)
        return self._next_elapsed(local, wall) if self.cron.is_elapsed else self._next_fixed(local, wall)

    def describe(self) -> str:
        """Say in words when it fires."""
        return "by hand only" if self.cron is None else f"{describe_cron(self.cron)} ({self.timezone})"

    def _next_fixed(self, local: datetime, wall: datetime | None) -> datetime | None:
        assert self.cron is not None
        while wall is not None:
            first, _, real = self._instants(wall)
            due = first if real else self._change_before(first)
            # The second pass of an hour that comes twice: its times fired in the first.
            if due > local.astimezone(UTC):
                return due
            wall = self.cron.next_wall(wall)
        return None

    def _next_elapsed(self, local: datetime, wall: datetime | None) -> datetime | None:
        assert self.cron is not None
        now = local.astimezone(UTC)
        change = self._end_of_first_pass(local)
        while wall is not None:
            first, second, real = self._instants(wall)
            if not real:
                # The time was left out: go on from the last second before the clocks jumped to.
                wall = self.cron.next_wall(self._wall(self._change_before(first)) - _SECOND)
            elif change is not None and first >= change:
                # Nothing more in the first pass: the second begins with a wall time that was there before.
                wall, change = self.cron.next_wall(self._wall(change) - _SECOND), None
            else:
                return first if first > now else second
        return None

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
def parse_schedule(expression: str, timezone: str = "UTC") -> Schedule:
    """Read a schedule; raises Invalid naming `schedule` or `timezone`."""
    if len(expression) > EXPRESSION_CHARACTERS_MAX:
        reason = f"the expression is longer than {EXPRESSION_CHARACTERS_MAX} characters"
        raise Invalid("schedule", reason, valid=VALID)
    word = expression.strip().lower()
    zone = _zone(timezone)
    if word == MANUAL:
        return Schedule(expression=expression, timezone=timezone, zone=zone, cron=None)
    if word.startswith("@") and word not in _MACROS:
        raise Invalid("schedule", f"{expression!r} is not known", valid=VALID)
    cron = parse_cron(_MACROS.get(word, expression))
    return Schedule(expression=expression, timezone=timezone, zone=zone, cron=cron)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    valid = "an IANA name such as UTC, Europe/Berlin or America/New_York"
    if not name or len(name) > TIMEZONE_CHARACTERS_MAX or name in _NOT_A_PLACE:
        raise Invalid("timezone", "this is not the name of a time zone", valid=valid)
    if name.startswith(("posix/", "right/")):
        raise Invalid("timezone", "this is not the name of a time zone", valid=valid)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise Invalid("timezone", f"{name!r} is not the name of a time zone", valid=valid) from error
