"""The values a check accepts, as they are compared in SQL: numbers as numbers, all else as DuckDB prints it."""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from orc_executor.sql_names import identifier, text

_WHOLE = {
    f"{sign}{name}" for sign in ("", "U") for name in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
}
_REALS = {"DECIMAL": "DOUBLE", "DOUBLE": "DOUBLE", "FLOAT": "FLOAT"}
"""What columns of a kind are compared as; of a FLOAT, 0.1 is another number than of a DOUBLE."""

DIGITS_MAX = 300
"""Of a number before its point; none longer fits a DOUBLE."""

Value = str | int | float | bool


def is_accepted(column: str, type_: str, values: Sequence[Value]) -> str:
    """
    Return SQL that tells whether a value of the column, null aside, is one of `values`.

    It never fails whatever the values are: one that the column's type cannot hold is equal to nothing in it.
    """
    kind = type_.partition("(")[0]
    name = identifier(column)
    if kind in _WHOLE:
        whole = {int(number) for number in _numbers(values) if number == number.to_integral_value()}
        return _among(name, [text(str(number)) for number in sorted(whole)], kind)
    if kind in _REALS:
        real = _REALS[kind]
        found = {str(float(number)) for number in _numbers(values)}
        return _among(f"CAST({name} AS {real})", [text(number) for number in sorted(found)], real)
    words = {value if isinstance(value, str) else _printed(value) for value in values}
    return _among(f"CAST({name} AS VARCHAR)", [text(word) for word in sorted(words)], "VARCHAR")


def _among(value: str, literals: Sequence[str], type_: str) -> str:
    # A subquery is joined by hash; a list of IN is gone through for each row, a hundred times slower at 10,000 values.
    casts = ", ".join(f"TRY_CAST({literal} AS {type_})" for literal in literals)
    return f"{value} IN (SELECT one FROM (SELECT unnest([{casts}]) AS one) WHERE one IS NOT NULL)"


def _numbers(values: Sequence[Value]) -> list[Decimal]:
    """Return the values that are numbers, also those written as text."""
    found = []
    for value in values:
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            continue
        if number.is_finite() and number.adjusted() < DIGITS_MAX:
            found.append(number)
    return found


def _printed(value: float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
