"""
Assertions: SELECTs of a user over the target, that must return no row.

They name the target's tables plainly, so the target is the default database meanwhile. DuckDB ends the transaction at
any statement that fails, a misspelt column among them: nothing can be asked after that, and nothing be committed.

A query reads tables and nothing else: no files, though the worker may, no settings, whether it says so itself or calls
a view or macro of the file that does. A macro that is called like a function of DuckDB's own would be called in its
place, also by our own part of the statement: then no query is run.
"""

# ruff: noqa: S608 - the query was parsed by DuckDB and is one SELECT

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import duckdb
from msgspec import Struct

from orc_events.statements import load
from orc_executor.engine import Engine
from orc_executor.engine_errors import target_error
from orc_executor.errors import TargetUnusable, storable

ROWS_SHOWN_MAX = 3
READABLE = frozenset({
    "SEQ_SCAN", "INDEX_SCAN", "DUMMY_SCAN", "CTE_SCAN", "DELIM_SCAN", "DELIM_GET", "CHUNK_GET", "COLUMN_DATA_SCAN",
    "EXPRESSION_GET", "EMPTY_RESULT", "EMPTY", "RANGE", "GENERATE_SERIES", "UNNEST", "REPEAT", "REPEAT_ROW",
    "DUCKDB_COLUMNS", "DUCKDB_CONSTRAINTS", "DUCKDB_INDEXES", "DUCKDB_SCHEMAS", "DUCKDB_TABLES", "DUCKDB_VIEWS",
})  # fmt: skip
"""What a query may read, as plans call it: tables, values, and what the catalogue says of tables."""
_SHADOWS = load("orc_executor", "target_shadows")
_SHADOWS_SHOWN_MAX = 3
ROW_CHARACTERS_MAX = 128


class Assertion(Struct, frozen=True):
    """What became of a query."""

    fault: str | None = None
    is_evaluated: bool = True
    """Whether it could be run to its end."""


def run_assertions(queries: Mapping[int, str], engine: Engine) -> dict[int, Assertion]:
    """
    Return what each query says, by its key.

    Once one could not be evaluated, the open transaction is rolled back and those after it are not run; raises
    TaskStopped and errors that are not the query's own fault: no space, no memory.
    """
    answers: dict[int, Assertion] = {}
    if not queries:
        return answers
    if shadows := [name for (name,) in engine.run(_SHADOWS)]:
        shown = storable(", ".join(shadows[:_SHADOWS_SHOWN_MAX]), ROW_CHARACTERS_MAX)
        fault = f"the file has a macro {shown}, the name of a function of DuckDB's own: drop it"
        return dict.fromkeys(queries, Assertion(fault, is_evaluated=False))
    with _target_by_default(engine):
        for place, query in queries.items():
            if any(not answer.is_evaluated for answer in answers.values()):
                answers[place] = Assertion("it was not run, as a query before it failed", is_evaluated=False)
                continue
            try:
                answers[place] = Assertion(_fault(query, engine))
            except duckdb.Error as error:
                engine.roll_back()
                meant = target_error(error, "the query fails")
                if not isinstance(meant, TargetUnusable):
                    raise meant from error
                answers[place] = Assertion(meant.message, is_evaluated=False)
    return answers


def _fault(query: str, engine: Engine) -> str | None:
    if not engine.is_one_select(query):
        raise duckdb.ParserException("it is not one SELECT statement")
    # As a subquery it cannot change anything, and its values come as text whatever their types are.
    read = query.rstrip().rstrip(";")
    asked = (
        f"SELECT left(CAST(_orc_row AS VARCHAR), {ROW_CHARACTERS_MAX + 1}) FROM ({read}\n) AS _orc_row"
        f" LIMIT {ROWS_SHOWN_MAX}"
    )
    if others := sorted(engine.reads(asked) - READABLE):
        raise duckdb.PermissionException(
            f"it reads {', '.join(others).lower()}, not the target's tables alone"
        )
    found = engine.run(asked)
    if not found:
        return None
    shown = " and ".join(storable(row, ROW_CHARACTERS_MAX) for (row,) in found)
    return f"it returns rows, such as {shown}"


@contextmanager
def _target_by_default(engine: Engine) -> Iterator[None]:
    engine.run("USE target")
    try:
        yield
    finally:
        # With its schema: a file may have a schema that is called memory.
        engine.run("USE memory.main")
