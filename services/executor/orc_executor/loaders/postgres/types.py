"""
DuckDB's types as Postgres': what a column of a new table is, how its values are written as CSV, what fits what.

Nothing is lost on the way: what Postgres cannot hold is an error that names the column.
"""

import re

from orc_executor.engine_errors import DOUBT
from orc_executor.sql_names import identifier, text

_TYPES = {
    "BOOLEAN": "boolean", "TINYINT": "smallint", "UTINYINT": "smallint", "SMALLINT": "smallint",
    "USMALLINT": "integer", "INTEGER": "integer", "UINTEGER": "bigint", "BIGINT": "bigint",
    "UBIGINT": "numeric(20,0)", "HUGEINT": "numeric(39,0)", "UHUGEINT": "numeric(39,0)", "BIGNUM": "numeric",
    "FLOAT": "real", "DOUBLE": "double precision", "VARCHAR": "text", "BLOB": "bytea", "DATE": "date",
    "TIME": "time without time zone", "TIME_NS": "time without time zone", "TIME WITH TIME ZONE": "time with time zone",
    "TIMESTAMP": "timestamp without time zone", "TIMESTAMP_S": "timestamp without time zone",
    "TIMESTAMP_MS": "timestamp without time zone", "TIMESTAMP_NS": "timestamp without time zone",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone", "INTERVAL": "interval", "UUID": "uuid", "JSON": "jsonb",
    '"NULL"': "text",
}  # fmt: skip
_NESTED = re.compile(r".*\]|(STRUCT|MAP|UNION|VARIANT)\b.*", re.DOTALL)
_DECIMAL = re.compile(r"(?:DECIMAL|numeric)\((\d+),(-?\d+)\)")
_UNQUOTED = frozenset({"boolean", "smallint", "integer", "bigint", "numeric", "real", "double precision"})
"""Types whose values are never empty, and never hold what CSV means something by."""
_FINER = {"TIMESTAMP_NS": "TIMESTAMP", "TIME_NS": "TIME"}
_CALENDAR = ("DATE", "TIMESTAMP")
_WHOLE_DIGITS = {"smallint": 5, "integer": 10, "bigint": 19}
_WIDENINGS = (
    ("smallint", "integer", "bigint", "numeric"),
    ("real", "double precision"),
    ("date", "timestamp without time zone", "timestamp with time zone"),
)
_OTHERS = frozenset({("numeric", "numeric"), ("text", "character varying"), ("jsonb", "json")})
_TYPED = frozenset({"boolean", "bytea", "interval", "money", "bit", "bit varying", *sum(_WIDENINGS, ())})
"""What a text is not simply put into: it would be guessed what it means."""
_BACK = {
    "boolean": "BOOLEAN", "smallint": "SMALLINT", "integer": "INTEGER", "bigint": "BIGINT", "real": "FLOAT",
    "double precision": "DOUBLE", "date": "DATE", "timestamp without time zone": "TIMESTAMP", "uuid": "UUID",
    "timestamp with time zone": "TIMESTAMP WITH TIME ZONE", "time without time zone": "TIME", "bytea": "BLOB",
    "interval": "INTERVAL", "jsonb": "JSON", "json": "JSON",
}  # fmt: skip
_DUCKDB_DIGITS_MAX = 38


def postgres_type(duckdb_type: str) -> str:
    """Return the type of a column that is made for values of a DuckDB type."""
    if decimal := _DECIMAL.fullmatch(duckdb_type):
        return f"numeric({decimal[1]},{decimal[2]})"
    if _NESTED.fullmatch(duckdb_type):
        return "jsonb"
    return _TYPES.get(duckdb_type, "text")


def duckdb_type(postgres: str) -> str | None:
    """Return the DuckDB type that a source without types of its own is best read as for such a column, if there is one."""
    decimal = _DECIMAL.fullmatch(postgres)
    if decimal and 0 <= int(decimal[2]) <= int(decimal[1]) <= _DUCKDB_DIGITS_MAX:
        return f"DECIMAL({decimal[1]},{decimal[2]})"
    if postgres.partition("(")[0] in _TYPED or postgres.startswith("time"):
        return _BACK.get(postgres)
    return _BACK.get(postgres, "VARCHAR")


def is_quoted(duckdb_type: str) -> bool:
    """Whether CSV must quote the values, so that an empty text is not taken for null."""
    return postgres_type(duckdb_type).partition("(")[0] not in _UNQUOTED


def csv_value(name: str, duckdb_type: str) -> str:
    """Return DuckDB SQL for a column as Postgres reads it from CSV."""
    value = identifier(name)
    if duckdb_type == "BLOB":
        return f"'\\x' || lower(hex({value}))"
    if _NESTED.fullmatch(duckdb_type):
        return f"CAST(to_json({value}) AS VARCHAR)"
    if duckdb_type in _FINER:
        coarse = _FINER[duckdb_type]
        said = text(f"{DOUBT}: column {name}: ")
        reason = text(" is finer than a microsecond, which Postgres does not hold: cast it")
        value = (
            f"CASE WHEN CAST(CAST({value} AS {coarse}) AS {duckdb_type}) <> {value} "
            f"THEN error({said} || CAST({value} AS VARCHAR) || {reason}) ELSE CAST({value} AS {coarse}) END"
        )
    if duckdb_type.startswith(_CALENDAR):
        # DuckDB writes '(BC)' behind the date, Postgres reads 'BC' behind everything.
        return (
            f"CASE WHEN year({value}) < 1 THEN replace(CAST({value} AS VARCHAR), ' (BC)', '') || ' BC' "
            f"ELSE CAST({value} AS VARCHAR) END"
        )
    return value


def holds(wanted: str, found: str) -> bool:
    """Whether every value of a DuckDB type is one of a Postgres column's."""
    ours = postgres_type(found)
    if found == '"NULL"' or wanted in (ours, "text"):
        return True
    if any(ours in row and wanted in row and row.index(ours) < row.index(wanted) for row in _WIDENINGS):
        return True
    if decimal := _DECIMAL.fullmatch(wanted):
        return _has_digits(int(decimal[1]), int(decimal[2]), ours)
    return (ours.partition("(")[0], wanted) in _OTHERS


def fits(found: str, wanted: str) -> bool:
    """Whether every value of a DuckDB type is one of a Postgres column's, or is refused by it: nothing is rounded."""
    ours = postgres_type(found)
    if holds(wanted, found):
        return True
    if (scale := _scale(ours)) is not None and (room := _scale(wanted)) is not None:
        return scale <= room
    return found == "VARCHAR" and wanted.partition("(")[0] not in _TYPED and not wanted.startswith("time")


def _scale(type_: str) -> int | None:
    """Return how many digits an exact number has behind its point."""
    decimal = _DECIMAL.fullmatch(type_)
    return int(decimal[2]) if decimal else 0 if type_ in _WHOLE_DIGITS else None


def _has_digits(precision: int, scale: int, ours: str) -> bool:
    if (digits := _WHOLE_DIGITS.get(ours)) is not None:
        return scale >= 0 and precision - scale >= digits
    found = _DECIMAL.fullmatch(ours)
    return found is not None and scale >= int(found[2]) and precision - scale >= int(found[1]) - int(found[2])
