"""Lags: how far before its cursor a task begins again."""

import re
from decimal import Decimal

from msgspec import Struct

from orc_executor.extractors.cursor_times import NANOSECONDS

_LAG = re.compile(r"([0-9.]+)([smhdw]?)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Lag(Struct, frozen=True):
    """A number, or a time."""

    amount: Decimal
    nanoseconds: int | None
    """None where it has no unit."""


def parse_lag(text: str) -> Lag:
    """Read a lag as a config may hold it."""
    found = _LAG.fullmatch(text)
    assert found is not None, "the config's pattern is narrower"
    amount = Decimal(found[1])
    # Twelve digits and nine after the point, in weeks: exact within the 28 digits of a Decimal.
    return Lag(amount, int(amount * _SECONDS[found[2]] * NANOSECONDS) if found[2] else None)
