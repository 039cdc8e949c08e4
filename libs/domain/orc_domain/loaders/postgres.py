"""Tables of a Postgres database."""

from typing import Literal

from orc_domain.config import SecretRef, Tagged
from orc_domain.loaders.tables import Identifier, Key, Merge, check_identifier, check_key
from orc_domain.names import NAME_BYTES_MAX
from orc_domain.rejection import Invalid


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
    names = {
        "table_name": config.table_name,
        "schema_name": config.schema_name,
        "load_id_column": config.load_id_column,
    }
    for word, name in names.items():
        if name is None:
            continue
        check_identifier(name, f"{field}.{word}")
        if len(name.encode()) > NAME_BYTES_MAX:
            raise Invalid(
                f"{field}.{word}", "Postgres cuts the name short", valid=f"{NAME_BYTES_MAX} bytes at most"
            )
    if config.schema_name == "_orc":
        raise Invalid(f"{field}.schema_name", "_orc is for receipts", valid="another schema")
    check_key(config.write_disposition, config.primary_key, field)
