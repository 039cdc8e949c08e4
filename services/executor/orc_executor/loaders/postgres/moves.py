"""How rows get into a Postgres table, a function per write disposition, each within the loader's open transaction."""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Mapping, Sequence

from msgspec import Struct

from orc_domain.loaders.tables import Merge
from orc_domain.run_messages import TableLoad
from orc_executor.errors import WrongShape
from orc_executor.loaders.postgres.tables import Table
from orc_executor.postgres_connection import Session
from orc_executor.sql_names import identifier

TEMPORARY, STAGE_NAME = "pg_temp", "orc_staged"
STAGE, LATEST = f"{TEMPORARY}.{STAGE_NAME}", f"{TEMPORARY}.orc_latest"
"""
Temporary tables, gone with the transaction. With their schema: a role's search_path may name it behind another, where
somebody has put a table of the same name.
"""
ROW, DELETED = "_orc_row", "_orc_deleted"
"""Columns of staged rows with a key: which came when, and whether it deletes its key."""
_TEXTS = ("text", "character")


class Keyed(Struct, frozen=True, kw_only=True):
    """Staged rows with a key, and the table they go into."""

    table: Table
    name: str
    columns: Sequence[str]
    """As the table calls them, the key's among them."""
    key: Sequence[str]
    count: int
    """Before one of each key was left."""


def stage(session: Session, types: Mapping[str, str], *, is_keyed: bool) -> None:
    """Make the empty stage, columns of Postgres types."""
    columns = {**types, ROW: "bigint", DELETED: "boolean"} if is_keyed else types
    parts = ", ".join(f"{identifier(name)} {type_}" for name, type_ in columns.items())
    session.execute(f"CREATE TEMPORARY TABLE {STAGE} ({parts}) ON COMMIT DROP")


def insert_all(session: Session, table: str, columns: Sequence[str]) -> None:
    """Put every staged row into the table."""
    names = _listed(columns)
    session.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM {STAGE}")


def keep_latest(session: Session, types: Mapping[str, str], key: Sequence[str], order_by: str | None) -> None:
    """Leave one row of each key: the highest by `order_by`, or the one that came last; raises WrongShape."""
    nulls = " OR ".join(f"{identifier(name)} IS NULL" for name in key)
    ((count,),) = session.fetch(f"SELECT count(*) FROM {STAGE} WHERE {nulls}")
    if count:
        raise WrongShape(f"{count} rows have no value in the primary_key {', '.join(key)}")
    first = ""
    if order_by is not None:
        # Texts go by their characters, whatever language the database sorts by.
        collation = ' COLLATE "C"' if types[order_by].startswith(_TEXTS) else ""
        first = f"{identifier(order_by)}{collation} DESC NULLS LAST, "
    session.execute(
        f"CREATE TEMPORARY TABLE {LATEST} ON COMMIT DROP AS SELECT DISTINCT ON ({_listed(key)}) * FROM {STAGE} "
        f"ORDER BY {_listed(key)}, {first}{ROW} DESC"
    )
    session.execute(f"ANALYZE {LATEST}")


def merge(session: Session, rows: Keyed, how: Merge) -> TableLoad:
    """Change the rows whose keys are there, add the others, delete those that are to go."""
    same, names, table = _same(rows.key), _listed(rows.columns), rows.table
    # Readers go on; nobody else adds a key between our looking and our adding.
    session.execute(f"LOCK TABLE {table.sql} IN SHARE ROW EXCLUSIVE MODE")
    deleted = 0
    if how.delete_column is not None:
        deleted = session.execute(
            f"DELETE FROM {table.sql} AS old USING {LATEST} AS new WHERE {same} AND new.{DELETED}"
        )
    rest = [column for column in rows.columns if column not in rows.key]
    updated = 0
    if how.strategy == "delete-insert":
        updated = session.execute(
            f"DELETE FROM {table.sql} AS old USING {LATEST} AS new WHERE {same} AND NOT new.{DELETED}"
        )
    elif rest:
        changes = ", ".join(f"{identifier(column)} = new.{identifier(column)}" for column in rest)
        updated = session.execute(
            f"UPDATE {table.sql} AS old SET {changes} FROM {LATEST} AS new WHERE {same} AND NOT new.{DELETED}"
        )
    inserted = session.execute(
        f"INSERT INTO {table.sql} ({names}) SELECT {names} FROM {LATEST} AS new WHERE NOT new.{DELETED} "
        f"AND NOT EXISTS (SELECT FROM {table.sql} AS old WHERE {same})"
    )
    if how.strategy == "delete-insert":
        inserted = max(0, inserted - updated)
    return TableLoad(table=rows.name, rows=rows.count, inserted=inserted, updated=updated, deleted=deleted)


def insert_new(session: Session, rows: Keyed) -> TableLoad:
    """Add the rows whose keys are not there."""
    names, table = _listed(rows.columns), rows.table
    session.execute(f"LOCK TABLE {table.sql} IN SHARE ROW EXCLUSIVE MODE")
    inserted = session.execute(
        f"INSERT INTO {table.sql} ({names}) SELECT {names} FROM {LATEST} AS new "
        f"WHERE NOT EXISTS (SELECT FROM {table.sql} AS old WHERE {_same(rows.key)})"
    )
    return TableLoad(table=rows.name, rows=rows.count, inserted=inserted)


def _same(key: Sequence[str]) -> str:
    return " AND ".join(f"old.{identifier(name)} = new.{identifier(name)}" for name in key)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(identifier, names))
