"""
Widening: which type a column may become so that it holds other values beside those it has.

Numbers widen to numbers and dates to timestamps; nested types by their fields. A number never becomes a text: whoever
reads the table counts on its being a number. Where the wider type cannot hold every value of the narrower one (whole
numbers beyond 2^53 as DOUBLE), the loader looks whether the table has such a value.
"""

import re
from collections.abc import Callable

_NUMBER = re.compile(r"(U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\))\Z")
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


def _is_number(type_: str) -> bool:
    return bool(_NUMBER.match(type_))


def _is_date(type_: str) -> bool:
    return type_ in _DATE


def _is_nested(type_: str) -> bool:
    return bool(_NESTED.match(type_))
