"""Parquet files."""

from typing import Annotated, Literal

from msgspec import Meta

from orc_domain.config import NonEmpty, Tagged
from orc_domain.loaders.tables import Identifier, check_identifier
from orc_domain.names import folded
from orc_domain.paths import check_path
from orc_domain.rejection import Invalid


class ParquetLoad(Tagged, frozen=True, tag="parquet"):
    """A folder of Parquet files under ORC_DATA_DIR."""

    path: NonEmpty
    """The folder; it holds nothing but this dataset."""
    write_disposition: Literal["replace", "append"] = "replace"
    """Whether the files take the place of those that are there."""
    partition_by: Annotated[tuple[NonEmpty, ...], Meta(max_length=16)] = ()
    """Columns whose values are folders, `name=value`, and not columns of the files."""
    compression: Literal["zstd", "snappy", "gzip", "uncompressed"] = "zstd"
    """Of the files."""
    row_group_rows: Annotated[int, Meta(ge=2048, le=10_000_000)] = 122_880
    """Rows of a row group."""
    load_id_column: Identifier | None = None
    """A column that gets the id of the run that loaded the row; None adds none."""


def check_parquet_load(config: ParquetLoad, field: str) -> None:
    """Judge all that the config's text tells; raises Invalid."""
    check_path(config.path, f"{field}.path")
    if config.path.rstrip("/") in {"", "."}:
        raise Invalid(
            f"{field}.path", "the path is the data folder itself", valid="a folder under ORC_DATA_DIR"
        )
    if len({folded(name) for name in config.partition_by}) != len(config.partition_by):
        raise Invalid(f"{field}.partition_by", "a column stands twice", valid="each column once")
    if config.load_id_column is not None:
        check_identifier(config.load_id_column, f"{field}.load_id_column")
