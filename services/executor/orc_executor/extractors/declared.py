"""
Columns whose types the config gives: read as text and cast, so that a value that does not fit is an error.

DuckDB's readers round 1.5 to 2 where a whole number is asked for, and say nothing.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names; types are judged with the config

from collections.abc import Mapping

from msgspec import structs

from orc_executor.engine import Engine
from orc_executor.engine_errors import DOUBT
from orc_executor.extractors.source import Scan
from orc_executor.sql_names import identifier, text

_WHOLE = (
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
    "UHUGEINT", "INT", "INT2", "INT4", "INT8",
)  # fmt: skip
_ARRAY = "[]"
_SAID_CHARACTERS_MAX = 100


def declared(engine: Engine, scan: Scan, types: Mapping[str, str]) -> Scan:
    """Return the scan with columns of these types; it has read those columns as text. One that is absent is null."""
    by_name = {name.casefold(): (name, type_) for name, type_ in types.items()}
    parts = list[str]()
    for column in scan.columns:
        _, type_ = by_name.pop(column.casefold(), ("", None))
        name = identifier(column)
        parts.append(name if type_ is None else f"{_cast(column, type_)} AS {name}")
    parts += [f"CAST(NULL AS {type_}) AS {identifier(column)}" for column, type_ in by_name.values()]
    sql = f"SELECT {', '.join(parts)} FROM ({scan.sql})"
    return structs.replace(scan, sql=sql, columns=engine.describe(sql))


def _cast(column: str, type_: str) -> str:
    name = identifier(column)
    base = type_.rstrip(_ARRAY)
    # What reads an array is JSON's own cast: as text, "a,b" would be two.
    value = name if base == type_ else f"CAST({name} AS JSON)"
    cast = f"CAST({value} AS {type_})"
    if base.strip().upper() not in _WHOLE:
        return cast
    exact = ("DECIMAL(38, 10)" if base == type_ else "DOUBLE") + type_[len(base) :]
    said = f"{text(f'{DOUBT}: column {column}: ')} || left({name}, {_SAID_CHARACTERS_MAX}) || {text(f' is not {type_}')}"
    # A text like `1.0` is another way to write a whole number; what has more digits than a decimal says the same as it.
    check = f"{cast}::VARCHAR IS NOT DISTINCT FROM {name} OR TRY_CAST({value} AS {exact}) IS NOT DISTINCT FROM {cast}"
    return f"CASE WHEN {check} THEN {cast} ELSE CAST(error({said}) AS {type_}) END"
