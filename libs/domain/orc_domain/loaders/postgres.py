"""Tables of a Postgres database."""

from typing import Literal

from orc_domain.config import SecretRef, Tagged
from orc_domain.loaders.tables import Identifier, Key, Merge, check_identifier, check_key


class PostgresLoad(Tagged, frozen=True, tag="postgres"):
    """A table of a Postgres database, loaded by COPY into a staging table and swapped or merged in one transaction."""

    connection: SecretRef
    """The secret holds the URL: postgresql://user:password@host:5432/database"""
    table_name: Identifier
    """Made when it is not there."""
    schema_name: Identifier = "public"
    """That the table is in."""
    write_disposition: Literal["replace", "append", "merge", "insert-only"] = "replace"
    """`replace` the table; `append` to it; `merge` by primary key; `insert-only` adds the keys that are new."""
    primary_key: Key | None = None
    merge: Merge = Merge()
    load_id_column: Identifier | None = None
    """A column that gets the id of the run that loaded the row; None adds none."""


def check_postgres(config: PostgresLoad, field: str) -> None:
    """Judge all that the config's text tells; raises Invalid."""
    check_identifier(config.table_name, f"{field}.table_name")
    check_identifier(config.schema_name, f"{field}.schema_name")
    if config.load_id_column is not None:
        check_identifier(config.load_id_column, f"{field}.load_id_column")
    check_key(config.write_disposition, config.primary_key, field)
