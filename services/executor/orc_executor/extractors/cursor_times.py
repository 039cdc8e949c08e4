"""
Cursors that are times, as RFC 3339 and ISO 8601 write them: to the nanosecond, and written again as they were.

    2026-05-13    2026-05-13T09:00Z    2026-05-13 09:00:00.123456789+02:00
"""

import re
from datetime import UTC, datetime, timedelta, timezone

from orc_executor.errors import WrongShape

NANOSECONDS = 1_000_000_000
"""In a second."""
_DIGITS_MAX = 9
_TIME = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)"
    r"(?:(?P<between>[Tt ])(?P<minute>\d\d:\d\d)(?::(?P<second>\d\d)(?:(?P<point>[.,])(?P<digits>\d{1,9}))?)?"
    r"(?P<zone> ?(?:[Zz]|UTC|[+-]\d\d(?::?\d\d)?))?)?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - times are counted beside their offset


class CursorTime:
    """A moment, and how it is written."""

    def __init__(self, whole: datetime, nanoseconds: int, style: "re.Match[str]") -> None:
        self._whole, self._nanoseconds, self._style = whole, nanoseconds, style

    @classmethod
    def of(cls, at: datetime) -> "CursorTime":
        """Return a moment of ours as it is written in UTC."""
        text = at.astimezone(UTC).replace(tzinfo=None).isoformat()
        time = cls.parse(f"{text}Z")
        assert time is not None, "the form is one of those that are read"
        return time

    @classmethod
    def parse(cls, text: str) -> "CursorTime | None":
        """Read a time, None where the text is none."""
        found = _TIME.fullmatch(text)
        if found is None:
            return None
        try:
            clock = f"{found['minute'] or '00:00'}:{found['second'] or '00'}"
            whole = datetime.fromisoformat(f"{found['date']}T{clock}")
            _offset(found["zone"])
        except ValueError:
            return None
        return cls(whole, int((found["digits"] or "").ljust(_DIGITS_MAX, "0")), found)

    def minus(self, nanoseconds: int) -> "CursorTime":
        """Return an earlier moment; raises WrongShape before the year 1."""
        seconds, rest = divmod(self._nanoseconds - nanoseconds, NANOSECONDS)
        try:
            return CursorTime(self._whole + timedelta(seconds=seconds), rest, self._style)
        except OverflowError as error:
            raise WrongShape(f"the lag leads from {self._style[0]} to before the year 1") from error

    @property
    def text(self) -> str:
        """The moment in the form that it was read in, with as many more digits as it needs; a date is rounded down."""
        style = self._style
        date = self._whole.date().isoformat()
        if style["between"] is None:
            return date
        digits = f"{self._nanoseconds:09}".rstrip("0").ljust(len(style["digits"] or ""), "0")
        clock = f"{self._whole:%H:%M:%S}"
        if style["second"] is None and not digits and not self._whole.second:
            clock = clock[:-3]
        fraction = f"{style['point'] or '.'}{digits}" if digits else ""
        return f"{date}{style['between']}{clock}{fraction}{style['zone'] or ''}"

    @property
    def in_utc(self) -> str:
        """The moment in UTC without an offset, as it was written where it has none."""
        ahead = _offset(self._style["zone"])
        if not ahead:
            return self.text
        at = (self._whole - ahead).isoformat(sep=" ")
        return f"{at}.{self._nanoseconds:09}" if self._nanoseconds else at

    @property
    def since_epoch(self) -> int:
        """Nanoseconds since 1970 in UTC; a time without an offset is one of UTC."""
        since = self._whole - _offset(self._style["zone"]) - _EPOCH
        return (since.days * 86_400 + since.seconds) * NANOSECONDS + self._nanoseconds

    def strftime(self, format_: str) -> str:
        """Return the moment as the format writes it, in UTC; raises WrongShape outside the years 1 to 9999."""
        try:
            at = self._whole - _offset(self._style["zone"])
        except OverflowError as error:
            raise WrongShape(f"{self._style[0]} is outside the years 1 to 9999 in UTC") from error
        return at.replace(microsecond=self._nanoseconds // 1000, tzinfo=UTC).strftime(format_)


def _offset(zone: str | None) -> timedelta:
    """Return what a zone is ahead of UTC; raises ValueError where it is none."""
    sign = (zone or "Z").strip()
    if sign in {"Z", "z", "UTC"}:
        return timedelta()
    digits = sign[1:].replace(":", "").ljust(4, "0")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(ahead if sign[0] == "+" else -ahead).utcoffset(None)
