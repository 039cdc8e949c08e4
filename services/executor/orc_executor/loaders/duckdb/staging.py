"""
Staging: the rows of a scan, ready to be moved.

Rows that are read once stay where they are, and the move reads the source itself. Those that are read more than once
(to find the latest of a key, the highest cursor, nested rows, rows that do not fit) are put into a temporary table
first, which DuckDB keeps in memory and, past its limit, in the worker's scratch folder.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Collection

from msgspec import Struct

from orc_domain.loaders.duckdb import DuckdbLoad
from orc_domain.loaders.tables import KEYED
from orc_events.statements import load
from orc_executor.engine import Engine
from orc_executor.errors import WrongShape
from orc_executor.extractors.source import Scan
from orc_executor.loaders.digests import digest
from orc_executor.loaders.duckdb.fields import STRUCTURED
from orc_executor.loaders.duckdb.moves import ROW
from orc_executor.loaders.duckdb.nested import unfold, without_objects
from orc_executor.loaders.incremental import CURSOR, CURSOR_TEXT, DIGEST, Narrowing, check_cursor, spec_of
from orc_executor.sql_names import folded, identifier, text
from orc_executor.state import NO_STATE, TaskState
from orc_executor.underway import Underway

_STAGE = "orc_staged"
_TEMPORARY = load("orc_executor", "temporary_tables")


class Staged(Struct, frozen=True, kw_only=True):
    """Rows to be moved."""

    sql: str
    """A query for them; of a stage, with `_orc_row` beside the columns."""
    columns: dict[str, str]
    """Of the table."""
    is_table: bool
    """Whether they are staged, so that reading them again costs little and gives the same."""
    narrowing: Narrowing | None = None
    """Of an incremental scan."""
    digest: str = ""
    """Of an incremental scan: SQL for what tells a row from others."""

    @property
    def relation(self) -> str:
        """What stands after FROM."""
        return _STAGE if self.is_table else f"({self.sql})"


def stage(scan: Scan, config: DuckdbLoad, state: TaskState, engine: Engine, underway: Underway) -> Staged:
    """Return the scan's rows; raises WrongShape, duckdb.Error of the source."""
    if not scan.columns:
        return Staged(sql="", columns={}, is_table=False)
    narrowing, hidden, told_by = None, dict[str, str](), ""
    if scan.cursor is not None:
        narrowing = narrowing_of(scan, config.write_disposition, state, engine, underway)
        hidden = {CURSOR: narrowing.cursor.type, CURSOR_TEXT: "VARCHAR"}
        told_by = digest(scan.columns, engine)
        _check_names(scan.columns, {CURSOR, CURSOR_TEXT, DIGEST})
    sql, columns = _tagged(scan, narrowing, config, underway)
    if narrowing is not None and config.nested is not None:
        # Of the rows as they come: the JSON of an object changes with the keys that are seen in others.
        sql = f"SELECT *, {told_by} AS {DIGEST} FROM ({sql})"
        hidden[DIGEST], told_by = "VARCHAR", DIGEST
    if config.nested in {"json", "flatten"}:
        _check_key(config, scan, engine)
        (rows,) = unfold(
            config.table_name, sql, {**columns, **hidden}, config.nested, engine, key=None, load_id=""
        )
        sql, columns = rows.sql, rows.columns
    elif config.nested == "child_tables":
        sql, columns = without_objects(sql, {**columns, **hidden}, engine)
    columns = {name: type_ for name, type_ in columns.items() if name not in hidden}
    if narrowing is not None:
        sql = f"SELECT * FROM ({sql}) WHERE {narrowing.condition(told_by)}"
    if not _is_read_again(scan, config):
        return Staged(sql=sql, columns=columns, is_table=False)
    _check_names(columns, {ROW})
    engine.run(
        f"CREATE OR REPLACE TEMP TABLE {_STAGE} AS SELECT *, row_number() OVER () AS {ROW} FROM ({sql})"
    )
    return Staged(
        sql=f"SELECT * FROM {_STAGE}", columns=columns, is_table=True, narrowing=narrowing, digest=told_by
    )


def unstage(engine: Engine) -> None:
    """Drop what a load left in temporary tables; a broken engine ends with its process, and they with it."""
    if not engine.is_broken:
        for (name,) in engine.run(_TEMPORARY):
            engine.run(f"DROP TABLE temp.main.{identifier(name)}")


def _tagged(
    scan: Scan, narrowing: Narrowing | None, config: DuckdbLoad, underway: Underway
) -> tuple[str, dict[str, str]]:
    """Return the query for the table's columns, the load's id among them, and for the cursor's."""
    columns, parts = dict(scan.columns), [identifier(name) for name in scan.columns]
    if (column := config.load_id_column) is not None:
        if folded(column) in {folded(name) for name in columns}:
            raise WrongShape(f"the rows have a column {column} already, which load_id_column names")
        parts.append(f"{text(str(underway.order.run_id))}::UUID AS {identifier(column)}")
        columns[column] = "UUID"
    if narrowing is not None:
        parts += [f"{narrowing.cursor.value} AS {CURSOR}", f"{narrowing.cursor.text} AS {CURSOR_TEXT}"]
    elif config.load_id_column is None:
        return scan.sql, columns
    return f"SELECT {', '.join(parts)} FROM ({scan.sql}) AS found", columns


def narrowing_of(
    scan: Scan, disposition: str, state: TaskState | None, engine: Engine, underway: Underway
) -> Narrowing:
    """Return which of an incremental scan's rows to take, ready to be asked; raises WrongShape for a cursor that is none."""
    assert scan.cursor is not None
    state = state or NO_STATE
    spec = spec_of(underway.order)
    by_digest = disposition == "append"
    narrowing = Narrowing(scan.cursor, spec, state, underway.order.window, by_digest=by_digest)
    for said in (state.cursor, None if spec.initial is None else str(spec.initial)):
        if said is not None:
            check_cursor(engine, narrowing.cursor, said)
    narrowing.prepare(engine)
    return narrowing


def _is_read_again(scan: Scan, config: DuckdbLoad) -> bool:
    contract = config.schema_contract
    return (
        scan.cursor is not None
        or config.write_disposition in KEYED
        or config.nested == "child_tables"
        or contract.columns.startswith("discard")
        or contract.data_type.startswith("discard")
    )


def _check_key(config: DuckdbLoad, scan: Scan, engine: Engine) -> None:
    """Refuse keys whose text would be another whenever a key is seen in another row's object; raises WrongShape."""
    key = {folded(name) for name in config.primary_key or ()}
    for name, type_ in scan.columns.items():
        if folded(name) in key and engine.type_of(type_).id in STRUCTURED:
            raise WrongShape(
                f"primary_key names {name}, which is {type_}: name a field of it, with nested: flatten"
            )


def _check_names(columns: Collection[str], taken: Collection[str]) -> None:
    for name in columns:
        if folded(name) in taken:
            raise WrongShape(f"the rows have a column {name}, a name that loading needs itself: rename it")
