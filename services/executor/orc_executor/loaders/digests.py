"""
Digests: what tells a row from others, and the texts that it is made of.

The same value has the same text whatever type its column has in a run: 5 and 5.0, a date and its midnight, an object
before and after another key was seen in it. Types of rows are found anew each run; what a row says does not change with them.
"""

from collections.abc import Iterable, Mapping
from typing import cast

from duckdb.sqltypes import DuckDBPyType

from orc_executor.engine import Engine
from orc_executor.sql_names import folded, identifier, text

_REALS = frozenset({"float", "double"})
_MOMENTS = frozenset({"date", "timestamp", "timestamp_s", "timestamp_ms"})
_ZONED = frozenset({"TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"})
_LISTS = frozenset({"list", "array"})
_WHOLE_BELOW = "1e38"
"""Whole numbers below it are exact as HUGEINT."""
_NULL = "'-'"


def digest(columns: Mapping[str, str], engine: Engine) -> str:
    """Return SQL for what tells a row from others: every column that is not null, by name, so that a new one changes none."""
    return _object((name, identifier(name), engine.type_of(type_)) for name, type_ in columns.items())


def said(sql: str, type_: DuckDBPyType) -> str:
    """Return SQL for a value's text in which no other value of its column can be read; a null has one, too."""
    return f"coalesce({_said(sql, type_, 0)}, {_NULL})"


def _said(sql: str, type_: DuckDBPyType, depth: int) -> str:
    """Return the same, null where the value is null."""
    if type_.id == "struct":
        # By place and not by name: a name may be empty.
        fields = [
            (name, f"struct_extract_at({sql}, {place})", cast(DuckDBPyType, inner))
            for place, (name, inner) in enumerate(type_.children, start=1)
        ]
        return f"CASE WHEN {sql} IS NOT NULL THEN {_object(fields, depth + 1)} END"
    if type_.id in _LISTS:
        one, element = f"orc_element_{depth}", cast(DuckDBPyType, type_.children[0][1])
        each = f"coalesce({_said(one, element, depth + 1)}, {_NULL})"
        return f"md5(array_to_string(list_transform({sql}, lambda {one}: {each}), ''))"
    # With its length in front, so that ('a', 'bc') is not ('ab', 'c').
    leaf = _leaf(sql, type_)
    return f"length({leaf}) || ':' || {leaf}"


def _leaf(sql: str, type_: DuckDBPyType) -> str:
    written = f"CAST({sql} AS VARCHAR)"
    if type_.id in _REALS:
        whole = f"{sql} = trunc({sql}) AND abs({sql}) < {_WHOLE_BELOW}"
        return f"CASE WHEN {whole} THEN CAST(TRY_CAST({sql} AS HUGEINT) AS VARCHAR) ELSE {written} END"
    if type_.id == "decimal":
        return f"CASE WHEN contains({written}, '.') THEN rtrim(rtrim({written}, '0'), '.') ELSE {written} END"
    if type_.id in _MOMENTS:
        return f"CAST(CAST({sql} AS TIMESTAMP) AS VARCHAR)"
    # As UTC, whatever zone the machine is in.
    return f"CAST(({sql} AT TIME ZONE 'UTC') AS VARCHAR)" if str(type_) in _ZONED else written


def _object(fields: Iterable[tuple[str, str, DuckDBPyType]], depth: int = 0) -> str:
    """Return SQL for the digest of named values; which order they stand in says nothing."""
    parts = [
        f"{text(f'{len(name)}:{folded(name)}=')} || {_said(sql, type_, depth)}"
        for name, sql, type_ in sorted(fields, key=lambda field: folded(field[0]))
    ]
    return f"md5(concat('', {', '.join(parts)}))" if parts else "md5('')"
