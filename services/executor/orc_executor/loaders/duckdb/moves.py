"""
Moves: how rows get into a table, one function per write disposition.

Each is a few statements in the loader's open transaction. Keyed ones read a stage, a temporary table in which every
key stands once; DuckDB's MERGE would do the same with several times the memory.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Sequence

from msgspec import Struct, structs

from orc_domain.loaders.tables import Merge, Scd2
from orc_domain.run_messages import TableLoad
from orc_executor.engine import Engine
from orc_executor.errors import WrongShape
from orc_executor.loaders.duckdb.contract import Plan, as_they_are
from orc_executor.sql_names import folded, identifier

ROW = "_orc_row"
"""The column of staged rows that counts them, from 1."""
_MERGED, _FRESH, _CURRENT, _BEGUN = "orc_merged", "orc_fresh", "orc_current", "orc_begun"
"""Temporary tables, dropped by who makes them."""
_NOW = "(now() AT TIME ZONE 'UTC')"
"""The transaction's instant, in UTC; a plain timestamp, which every client of DuckDB can read."""


class Incoming(Struct, frozen=True):
    """Rows to be moved by key, each key once."""

    relation: str
    """What stands after FROM."""
    key: Sequence[str]
    plan: Plan
    tag: str | None = None
    """A column that says which load brought the row, and nothing of what it is."""


class Moved(Struct, frozen=True):
    """What became of a table."""

    rows: int
    inserted: int | None = None
    updated: int | None = None
    deleted: int | None = None

    def told_of(self, table: str) -> TableLoad:
        """Return it as the log will have it."""
        return TableLoad(
            table=table,
            rows=self.rows,
            inserted=self.inserted,
            updated=self.updated,
            deleted=self.deleted,
        )


def replace(engine: Engine, table: str, query: str) -> Moved:
    """Put the rows in the table's place; the old table is there until the commit."""
    ((rows,),) = engine.run(f"CREATE OR REPLACE TABLE {table} AS {query}")
    return Moved(int(rows))


def append(engine: Engine, table: str, query: str) -> Moved:
    """Add the rows."""
    ((rows,),) = engine.run(f"INSERT INTO {table} BY NAME {query}")
    return Moved(int(rows))


def latest(engine: Engine, staged: str, into: str, key: Sequence[str], order_by: str | None) -> None:
    """Make a stage with each key once: the row that is highest by `order_by`, or came last; raises WrongShape."""
    nulls = " OR ".join(f"{identifier(column)} IS NULL" for column in key)
    ((count,),) = engine.run(f"SELECT count(*) FROM {staged} WHERE {nulls}")
    if count:
        raise WrongShape(f"{count} rows have no value in the primary_key {', '.join(key)}")
    first = "" if order_by is None else f"{identifier(order_by)} DESC NULLS LAST, "
    engine.run(
        f"CREATE OR REPLACE TEMP TABLE {into} AS SELECT * FROM {staged} QUALIFY row_number() OVER "
        f"(PARTITION BY {', '.join(map(identifier, key))} ORDER BY {first}{ROW} DESC) = 1"
    )


def merge(engine: Engine, table: str, rows: Incoming, how: Merge) -> Moved:
    """Change the keys that are there, add the others, delete those that are marked so."""
    same, is_gone = _same(rows.key), marked(how.delete_column)
    ((count,),) = engine.run(f"SELECT count(*) FROM {rows.relation} AS new WHERE NOT {is_gone}")
    ((updated,),) = engine.run(
        f"SELECT count(*) FROM {rows.relation} AS new SEMI JOIN {table} AS old ON {same} WHERE NOT {is_gone}"
    )
    ((deleted,),) = engine.run(
        f"SELECT count(*) FROM {rows.relation} AS new SEMI JOIN {table} AS old ON {same} WHERE {is_gone}"
    )
    query = f"SELECT {rows.plan.select} FROM {rows.relation} AS new"
    ours = {folded(column) for column in rows.plan.chosen}
    has_all = all(folded(column) in ours for column in engine.describe(f"FROM {table}"))
    if how.strategy == "delete-insert" or has_all:
        # The new rows have every column, so putting them in place of the old is the same as changing those.
        engine.run(f"DELETE FROM {table} AS old USING {rows.relation} AS new WHERE {same}")
        engine.run(f"INSERT INTO {table} BY NAME {query} WHERE NOT {is_gone}")
    else:
        engine.run(f"DELETE FROM {table} AS old USING {rows.relation} AS new WHERE {same} AND {is_gone}")
        engine.run(f"CREATE OR REPLACE TEMP TABLE {_MERGED} AS {query} WHERE NOT {is_gone}")
        keys = {folded(name) for name in rows.key}
        changes = ", ".join(
            f"{identifier(column)} = new.{identifier(column)}"
            for column in rows.plan.chosen
            if folded(column) not in keys
        )
        fresh = f"SELECT new.* FROM {_MERGED} AS new ANTI JOIN {table} AS old ON {same}"
        engine.run(f"CREATE OR REPLACE TEMP TABLE {_FRESH} AS {fresh}")
        if changes:
            engine.run(f"UPDATE {table} AS old SET {changes} FROM {_MERGED} AS new WHERE {same}")
        engine.run(f"INSERT INTO {table} BY NAME SELECT * FROM {_FRESH}")
        _drop(engine, _MERGED, _FRESH)
    return Moved(int(count), int(count) - int(updated), int(updated), int(deleted))


