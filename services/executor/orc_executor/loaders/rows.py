"""
Rows of a scan as a loader without tables of the engine's own takes them: tagged with their run, narrowed by the cursor.

    take       the query to read once, or a stage of it where the cursor has to be found after
    left_out   once it was read: how many rows the source could not give, within what the config allows
    advance    the state that the next run goes on from
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from typing import Any

from msgspec import Struct

from orc_domain.loaders.parquet import ParquetLoad
from orc_domain.loaders.postgres import PostgresLoad
from orc_executor.engine import Engine
from orc_executor.errors import WrongShape
from orc_executor.extractors.source import Scan
from orc_executor.loaders.digests import digest
from orc_executor.loaders.duckdb.staging import narrowing_of
from orc_executor.loaders.incremental import CURSOR, CURSOR_TEXT, Narrowing
from orc_executor.loaders.quarantine import count_rejects
from orc_executor.sql_names import folded, identifier, text
from orc_executor.state import Learned, TaskState, following
from orc_executor.underway import Underway

_STAGE = "orc_rows"
NO_ROW_NAMES = frozenset({CURSOR, CURSOR_TEXT})
"""What no column may be called, as loading needs the names."""


class Rows(Struct, frozen=True, kw_only=True):
    """A query and what of it is loaded."""

    sql: str
    columns: dict[str, str]
    """Of the target; empty when nothing is known of the rows but that there are none."""
    scan: Scan
    narrowing: Narrowing | None = None

    def left_out(self, engine: Engine) -> int:
        """Return how many rows could not be read, once the others were; raises TooManyBadRows."""
        return 0 if self.scan.rejects is None else count_rejects(engine, self.scan.rejects)

    def advance(self, engine: Engine, state: TaskState, learned: Learned) -> TaskState:
        """Return the state after these rows; raises WrongShape when one has no cursor."""
        if self.narrowing is not None:
            state = self.narrowing.advance(engine, _STAGE, digest(self.scan.columns, engine))
        return following(state, learned)

    def cursor(self, state: TaskState | None) -> Any:
        """Return what to tell of the cursor."""
        if state is None or self.scan.cursor is None:
            return None
        return {"column": self.scan.cursor.name, "value": state.cursor}


def take(
    scan: Scan,
    config: ParquetLoad | PostgresLoad,
    state: TaskState | None,
    engine: Engine,
    underway: Underway,
) -> Rows:
    """
    Return the scan's rows as the config takes them; raises WrongShape, duckdb.Error.

    `state` is where the source goes on; None where it begins anew each time.
    """
    if not scan.columns:
        return Rows(sql="", columns={}, scan=scan)
    columns, sql, tag = dict(scan.columns), scan.sql, ""
    column = config.load_id_column
    if column is not None:
        if folded(column) in {folded(name) for name in columns}:
            raise WrongShape(f"the rows have a column {column} already, which load_id_column names")
        columns[column], tag = "UUID", f", {text(str(underway.order.run_id))}::UUID AS {identifier(column)}"
    if scan.rejects is not None:
        engine.run(scan.rejects.clear)
    if scan.cursor is None:
        sql = f"SELECT *{tag} FROM ({sql})" if tag else sql
        return Rows(sql=sql, columns=columns, scan=scan)
    for name in columns:
        if folded(name) in NO_ROW_NAMES:
            raise WrongShape(f"the rows have a column {name}, a name that loading needs itself: rename it")
    narrowing = narrowing_of(scan, config.write_disposition, state, engine, underway)
    names = ", ".join(map(identifier, scan.columns))
    told_by = digest(scan.columns, engine)
    rows = f"SELECT {names}{tag}, {narrowing.cursor.value} AS {CURSOR}, {narrowing.cursor.text} AS {CURSOR_TEXT} FROM ({sql})"
    with underway.interruptible(engine.interrupt, engine.percent):
        engine.run(
            f"CREATE OR REPLACE TEMP TABLE {_STAGE} AS SELECT * FROM ({rows}) WHERE {narrowing.condition(told_by)}"
        )
    return Rows(sql=f"SELECT * FROM {_STAGE}", columns=columns, scan=scan, narrowing=narrowing)


def let_go(engine: Engine) -> None:
    """Drop what was staged."""
    engine.run(f"DROP TABLE IF EXISTS temp.main.{_STAGE}")
