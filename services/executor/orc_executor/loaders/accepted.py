"""The values a check accepts, as they are compared in SQL: numbers as numbers, all else as DuckDB prints it."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from orc_executor.sql_names import identifier, text

_BITS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64, "HUGEINT": 128}
_RANGES = {name: (-(1 << bits - 1), (1 << bits - 1) - 1) for name, bits in _BITS.items()} | {
    f"U{name}": (0, (1 << bits) - 1) for name, bits in _BITS.items()
}
_REALS = {"DECIMAL": "DOUBLE", "DOUBLE": "DOUBLE", "FLOAT": "FLOAT"}
"""What columns of a kind are compared as; of a FLOAT, 0.1 is another number than of a DOUBLE."""

Value = str | int | float | bool


def is_accepted(column: str, type_: str, values: Sequence[Value]) -> str:
    """
    Return SQL that tells whether a value of the column, null aside, is one of `values`.

    It never fails whatever the values are: one that the column's type cannot hold is equal to nothing in it.
    """
    kind = type_.partition("(")[0]
    name = identifier(column)
    if kind in _RANGES:
        low, high = _RANGES[kind]
        whole = {int(n) for n in _numbers(values) if n == n.to_integral_value() and low <= n <= high}
        return _among(name, [f"'{number}'" for number in sorted(whole)], kind)
    if kind in _REALS:
        real = _REALS[kind]
        found = {str(float(number)) for number in _numbers(values)}
        return _among(f"CAST({name} AS {real})", [text(number) for number in sorted(found)], real)
    words = {value if isinstance(value, str) else _printed(value) for value in values}
    return _among(f"CAST({name} AS VARCHAR)", [text(word) for word in sorted(words)], "VARCHAR")


def _among(value: str, literals: Sequence[str], type_: str) -> str:
    # A subquery is joined by hash; a list of IN is gone through for each row, a hundred times slower at 10,000 values.
    casts = ", ".join(f"TRY_CAST({literal} AS {type_})" for literal in literals)
    return f"{value} IN (SELECT unnest([{casts}]))" if literals else "FALSE"


def _numbers(values: Sequence[Value]) -> list[Decimal]:
    """Return the values that are numbers, also those written as text."""
    found = []
    for value in values:
        try:
            number = Decimal("NaN") if isinstance(value, bool) else Decimal(str(value))
        except InvalidOperation:
            continue
        if number.is_finite():
            found.append(number)
    return found


def _printed(value: float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