def insert_only(engine: Engine, table: str, rows: Incoming) -> Moved:
    """Add the rows whose key is not there yet."""
    ((count,),) = engine.run(f"SELECT count(*) FROM {rows.relation}")
    fresh = (
        f"SELECT {rows.plan.select} FROM {rows.relation} AS new ANTI JOIN {table} AS old ON {_same(rows.key)}"
    )
    ((inserted,),) = engine.run(f"INSERT INTO {table} BY NAME {fresh}")
    return Moved(int(count), int(inserted), 0, 0)


def version(engine: Engine, table: str, rows: Incoming, how: Scd2) -> Moved:
    """End the versions that are no longer so, and begin the new ones, all at the transaction's instant."""
    valid_from, valid_to, same = (
        identifier(how.valid_from_column),
        identifier(how.valid_to_column),
        _same(rows.key),
    )
    ((count,),) = engine.run(
        f"CREATE OR REPLACE TEMP TABLE {_MERGED} AS SELECT {rows.plan.select} FROM {rows.relation} AS new"
    )
    engine.run(f"CREATE OR REPLACE TEMP TABLE {_CURRENT} AS SELECT * FROM {table} WHERE {valid_to} IS NULL")
    types = engine.describe(f"FROM {_MERGED}")
    differs = " OR ".join(
        f"{_told('old', name, types[name])} IS DISTINCT FROM {_told('new', name, types[name])}"
        for name in rows.plan.chosen
        if rows.tag is None or folded(name) != folded(rows.tag)
    )
    changed = f"SELECT new.* FROM {_MERGED} AS new SEMI JOIN {_CURRENT} AS old ON {same} AND ({differs})"
    fresh = f"SELECT new.* FROM {_MERGED} AS new ANTI JOIN {_CURRENT} AS old ON {same}"
    ((updated,),) = engine.run(f"CREATE OR REPLACE TEMP TABLE {_BEGUN} AS {changed}")
    ((inserted,),) = engine.run(f"CREATE OR REPLACE TEMP TABLE {_FRESH} AS {fresh}")
    engine.run(
        f"UPDATE {table} AS old SET {valid_to} = {_NOW} FROM {_BEGUN} AS new WHERE old.{valid_to} IS NULL AND {same}"
    )
    deleted = 0
    if how.absent == "close":
        gone = f"SELECT old.* FROM {_CURRENT} AS old ANTI JOIN {_MERGED} AS new ON {same}"
        ((deleted,),) = engine.run(
            f"UPDATE {table} AS old SET {valid_to} = {_NOW} FROM ({gone}) AS new WHERE old.{valid_to} IS NULL AND {same}"
        )
    for begun in (_BEGUN, _FRESH):
        engine.run(
            f"INSERT INTO {table} BY NAME SELECT *, {_NOW} AS {valid_from}, NULL::TIMESTAMP AS {valid_to} FROM {begun}"
        )
    _drop(engine, _MERGED, _CURRENT, _BEGUN, _FRESH)
    return Moved(int(count), int(inserted), int(updated), int(deleted))


def _told(row: str, column: str, type_: str) -> str:
    """Return SQL for what a column says of a row: of an object that is JSON, its keys without a value say nothing."""
    value = f"{row}.{identifier(column)}"
    return f"json_merge_patch('{{}}', {value})" if type_ == "JSON" else value


def end_all(engine: Engine, table: str, how: Scd2) -> Moved:
    """End every version that is valid now, as the rows are none."""
    valid_to = identifier(how.valid_to_column)
    ((deleted,),) = engine.run(f"UPDATE {table} SET {valid_to} = {_NOW} WHERE {valid_to} IS NULL")
    return Moved(0, 0, 0, int(deleted))


def as_in_table(engine: Engine, rows: Incoming, mark: str | None) -> Incoming:
    """
    Return the rows as the table will have them, so that keys are compared as they stand there; raises WrongShape.

    `mark` is a column beside those of the table.
    """
    plan = rows.plan
    if all(sql == identifier(name) for name, sql in plan.chosen.items()):
        return rows
    more = "" if mark is None else f", {identifier(mark)}"
    made = f"(SELECT {plan.select}{more} FROM {rows.relation} AS new)"
    nulls = " OR ".join(f"{identifier(column)} IS NULL" for column in rows.key)
    ((count,),) = engine.run(f"SELECT count(*) FROM {made} WHERE {nulls}")
    if count:
        raise WrongShape(
            f"{count} rows have a value in the primary_key {', '.join(rows.key)} that the table's type cannot hold"
        )
    return structs.replace(rows, relation=made, plan=as_they_are(dict.fromkeys(plan.chosen, "")))


def _same(key: Sequence[str]) -> str:
    return " AND ".join(f"old.{identifier(column)} = new.{identifier(column)}" for column in key)


def _drop(engine: Engine, *tables: str) -> None:
    for table in tables:
        engine.run(f"DROP TABLE temp.main.{table}")


def marked(column: str | None) -> str:
    """Return SQL over `new` for whether a staged row says that its key is gone."""
    if column is None:
        return "false"
    said = f"CAST(new.{identifier(column)} AS VARCHAR)"
    return f"(coalesce(lower({said}), '') NOT IN ('', 'false') AND coalesce(TRY_CAST({said} AS DOUBLE) <> 0, true))"
