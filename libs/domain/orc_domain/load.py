"""Where data goes: the loader configs a job may hold."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from orc_domain.extract import Config, check_type, keys_of
from orc_domain.fields import is_visible, typed
from orc_domain.paths import check_path
from orc_domain.rejection import Invalid

MEMORY = ":memory:"
"""The `db_path` of a dry run: everything is done, nothing is kept."""

Identifier = Annotated[str, Meta(min_length=1, max_length=128)]


class DuckdbLoad(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="duckdb"):
    """A table of a DuckDB file under ORC_DATA_DIR."""

    db_path: Annotated[str, Meta(min_length=1)]
    table_name: Identifier
    write_disposition: Literal["replace", "append"] = "replace"
    load_id_column: Identifier | None = None
    """A column that gets the id of the run that loaded the row; None adds none."""


class DiscardLoad(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="discard"):
    """Extract everything, count it, keep nothing."""


Loader = DuckdbLoad | DiscardLoad
_TYPES = ("discard", "duckdb")


def parse_loader(config: Config, field: str = "loader_config") -> Loader:
    """Type a config and judge all that its text tells; raises Invalid naming the field."""
    check_type(config, _TYPES, field)
    loader: Loader = typed(config, Loader, field, valid=keys_of(Loader, config))
    if isinstance(loader, DuckdbLoad):
        if loader.db_path != MEMORY:
            check_path(loader.db_path, f"{field}.db_path")
            if loader.db_path.rsplit("/", 1)[-1] in {"", "."}:
                raise Invalid(f"{field}.db_path", "the path names a folder", valid="the path of a file")
        _check_identifier(loader.table_name, f"{field}.table_name")
        if loader.load_id_column is not None:
            _check_identifier(loader.load_id_column, f"{field}.load_id_column")
    return loader


def _check_identifier(name: str, field: str) -> None:
    if name != name.strip() or not is_visible(name):
        raise Invalid(
            field, "the name holds a control character or a space at an end", valid="a plain table name"
        )
