"""What is asked of Postgres: a table or a query, described by the server itself, narrowed by the cursor."""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

import re
from typing import Any

from orc_domain.extractors.incremental import Incremental
from orc_domain.extractors.sql import SqlExtract, table_parts
from orc_domain.run_messages import RunWindow
from orc_executor.errors import WrongShape
from orc_executor.extractors.postgres.types import WIDEST, Column
from orc_executor.postgres_connection import Session
from orc_executor.sql_names import folded, identifier, text
from orc_executor.state import TaskState

CURSOR_TEXT = "_orc_cursor_text"
_NUMBERS = frozenset({"int2", "int4", "int8", "numeric", "float4", "float8", "oid"})
_TIMES = frozenset({"date", "timestamp", "timestamptz"})
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LAG = re.compile(r"(?P<number>[0-9.]+)(?P<unit>[smhdw]?)")
_KINDS = {"scalar", "array", "composite"}


def source_sql(config: SqlExtract) -> str:
    """Return the query as it stands alone."""
    if config.table is not None:
        return f"SELECT * FROM {'.'.join(map(identifier, table_parts(config.table)))}"
    assert config.query is not None, "the config has one of both"
    return config.query.strip().rstrip(";").rstrip()


def describe(session: Session, sql: str, *, is_table: bool) -> list[Column]:
    """
    Return the columns of a query; raises TaskError, WrongShape when it is none.

    The server parses it alone first: what is one statement by itself can be no more than one within another.
    """
    statement = session.run(lambda: session.connection.prepare(sql))
    attributes = statement.get_attributes()
    if not attributes:
        raise WrongShape("query returns no columns: it must be one SELECT, WITH, VALUES or TABLE")
    if statement.get_parameters():
        raise WrongShape("query has parameters ($1): nothing is given for them")
    names = [attribute.name for attribute in attributes]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise WrongShape(f"query has two columns that are called {twice}: give one an alias")
    digits = _digits(session, sql) if is_table else {}
    return [_column(attribute, digits.get(attribute.name)) for attribute in attributes]


def copied_sql(
    sql: str,
    columns: list[Column],
    incremental: Incremental | None,
    state: TaskState,
    window: RunWindow | None,
) -> str:
    """Return the query whose rows are copied; raises WrongShape naming what is not there."""
    parts, condition = [f"{column.asked} AS {identifier(column.name)}" for column in columns], ""
    if incremental is not None:
        cursor = cursor_column(columns, incremental.cursor)
        name = f"asked.{identifier(cursor.name)}"
        parts.append(f"CAST({name} AS text) AS {identifier(CURSOR_TEXT)}")
        condition = _condition(name, cursor, incremental, state, window)
    elif len(parts) == 1:
        # A row of one null would be an empty line, which may be no row at all.
        parts.append("1 AS _orc_row")
    return f"SELECT {', '.join(parts)} FROM (\n{sql}\n) AS asked{condition}"


def cursor_column(columns: list[Column], name: str) -> Column:
    """Return the column of that name, in any case; raises WrongShape."""
    for column in columns:
        if folded(column.name) == folded(name):
            return column
    there = ", ".join(column.name for column in columns[:20])
    raise WrongShape(f"incremental.cursor names {name}, the columns are {there}")


def _condition(
    name: str, cursor: Column, incremental: Incremental, state: TaskState, window: RunWindow | None
) -> str:
    def typed(said: str) -> str:
        return f"CAST({text(said)} AS {identifier(cursor.type)})"

    if window is not None:
        if cursor.type not in _TIMES:
            raise WrongShape(f"the run has a window, and the cursor {cursor.name} is {cursor.type}: no time")
        return (
            f" WHERE {name} >= {typed(window.start.isoformat())} AND {name} < {typed(window.end.isoformat())}"
        )
    if state.cursor is None:
        if incremental.initial is None:
            return ""
        return f" WHERE {name} >= {typed(str(incremental.initial))} OR {name} IS NULL"
    return f" WHERE {name} >= {typed(state.cursor)}{_lag(cursor, incremental.lag)} OR {name} IS NULL"


def _lag(cursor: Column, lag: str | None) -> str:
    if lag is None:
        return ""
    found = _LAG.fullmatch(lag)
    assert found is not None, "the config's pattern says so"
    if cursor.type in _TIMES:
        return f" - interval '{float(found['number']) * _UNITS.get(found['unit'], 1)} seconds'"
    if cursor.type in _NUMBERS and not found["unit"]:
        return f" - {found['number']}"
    raise WrongShape(
        f"incremental.lag is {lag}, and the cursor {cursor.name} is {cursor.type}: a time takes a number with s, m, h, d "
        "or w, a number a number alone"
    )


def _column(attribute: Any, digits: tuple[int, int] | None) -> Column:
    kind = attribute.type.kind if attribute.type.kind in _KINDS else "other"
    if attribute.type.name == "record":
        kind = "composite"
    precision, scale = digits or (None, None)
    return Column(name=attribute.name, type=attribute.type.name, kind=kind, precision=precision, scale=scale)


def _digits(session: Session, sql: str) -> dict[str, tuple[int, int]]:
    """Return precision and scale of a table's numeric columns that DuckDB can have so."""
    relation = sql.removeprefix("SELECT * FROM ")
    rows = session.fetch(
        "SELECT attname, ((atttypmod - 4) >> 16) & 65535, (atttypmod - 4) & 2047 FROM pg_catalog.pg_attribute "
        "WHERE attrelid = CAST(CAST($1 AS text) AS regclass) AND attnum > 0 AND NOT attisdropped "
        "AND atttypid = CAST('pg_catalog.numeric' AS regtype) AND atttypmod >= 4",
        relation,
    )
    return {name: (precision, scale) for name, precision, scale in rows if scale <= precision <= WIDEST}
