"""Parquet files."""

from orc_domain.config import NonEmpty, Tagged
from orc_domain.extractors.files import Files, Names, Paths, Renames, Types, check_columns, check_paths
from orc_domain.extractors.incremental import Incremental
from orc_domain.extractors.storage import Storage


class ParquetExtract(Tagged, frozen=True, tag="parquet"):
    """Parquet files of the same columns."""

    path: Paths
    columns: Types | None = None
    """Types to cast columns to, by name; the others keep the file's."""
    select: Names | None = None
    rename: Renames | None = None
    union_by_name: bool = False
    """Whether files may differ in their columns; what a file lacks is null."""
    hive_partitioning: bool = False
    """Whether `name=value` folders of the path are columns."""
    file_name_column: NonEmpty | None = None
    """A column that gets the name of the file each row comes from."""
    files: Files = "all"
    incremental: Incremental | None = None
    storage: Storage | None = None
    """How to get at paths that are URLs."""


def check_parquet(config: ParquetExtract, field: str) -> None:
    """Judge all that the config's text tells; raises Invalid."""
    check_paths(config.path, field, config.storage)
    check_columns(config.select, config.rename, config.columns, field)
