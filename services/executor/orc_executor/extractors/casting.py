"""Casts that a config asks for: nothing is rounded, cut off or let through as null; what would be is an error."""

import re

from orc_executor.engine import Engine
from orc_executor.engine_errors import DOUBT
from orc_executor.extractors.source import Columns
from orc_executor.sql_names import identifier, text

_INTEGERS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER")
_DECIMAL = re.compile(r"DECIMAL\(\d+,(?P<scale>\d+)\)")
_TIMESTAMP = re.compile(r"TIMESTAMP(_S|_MS)?")
_SHOWN_CHARACTERS_MAX = 100


def named_types(engine: Engine, columns: Columns | None) -> dict[str, str]:
    """Return the types as DuckDB itself calls them; raises duckdb.Error for one that cannot be."""
    if not columns:
        return {}
    nulls = (f"CAST(NULL AS {type_}) AS {identifier(name)}" for name, type_ in columns.items())
    return dict(zip(columns, engine.describe(f"SELECT {', '.join(nulls)}").values(), strict=True))


def is_scalar(type_: str) -> bool:
    """Whether a value of the type can be told from its text; it is one that DuckDB itself named."""
    return not type_.endswith("]") and type_ != "JSON"


def keeps_text(value: str, wanted: str) -> str:
    """Return SQL for whether the type holds all that a text says; `value` is SQL, not null."""
    cast = f"TRY_CAST({value} AS {wanted})"
    if _INTEGERS.fullmatch(wanted):
        return f"(regexp_full_match({value}, '\\s*[+-]?\\d+(\\.0*)?\\s*') AND {cast} IS NOT NULL)"
    if decimal := _DECIMAL.fullmatch(wanted):
        fits = f"regexp_full_match({value}, '\\s*[+-]?\\d*(\\.\\d{{0,{decimal['scale']}}}0*)?\\s*')"
        return f"({fits} AND {cast} IS NOT NULL)"
    if wanted == "DATE":
        return f"(coalesce({cast} = TRY_CAST({value} AS TIMESTAMP), false) AND {keeps_instant(value, cast)})"
    if _TIMESTAMP.fullmatch(wanted):
        exact = f"TRY_CAST({value} AS TIMESTAMP_NS)"
        # Beyond the years that nanoseconds can count, there is nothing finer to lose.
        kept = f"coalesce({exact} = TRY_CAST({cast} AS TIMESTAMP_NS), true)"
        return f"({cast} IS NOT NULL AND {kept} AND {keeps_instant(value, cast)})"
    return f"({cast} IS NOT NULL)"


def keeps_instant(value: str, cast: str) -> str:
    """Return SQL for whether a time without a zone, which is UTC, is the instant that its text says; DuckDB drops an offset."""
    return f"coalesce(TRY_CAST({value} AS TIMESTAMPTZ) = CAST({cast} AS TIMESTAMPTZ), true)"


def keeps_json(value: str, wanted: str) -> str:
    """Return SQL for whether the type, JSON or a list, holds all that a JSON value says."""
    base = wanted.rstrip("[]")
    cast = f"TRY_CAST({value} AS {wanted})"
    if not (_INTEGERS.fullmatch(base) or _DECIMAL.fullmatch(base)):
        return f"({cast} IS NOT NULL)"
    fractions = "DOUBLE" + wanted.removeprefix(base)
    return f"coalesce(CAST({cast} AS {fractions}) = TRY_CAST({value} AS {fractions}), false)"


def checked_cast(value: str, name: str, found: str, wanted: str) -> str:
    """Return SQL that casts, and fails naming the column and the value where something would be lost."""
    if found == "VARCHAR" and is_scalar(wanted):
        keeps = keeps_text(value, wanted)
    else:
        # What comes back the same has lost nothing.
        keeps = f"coalesce(TRY_CAST(TRY_CAST({value} AS {wanted}) AS {found}) = {value}, false)"
    shown = f"left(CAST({value} AS VARCHAR), {_SHOWN_CHARACTERS_MAX})"
    fault = f"{text(f'{DOUBT}: column {name}: ')} || {shown} || {text(f' is not {wanted}')}"
    return f"CASE WHEN {value} IS NULL OR {keeps} THEN CAST({value} AS {wanted}) ELSE error({fault}) END"
