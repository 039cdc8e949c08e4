"""Tables of a DuckDB file."""

from typing import Annotated, Literal

from msgspec import Meta

from orc_domain.config import Tagged
from orc_domain.loaders.checks import Checks, check_checks
from orc_domain.loaders.contract import SchemaContract
from orc_domain.loaders.tables import (
    Disposition,
    Identifier,
    Key,
    Merge,
    Nested,
    Scd2,
    check_identifier,
    check_key,
    check_word_of,
)
from orc_domain.names import folded
from orc_domain.paths import check_path
from orc_domain.rejection import Invalid

MEMORY = ":memory:"
"""The `db_path` of a dry run: everything is done, nothing is kept."""


class DuckdbLoad(Tagged, frozen=True, tag="duckdb"):
    """A table of a DuckDB file under ORC_DATA_DIR."""

    db_path: Annotated[str, Meta(min_length=1)]
    """Of the file, under ORC_DATA_DIR, which need not exist; `:memory:` keeps nothing."""
    table_name: Identifier
    """In the file's schema `main`."""
    write_disposition: Disposition = "replace"
    load_id_column: Identifier | None = None
    """A column that gets the id of the run that loaded the row; None adds none."""
    primary_key: Key | None = None
    merge: Merge = Merge()
    scd2: Scd2 = Scd2()
    nested: Nested | None = None
    schema_contract: SchemaContract = SchemaContract()
    checks: Checks = ()
    """What must be true of the table before a load is committed."""
    storage_version: Literal["v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0", "v1.4.0", "latest"] | None = None
    """Of a file that is made by this load, for readers older than this DuckDB; None is this DuckDB's own."""


def check_duckdb(config: DuckdbLoad, field: str) -> None:
    """Judge all that the config's text tells; raises Invalid."""
    if config.db_path != MEMORY:
        check_path(config.db_path, f"{field}.db_path")
        if config.db_path.rsplit("/", 1)[-1] in {"", "."}:
            raise Invalid(f"{field}.db_path", "the path names a folder", valid="the path of a file")
    check_identifier(config.table_name, f"{field}.table_name")
    if config.load_id_column is not None:
        check_identifier(config.load_id_column, f"{field}.load_id_column")
    check_checks(config.checks, f"{field}.checks")
    disposition = config.write_disposition
    check_key(disposition, config.primary_key, field)
    check_word_of(disposition, "merge", "merge", is_given=config.merge != Merge(), field=field)
    check_word_of(disposition, "scd2", "scd2", is_given=config.scd2 != Scd2(), field=field)
    if disposition == "scd2":
        _check_scd2(config.scd2, field)
    _check_own_columns(config, field)
    if config.nested == "child_tables" and disposition in {"scd2", "insert-only"}:
        raise Invalid(
            f"{field}.nested",
            f"child tables do not go with write_disposition {disposition}",
            valid="json or flatten, or write_disposition replace, append or merge",
        )


def _check_own_columns(config: DuckdbLoad, field: str) -> None:
    """Refuse a column that would be two things at once: a mark or the load's id is no part of what a row is."""
    taken = {folded(name): f"{field}.primary_key" for name in config.primary_key or ()}
    own = [("load_id_column", config.load_id_column), ("merge.delete_column", config.merge.delete_column)]
    if config.write_disposition == "scd2":
        own += [
            ("scd2.valid_from_column", config.scd2.valid_from_column),
            ("scd2.valid_to_column", config.scd2.valid_to_column),
        ]
    for word, name in own:
        if name is None:
            continue
        other = taken.setdefault(folded(name), f"{field}.{word}")
        if other != f"{field}.{word}":
            raise Invalid(f"{field}.{word}", f"{other} names the same column", valid="a column of its own")


def _check_scd2(scd2: Scd2, field: str) -> None:
    for word, name in (
        ("valid_from_column", scd2.valid_from_column),
        ("valid_to_column", scd2.valid_to_column),
    ):
        check_identifier(name, f"{field}.scd2.{word}")
    if folded(scd2.valid_from_column) == folded(scd2.valid_to_column):
        raise Invalid(
            f"{field}.scd2.valid_to_column", "is the same as valid_from_column", valid="another name"
        )
