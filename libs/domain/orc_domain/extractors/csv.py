"""CSV files."""

import re
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
    check_encoding,
    check_paths,
)
from orc_domain.extractors.incremental import Incremental
from orc_domain.extractors.storage import Storage
from orc_domain.fields import is_visible
from orc_domain.rejection import Invalid

_SPECIFIER = re.compile(r"%(-?.?)", re.DOTALL)
_SPECIFIERS = frozenset("aAbBcdDfgGHIjmMnpSuUVwWxXyYzZ%")
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
    escape: OneCharacter | None = None
    """What stands before a quote inside quotes; None is the quote itself, empty is nothing."""
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
    check_encoding(config.encoding, field)
    for name, mark in (("quote", config.quote), ("escape", config.escape)):
        if mark and (not is_visible(mark) or mark == " "):
            raise Invalid(
                f"{field}.{name}", f"the {name} cannot be told apart", valid="one visible character"
            )
    if config.escape and not config.quote:
        raise Invalid(
            f"{field}.escape",
            "an escape stands inside quotes, and there are none",
            valid="a quote, or no escape",
        )
    marks = {mark for mark in (config.quote, config.escape) if mark}
    if marks & set(config.delimiter) or not is_visible(config.delimiter.replace("\t", "")):
        raise Invalid(
            f"{field}.delimiter", "the delimiter cannot be told apart", valid="such as , ; | or tab"
        )
    check_time_format(config.date_format, f"{field}.date_format")
    check_time_format(config.timestamp_format, f"{field}.timestamp_format")
    column = config.file_name_column
    if column is not None and (not is_visible(column) or column != column.strip()):
        raise Invalid(f"{field}.file_name_column", "this is no column name", valid="visible text")


def check_time_format(text: str | None, field: str) -> None:
    """Refuse what DuckDB's strptime would; raises Invalid."""
    if text is None:
        return
    found = _SPECIFIER.findall(text)
    unknown = [one for one in found if one.removeprefix("-")[:1] not in _SPECIFIERS or one == "-"]
    if unknown or not found or not is_visible(text):
        wrong = f"%{unknown[0]} is no specifier" if unknown else "there is no specifier in it"
        raise Invalid(field, wrong, valid="such as %d.%m.%Y or %Y-%m-%d %H:%M:%S")
