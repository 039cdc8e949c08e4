"""Rows of a Postgres database."""

import re

from orc_domain.config import NonEmpty, SecretRef, Tagged
from orc_domain.extractors.files import Names, Renames, Types, check_columns
from orc_domain.extractors.incremental import Incremental
from orc_domain.fields import is_visible
from orc_domain.names import NAME_BYTES_MAX
from orc_domain.rejection import Invalid
from orc_domain.sql_fields import SqlText

_PART = r'"((?:[^"]|"")+)"|([^".]+)'
_TABLE = re.compile(rf"(?:{_PART})(?:\.(?:{_PART}))?")


class SqlExtract(Tagged, frozen=True, tag="sql"):
    """The rows of one table or query of a Postgres database, by COPY."""

    connection: SecretRef
    """The secret holds the URL: postgresql://user:password@host:5432/database"""
    table: NonEmpty | None = None
    """A table or view, with its schema or without: `sales.orders`."""
    query: SqlText | None = None
    """SQL: one SELECT; it runs in a read-only transaction. With ORC_AUTH=required only an admin may set it."""
    columns: Types | None = None
    """Types to cast columns to, by name; the others follow Postgres' own."""
    select: Names | None = None
    rename: Renames | None = None
    incremental: Incremental | None = None


def check_sql(config: SqlExtract, field: str) -> None:
    """Judge all that the config's text tells; raises Invalid."""
    if (config.table is None) == (config.query is None):
        raise Invalid(f"{field}.table", "one of table and query is needed", valid="table, or query")
    if config.query is not None and not config.query.strip():
        raise Invalid(f"{field}.query", "the query is empty", valid="a SELECT")
    if config.table is not None:
        check_table(config.table, f"{field}.table")
    check_columns(config.select, config.rename, config.columns, field)


def check_table(table: str, field: str) -> None:
    """Refuse what names no table; raises Invalid."""
    if not is_visible(table) or table != table.strip() or not _TABLE.fullmatch(table):
        raise Invalid(
            field, "this names no table", valid='orders, sales.orders, or "a.b"."c" where names hold dots'
        )
    if any(len(part.encode()) > NAME_BYTES_MAX for part in table_parts(table)):
        # The table whose name is the shorter one would be read.
        raise Invalid(field, "Postgres cuts the name short", valid=f"{NAME_BYTES_MAX} bytes at most")


def table_parts(table: str) -> list[str]:
    """Return the schema, where there is one, and the table, as they are called."""
    found = _TABLE.fullmatch(table)
    assert found is not None, "check_table says so"
    return [part.replace('""', '"') for part in found.groups() if part is not None]
