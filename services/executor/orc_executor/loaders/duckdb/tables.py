"""
The tables of one load: what the contract makes of them, how the rows get there, what must be true afterwards.

    latest    of rows with the same key one, where the disposition goes by key
    unfold    into the table and its child tables, where nested rows become those
    plan      contract against the columns that are there
    keep out  rows that the contract discards go to quarantine
    ready     the table is made or changed
    move      by the write disposition
    check     before the commit
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Sequence

from msgspec import Struct

from orc_domain.loaders.contract import SchemaContract
from orc_domain.loaders.duckdb import DuckdbLoad
from orc_domain.loaders.tables import KEYED
from orc_domain.run_messages import TableLoad
from orc_events.statements import load
from orc_executor.engine import Engine
from orc_executor.errors import WrongShape
from orc_executor.extractors.source import Columns
from orc_executor.loaders.checks.running import run_checks
from orc_executor.loaders.duckdb import moves
from orc_executor.loaders.duckdb.children import Children
from orc_executor.loaders.duckdb.contract import Plan, as_they_are, changes_of, check_new_table, plan
from orc_executor.loaders.duckdb.kept_out import let_in
from orc_executor.loaders.duckdb.moves import Incoming, Moved
from orc_executor.loaders.duckdb.nested import Rows, unfold
from orc_executor.loaders.duckdb.staging import Staged
from orc_executor.loaders.duckdb.validity import with_validity, without_validity
from orc_executor.sql_names import folded, identifier
from orc_executor.underway import Underway

_COLUMNS = load("orc_executor", "target_columns")
_LATEST = "orc_latest"


class Told(Struct, frozen=True, kw_only=True):
    """What a load did."""

    rows: int = 0
    tables: tuple[TableLoad, ...] = ()
    changes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    kept_out: int = 0


class DuckdbTables:
    """The tables of one load, in the attached target."""

    def __init__(self, config: DuckdbLoad, engine: Engine, underway: Underway) -> None:
        self._config, self._engine, self._underway = config, engine, underway
        self._changes, self._warnings, self._kept_out = list[str](), list[str](), 0

    # --- what the source is asked for -------------------------------------------------------------------------

    def wanted(self) -> Columns | None:
        """Return the columns that a source without types of its own is read as; None when it says them itself."""
        config = self._config
        if config.write_disposition == "replace" and config.schema_contract == SchemaContract():
            return None
        there = self._existing(config.table_name)
        return texts(there) if config.schema_contract.data_type.startswith("discard") else there or None

    @property
    def is_there(self) -> bool:
        """Whether there is the table."""
        return bool(self._existing(self._config.table_name))

    @property
    def may_widen(self) -> bool:
        """Whether a column that the source does not fit may become wider."""
        return self._config.schema_contract.data_type == "evolve"

    # --- the load ---------------------------------------------------------------------------------------------

    def move(self, staged: Staged, load_id: str) -> Told:
        """Move the rows into their tables, in the open transaction; raises TaskError, duckdb.Error."""
        config, engine = self._config, self._engine
        self._changes, self._warnings, self._kept_out = [], [], 0
        if not staged.columns:
            return self._nothing()
        relation, key = staged.relation, list[str]()
        if config.write_disposition in KEYED:
            key = [_named(name, staged.columns, "primary_key") for name in config.primary_key or ()]
            order_by = config.merge.order_by
            if order_by is not None:
                order_by = _named(order_by, staged.columns, "merge.order_by")
            moves.latest(engine, relation, _LATEST, key, order_by)
            relation = _LATEST
        if config.nested == "child_tables":
            told = self._move_nested(relation, staged.columns, key, load_id)
        else:
            told = [self._move(Rows(config.table_name, relation, staged.columns), key, load_id)]
        self._warnings += run_checks(config.checks, self._sql(config.table_name), told[0].rows, engine)
        return self._told(told)

    def _nothing(self) -> Told:
        """Load no rows, not even knowing columns: a table that is replaced keeps its own."""
        config, name, told = self._config, self._config.table_name, list[TableLoad]()
        if self._existing(name):
            if config.write_disposition == "replace":
                self._engine.run(f"DELETE FROM {self._sql(name)}")
                Children(name, self._engine).empty(except_for=set())
            if config.write_disposition == "scd2" and config.scd2.absent == "close":
                without_validity(name, self._existing(name), config.scd2)
                told = [moves.end_all(self._engine, self._sql(name), config.scd2).told_of(name)]
            self._warnings += run_checks(config.checks, self._sql(name), 0, self._engine)
        return self._told(told)

    def _move_nested(self, relation: str, columns: Columns, key: list[str], load_id: str) -> list[TableLoad]:
        """Move rows and what is nested in them, each table by the same disposition."""
        config, engine = self._config, self._engine
        query = f"SELECT * FROM {relation}"
        unfolded = unfold(
            config.table_name, query, columns, config.nested, engine, key=key or None, load_id=load_id
        )
        children = Children(config.table_name, engine)
        if config.write_disposition == "replace":
            children.empty(except_for={rows.table for rows in unfolded})
        told = []
        for rows in unfolded:
            if rows.parent is None:
                root = Rows(rows.table, f"({rows.sql})", rows.columns)
                told.append(self._move(root, key, load_id, children))
                continue
            children.remember(rows.table, rows.parent)
            told.append(self._move_child(rows, load_id, children))
        return told

    def _move(
        self, rows: Rows, key: Sequence[str], load_id: str, children: Children | None = None
    ) -> TableLoad:
        """
        Move rows into the config's own table; `rows.sql` is what stands after FROM.

        What is nested in rows with the same keys goes; rows that are kept out leave it, as they leave the row.
        """
        config, engine, table, relation = self._config, self._engine, self._sql(rows.table), rows.sql
        marked = config.merge.delete_column if config.write_disposition == "merge" else None
        columns = dict(rows.columns)
        if marked is not None:
            del columns[_named(marked, columns, "merge.delete_column")]
        before = self._existing(rows.table)
        planned = self._plan(rows.table, columns, before)
        relation = self._keep_out(planned, relation, columns, rows.table, load_id)
        if children is not None:
            if key:
                children.delete_of(f"SELECT _orc_id FROM {relation}")
            if self._may_lack_rows:
                children.let_in(rows.table, f"{relation} AS new WHERE NOT {moves.marked(marked)}")
        query = f"SELECT {planned.select} FROM {relation} AS new"
        match config.write_disposition:
            case "replace":
                moved = self._replace(rows.table, planned, before, query)
            case "append":
                moved = self._append(rows.table, planned, before, query)
            case "merge":
                self._ready(rows.table, planned, before, query)
                moved = moves.merge(
                    engine, table, self._incoming(relation, key, planned, marked), config.merge
                )
            case "insert-only":
                self._ready(rows.table, planned, before, query)
                moved = moves.insert_only(engine, table, self._incoming(relation, key, planned))
            case "scd2":
                self._ready(rows.table, planned, before, with_validity(query, columns, config.scd2))
                moved = moves.version(engine, table, self._incoming(relation, key, planned), config.scd2)
        return moved.told_of(rows.table)

    def _move_child(self, rows: Rows, load_id: str, children: Children) -> TableLoad:
        before = self._existing(rows.table)
        planned = self._plan(rows.table, rows.columns, before)
        relation = self._keep_out(planned, children.under_let_in(rows), rows.columns, rows.table, load_id)
        if self._may_lack_rows:
            children.let_in(rows.table, relation)
        query = f"SELECT {planned.select} FROM {relation} AS new"
        is_replaced = self._config.write_disposition == "replace"
        put = self._replace if is_replaced else self._append
        return put(rows.table, planned, before, query).told_of(rows.table)

    @property
    def _may_lack_rows(self) -> bool:
        """Whether a row may be left out of its table, so that those nested in it must be, too."""
        contract = self._config.schema_contract
        return self._config.merge.delete_column is not None or "discard_row" in {
            contract.columns,
            contract.data_type,
        }

    def _incoming(
        self, relation: str, key: Sequence[str], planned: Plan, marked: str | None = None
    ) -> Incoming:
        rows = Incoming(relation, key, planned, self._config.load_id_column)
        return moves.as_in_table(self._engine, rows, marked)

    def _replace(self, name: str, planned: Plan, before: Columns, query: str) -> Moved:
        if before and self._config.schema_contract != SchemaContract():
            # The contract is about the columns that are there, so the table stays and its rows go.
            self._engine.run(f"DELETE FROM {self._sql(name)}")
            return self._append(name, planned, before, query)
        moved = moves.replace(self._engine, self._sql(name), query)
        after = self._existing(name)
        self._changes += changes_of(name, before, after) if before else (_made(name, after),)
        return moved

    def _append(self, name: str, planned: Plan, before: Columns, query: str) -> Moved:
        if not before:
            moved = moves.replace(self._engine, self._sql(name), query)
            self._changes.append(_made(name, planned.chosen))
            return moved
        self._ready(name, planned, before, query)
        return moves.append(self._engine, self._sql(name), query)

    # --- inside -----------------------------------------------------------------------------------------------

    def _plan(self, name: str, columns: Columns, before: Columns) -> Plan:
        config = self._config
        if not before:
            check_new_table(name, config.schema_contract)
            return as_they_are(columns)
        if config.write_disposition == "replace" and config.schema_contract == SchemaContract():
            return as_they_are(columns)
        if config.write_disposition == "scd2":
            before = without_validity(name, before, config.scd2)
        may_lack = config.write_disposition == "merge" and config.merge.strategy == "upsert"
        return plan(
            name, columns, before, config.schema_contract, supertype=self._engine.supertype, may_lack=may_lack
        )

    def _ready(self, name: str, planned: Plan, before: Columns, query: str) -> None:
        """Make the table without rows, or change it as the plan says; raises WrongShape."""
        if not before:
            self._engine.run(f"CREATE TABLE {self._sql(name)} AS {query} LIMIT 0")
            self._changes.append(_made(name, planned.chosen))
            return
        for query_, change in planned.checks:
            ((count,),) = self._engine.run(query_)
            if count:
                raise WrongShape(
                    f"the rows do not fit table {name}: {change} would lose {count} of its values"
                )
        for statement in planned.statements:
            self._engine.run(statement)
        self._changes += planned.changes

    def _keep_out(self, planned: Plan, relation: str, columns: Columns, name: str, load_id: str) -> str:
        """Return the relation without the rows that the contract discards, which go to quarantine."""
        left = let_in(
            planned,
            relation,
            columns,
            table=name,
            engine=self._engine,
            order=self._underway.order,
            load_id=load_id,
        )
        self._warnings += left.warnings
        self._kept_out += left.kept_out
        return left.relation

    def _existing(self, name: str) -> dict[str, str]:
        return {row[0]: row[1] for row in self._engine.run(_COLUMNS, [folded(name)])}

    def _sql(self, name: str) -> str:
        return f"target.main.{identifier(name)}"

    def _told(self, tables: list[TableLoad]) -> Told:
        is_more = len(tables) > 1 or (bool(tables) and tables[0].inserted is not None)
        return Told(
            rows=tables[0].rows if tables else 0,
            tables=tuple(tables) if is_more else (),
            changes=tuple(self._changes),
            warnings=tuple(self._warnings),
            kept_out=self._kept_out,
        )


def texts(columns: Columns | None) -> Columns | None:
    """Return those that hold texts, which a source must not take for anything else."""
    return {name: type_ for name, type_ in (columns or {}).items() if type_ == "VARCHAR"} or None


def _named(name: str, columns: Columns, word: str) -> str:
    """Return the column as the rows call it; raises WrongShape."""
    for column in columns:
        if folded(column) == folded(name):
            return column
    raise WrongShape(f"{word} names {name}, the rows have no such column")


def _made(name: str, columns: "Columns | Sequence[str]") -> str:
    return f"{name}: made with {len(columns)} columns"
