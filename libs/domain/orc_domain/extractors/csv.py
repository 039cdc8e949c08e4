"""CSV files."""

from typing import Annotated

from msgspec import Meta

from orc_domain.config import NonEmpty, Tagged
from orc_domain.extractors.files import (
    BadRows,
    Compression,
    Files,
    Names,
    Paths,
    Renames,
    Types,
    check_columns,
    check_paths,
)
from orc_domain.extractors.incremental import Incremental
from orc_domain.extractors.storage import Storage
from orc_domain.fields import is_visible
from orc_domain.rejection import Invalid

OneCharacter = Annotated[str, Meta(max_length=1)]


class CsvExtract(Tagged, frozen=True, tag="csv"):
    """CSV files, plain or compressed, of the same columns."""

    path: Paths
    delimiter: Annotated[str, Meta(min_length=1, max_length=4)] = ","
    """Between two fields; tab is `\\t`."""
    null_values: tuple[str, ...] = ("",)
    """Texts that mean null; what stands inside quotes too."""
    columns: Types | None = None
    """
    Types of columns by name; the others are sampled, then locked over all files. Without a header they name all
    columns, in order.
    """
    header: bool = True
    """Whether the first record holds the names; without it they are `columns`', or column0, column1, …"""
    quote: OneCharacter = '"'
    """Empty for none."""
    escape: OneCharacter = '"'
    """Before a quote inside quotes; empty for none."""
    encoding: NonEmpty = "utf-8"
    """Any that Python knows; what is not UTF-8 is written anew as UTF-8 before it is read."""
    compression: Compression = "auto"
    skip_lines: Annotated[int, Meta(ge=0, le=10_000)] = 0
    """Lines before the header that are no data."""
    date_format: NonEmpty | None = None
    """strptime format of dates; None lets the sample tell."""
    timestamp_format: NonEmpty | None = None
    """strptime format of timestamps; None lets the sample tell."""
    decimal_separator: Annotated[str, Meta(pattern=r"^[.,]\Z")] = "."
    """Point or comma."""
    select: Names | None = None
    """The columns to load, in this order; None loads all."""
    rename: Renames | None = None
    file_name_column: NonEmpty | None = None
    """A column that gets the name of the file each row comes from."""
    on_bad_rows: BadRows = BadRows()
    files: Files = "all"
    incremental: Incremental | None = None
    storage: Storage | None = None
    """How to get at paths that are URLs."""


def check_csv(config: CsvExtract, field: str) -> None:
    """Judge all that the config's text tells; raises Invalid."""
    check_paths(config.path, field, config.storage)
    check_columns(config.select, config.rename, config.columns, field)
    if '"' in config.delimiter or not is_visible(config.delimiter.replace("\t", "")):
        raise Invalid(
            f"{field}.delimiter", "the delimiter cannot be told apart", valid="such as , ; | or tab"
        )
