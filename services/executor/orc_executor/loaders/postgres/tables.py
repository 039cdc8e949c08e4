"""The table that rows go into: what it is, what fits it, and how it is made or changed."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from orc_domain.names import NAME_BYTES_MAX
from orc_events.statements import load
from orc_executor.errors import TargetUnusable, WrongShape
from orc_executor.loaders.postgres.types import fits, holds, postgres_type
from orc_executor.postgres_connection import Session
from orc_executor.sql_names import folded, identifier

_TABLE, _COLUMNS = load("orc_executor", "pg_table"), load("orc_executor", "pg_columns")
_KINDS = {
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "S": "a sequence",
    "i": "an index",
}
_TABLES = frozenset({"r", "p"})


class TableColumn(Struct, frozen=True):
    """A column as it is."""

    type: str
    """As Postgres writes it, `numeric(18,2)`."""
    fills_itself: bool
    """Whether it gets a value where none is given: by default, identity or generation."""


class Table(Struct, frozen=True):
    """A table that is there."""

    sql: str
    """Its name as SQL."""
    columns: dict[str, TableColumn]


def table_sql(schema: str, name: str) -> str:
    """Return a table's name as SQL."""
    return f"{identifier(schema)}.{identifier(name)}"


def read_table(session: Session, schema: str, name: str) -> Table | None:
    """Return the table, None where there is none; raises TargetUnusable for what is no table."""
    rows = session.fetch(_TABLE, schema, name)
    if not rows:
        return None
    ((oid, kind),) = rows
    if kind not in _TABLES:
        raise TargetUnusable(f"{schema}.{name} is {_KINDS.get(kind, 'something else')}, not a table")
    columns = {column: TableColumn(type_, fills) for column, type_, fills in session.fetch(_COLUMNS, oid)}
    return Table(table_sql(schema, name), columns)


def check_names(columns: Sequence[str]) -> None:
    """Refuse names that Postgres would cut short, there or in a statement; raises WrongShape."""
    for name in columns:
        if "\0" in name:
            raise WrongShape(
                f"the column {name[:20]!r} has a NUL in its name, where Postgres would end it: rename it"
            )
        if len(name.encode()) > NAME_BYTES_MAX:
            raise WrongShape(
                f"the column {name[:20]}… has a name longer than {NAME_BYTES_MAX} bytes, which Postgres cuts: rename it"
            )


def matched(found: Mapping[str, str], table: Table, *, name: str, may_lack: bool) -> dict[str, str]:
    """
    Return the table's name of each of the rows' columns; raises WrongShape naming every difference.

    A column may have other letter case than the table's, unless the table has both. Where rows `may_lack` columns, or
    the table fills them itself, they need not have them.
    """
    by_folded = {folded(column): column for column in table.columns}
    names = {ours: ours if ours in table.columns else by_folded.get(folded(ours), "") for ours in found}
    faults = []
    if unknown := [ours for ours, theirs in names.items() if not theirs]:
        faults.append(f"the table has no column {', '.join(unknown)}")
    given = set(names.values())
    absent = [
        theirs for theirs, column in table.columns.items() if theirs not in given and not column.fills_itself
    ]
    if absent and not may_lack:
        faults.append(f"the rows have no column {', '.join(absent)}")
    faults += [
        f"column {ours} is {found[ours]}, in the table it is {table.columns[theirs].type}"
        for ours, theirs in names.items()
        if theirs and not fits(found[ours], table.columns[theirs].type)
    ]
    if faults:
        raise WrongShape(f"the rows do not fit table {name}: {'; '.join(faults)}")
    return names


def create(session: Session, sql: str, columns: Mapping[str, str], key: Sequence[str]) -> None:
    """Make the table for columns of DuckDB types."""
    parts = [f"{identifier(name)} {postgres_type(type_)}" for name, type_ in columns.items()]
    if key:
        parts.append(f"PRIMARY KEY ({', '.join(map(identifier, key))})")
    session.execute(f"CREATE TABLE {sql} ({', '.join(parts)})")


def reshape(session: Session, table: Table, columns: Mapping[str, str], name: str) -> tuple[str, ...]:
    """
    Give the table, which is empty, the columns that the rows have, and say what changed.

    A column that holds all that the rows have keeps its type, one that fills itself is kept; rights, indexes and views
    stay, and one that needs a column which goes is an error.
    """
    parts, told = list[str](), list[str]()
    for column, type_ in columns.items():
        here, wanted = table.columns.get(column), postgres_type(type_)
        if here is None:
            parts.append(f"ADD COLUMN {identifier(column)} {wanted}")
            told.append(f"{name}: added column {column} {wanted}")
        elif not holds(here.type, type_):
            # There is no row whose value would have to become another.
            parts.append(f"ALTER COLUMN {identifier(column)} TYPE {wanted} USING NULL")
            told.append(f"{name}: column {column} {here.type} became {wanted}")
    for column, here in table.columns.items():
        if column not in columns and not here.fills_itself:
            parts.append(f"DROP COLUMN {identifier(column)}")
            told.append(f"{name}: dropped column {column} {here.type}")
    if parts:
        session.execute(f"ALTER TABLE {table.sql} {', '.join(parts)}")
    return tuple(told)
