"""JSON files: an array or object a file, or an object a line."""

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


class JsonExtract(Tagged, frozen=True, tag="json"):
    """JSON files, each an array of objects, or with one somewhere inside."""

    path: Paths
    records: NonEmpty | None = None
    """JSONPath (RFC 9535) of the array of records; None when the file is the array."""
    columns: Types | None = None
    """Types of columns by name; the others are told by every record."""
    encoding: NonEmpty = "utf-8"
    """Any that Python knows."""
    compression: Compression = "auto"
    select: Names | None = None
    rename: Renames | None = None
    file_name_column: NonEmpty | None = None
    """A column that gets the name of the file each row comes from."""
    files: Files = "all"
    incremental: Incremental | None = None
    storage: Storage | None = None
    """How to get at paths that are URLs."""


class JsonlExtract(Tagged, frozen=True, tag="jsonl"):
    """Files of newline-delimited JSON, an object a line (NDJSON)."""

    path: Paths
    columns: Types | None = None
    encoding: NonEmpty = "utf-8"
    """Any that Python knows."""
    compression: Compression = "auto"
    select: Names | None = None
    rename: Renames | None = None
    file_name_column: NonEmpty | None = None
    """A column that gets the name of the file each row comes from."""
    on_bad_rows: BadRows = BadRows()
    """A line that is no JSON object, or has a value that its column's type cannot hold."""
    files: Files = "all"
    incremental: Incremental | None = None
    storage: Storage | None = None
    """How to get at paths that are URLs."""


def check_json(config: JsonExtract | JsonlExtract, field: str) -> None:
    """Judge all that the config's text tells; raises Invalid."""
    check_paths(config.path, field, config.storage)
    check_encoding(config.encoding, field)
    check_columns(config.select, config.rename, config.columns, field)
