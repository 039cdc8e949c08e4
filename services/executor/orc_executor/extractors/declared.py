"""
Columns whose types the config gives: read as text and cast, so that a value that does not fit is an error.

DuckDB's readers round 1.5 to 2 where a whole number is asked for, cut 1.234 to two decimals, drop the time of a day,
and say nothing.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names; types are judged with the config

import re
from collections.abc import Mapping

from msgspec import structs

from orc_executor.engine import Engine
from orc_executor.engine_errors import DOUBT
from orc_executor.extractors.casting import keeps_instant
from orc_executor.extractors.source import Scan
from orc_executor.sql_names import folded, identifier, text

_WHOLE = (
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
    "UHUGEINT", "INT", "INT2", "INT4", "INT8",
)  # fmt: skip
_DECIMAL = re.compile(r"(?:DECIMAL|NUMERIC) ?(?:\( ?([0-9]+) ?(?:, ?([0-9]+) ?)?\))?")
_DIGITS_MAX, _WIDTH, _SCALE = 38, 18, 3
_TIMES = frozenset(
    {"DATE", "TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS"}
)
_ZONED = frozenset({"TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"})
_ARRAY = "[]"
_SAID_CHARACTERS_MAX = 100


def declared(engine: Engine, scan: Scan, types: Mapping[str, str]) -> Scan:
    """Return the scan with columns of these types; it has read those columns as text. One that is absent is null."""
    by_name = {folded(name): (name, type_) for name, type_ in types.items()}
    parts = list[str]()
    for column in scan.columns:
        _, type_ = by_name.pop(folded(column), ("", None))
        name = identifier(column)
        parts.append(name if type_ is None else f"{cast_sql(column, type_)} AS {name}")
    parts += [f"CAST(NULL AS {type_}) AS {identifier(column)}" for column, type_ in by_name.values()]
    sql = f"SELECT {', '.join(parts)} FROM ({scan.sql})"
    return structs.replace(scan, sql=sql, columns=engine.describe(sql))


def cast_sql(column: str, type_: str) -> str:
    """Return SQL for a column, which was read as text, in its type; a value that it would not keep is an error."""
    name = identifier(column)
    base = type_.rstrip(_ARRAY)
    # What reads an array is JSON's own cast: as text, "a,b" would be two.
    read = name if base == type_ else f"TRY_CAST({name} AS JSON)"
    value = f"TRY_CAST({read} AS {type_})"
    check = _check(name, read, value, base.strip().upper(), type_[len(base) :])
    kept = f"{value} IS NOT NULL AND {check}" if check else f"{value} IS NOT NULL"
    said = f"{text(f'{DOUBT}: column {column}: ')} || left({name}, {_SAID_CHARACTERS_MAX}) || {text(f' is not {type_}')}"
    return f"CASE WHEN {name} IS NULL OR ({kept}) THEN {value} ELSE CAST(error({said}) AS {type_}) END"


def _check(name: str, read: str, value: str, base: str, array: str) -> str:
    """Return the condition under which a value says what its text does, empty where every cast does."""
    if base in _WHOLE:
        exact = "DOUBLE" if array else "DECIMAL(38, 10)"
        # A text like `1.0` is another way to write a whole number; what has more digits than a decimal says the same as it.
        return f"(CAST({value} AS VARCHAR) = {name} OR coalesce(TRY_CAST({read} AS {exact}{array}) = {value}, false))"
    if array:
        return ""
    if (decimal := _DECIMAL.fullmatch(base)) is not None:
        width = int(decimal[1] or _WIDTH)
        scale = int(decimal[2] or 0) if decimal[1] else _SCALE
        # As many digits before the point, and all the others after it.
        return f"TRY_CAST({name} AS DECIMAL({_DIGITS_MAX}, {_DIGITS_MAX - width + scale})) = {value}"
    if base in _TIMES:
        exact = f"coalesce(TRY_CAST({name} AS TIMESTAMP_NS) = {value}, true)"
        return exact if base in _ZONED else f"{exact} AND {keeps_instant(name, value)}"
    return ""
