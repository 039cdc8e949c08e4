"""
Widening: which type a column may become so that it holds other values beside those it has.

Numbers widen to numbers and dates to timestamps; nested types by their fields. A number never becomes a text: whoever
reads the table counts on its being a number. Where the wider type cannot hold every value of the narrower one (whole
numbers beyond 2^53 as DOUBLE), the loader looks whether the table has such a value.
"""

import re
from collections.abc import Callable

from orc_executor.extractors.casting import checked_cast

_NUMBER = re.compile(r"(U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\))\Z")
_REAL = re.compile(r"FLOAT|DOUBLE|DECIMAL\((?P<width>\d+),(?P<scale>\d+)\)")
_WHOLE_DIGITS = {
    f"{sign}{name}": digits
    for sign in ("", "U")
    for name, digits in (("TINYINT", 3), ("SMALLINT", 5), ("INTEGER", 10), ("BIGINT", 20), ("HUGEINT", 39))
}
_LONG = re.compile(r"BIGINT|HUGEINT|INTEGER|DECIMAL")
_ROUNDING = re.compile(r"FLOAT|DOUBLE|DECIMAL")
_FLOAT_DIGITS, _DOUBLE_DIGITS = 6, 15
"""Decimal digits that are always kept."""
_DATE = frozenset({"DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS"})
_NESTED = re.compile(r"STRUCT\(|MAP\(|.*\[\d*\]\Z", re.DOTALL)


def widened(type_: str, found: str, supertype: Callable[[str, str], str | None]) -> str | None:
    """Return the type that holds both, None where a column may not become it."""
    wide = supertype(type_, found)
    if wide is None or wide == type_:
        return wide
    for family in (_is_number, _is_date, _is_nested):
        if family(type_) and family(found) and family(wide):
            return wide
    return wide if type_ == '"NULL"' else None


def loses(found: str, type_: str) -> bool:
    """Whether a number that a column takes as its own kind may not be the same there, or one inside a nested value."""
    if _is_nested(found) and _is_nested(type_) and found != type_:
        # Names of fields that read so cost a check and no more.
        return bool(_LONG.search(found) and _ROUNDING.search(type_))
    if not _is_number(found) or (to := _REAL.fullmatch(type_)) is None:
        return False
    digits, scale = _digits(found)
    if to["scale"] is not None:
        return scale > int(to["scale"])
    return digits > (_FLOAT_DIGITS if type_ == "FLOAT" else _DOUBLE_DIGITS)


def converted(sql: str, column: str, found: str, type_: str) -> str:
    """Return SQL for a value as the column's type; one that would not be the same fails."""
    return checked_cast(sql, column, found, type_) if loses(found, type_) else f"CAST({sql} AS {type_})"


def _digits(type_: str) -> tuple[int, int]:
    """Return how many digits a number may have, and how many of them after its point; none where it is no decimal."""
    if type_ in _WHOLE_DIGITS:
        return _WHOLE_DIGITS[type_], 0
    decimal = _REAL.fullmatch(type_)
    return (
        (0, 0)
        if decimal is None or decimal["width"] is None
        else (int(decimal["width"]), int(decimal["scale"]))
    )


def _is_number(type_: str) -> bool:
    return bool(_NUMBER.match(type_))


def _is_date(type_: str) -> bool:
    return type_ in _DATE


def _is_nested(type_: str) -> bool:
    return bool(_NESTED.match(type_))
