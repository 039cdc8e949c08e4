"""What the configs of files have in common: which files, which columns, and what becomes of rows that cannot be read."""

import codecs
from typing import Annotated, Literal

from msgspec import Meta, Struct

from orc_domain.config import NonEmpty
from orc_domain.extractors.column_types import check_column_type
from orc_domain.extractors.storage import (
    STORES,
    Place,
    Storage,
    check_remote,
    check_storage,
    remote_place,
)
from orc_domain.fields import is_visible
from orc_domain.names import folded
from orc_domain.paths import check_path
from orc_domain.rejection import Invalid

PATHS_MAX = 1000
COLUMNS_MAX = 16_384
BAD_ROWS_MAX = 1_000_000

Paths = NonEmpty | Annotated[tuple[NonEmpty, ...], Meta(min_length=1, max_length=PATHS_MAX)]
"""A file, a glob, a URL of an object store or of https, or several of them."""
Types = Annotated[dict[NonEmpty, NonEmpty], Meta(min_length=1, max_length=COLUMNS_MAX)]
"""Column name to DuckDB type."""
Names = Annotated[tuple[NonEmpty, ...], Meta(min_length=1, max_length=COLUMNS_MAX)]
"""The columns to load, in this order; None loads all."""
Renames = Annotated[dict[NonEmpty, NonEmpty], Meta(min_length=1, max_length=COLUMNS_MAX)]
"""New names of columns, by those of the source."""
Compression = Literal["auto", "none", "gzip", "zstd"]
"""`auto` goes by the end of the name: .gz, .zst."""
Files = Literal["all", "new"]
"""`new` reads only files that no earlier run of the task loaded into this target, told by path, size and time or etag."""


class BadRows(Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of a row that cannot be read."""

    mode: Literal["fail", "skip", "quarantine"] = "fail"
    """`quarantine` keeps it in the target's `_orc.quarantine`, with file, line and reason."""
    max: Annotated[int, Meta(ge=0, le=BAD_ROWS_MAX)] = 1000
    """More bad rows than this in one load fail it, whatever the mode."""


def paths_of(path: Paths) -> tuple[str, ...]:
    """Return the paths, however many were given."""
    return (path,) if isinstance(path, str) else path


def check_paths(path: Paths, field: str, storage: Storage | None = None) -> None:
    """Judge each path by its text, and how to get at those that are URLs; raises Invalid naming it."""
    places = list[Place]()
    for number, one in enumerate(paths_of(path)):
        name = f"{field}.path" if isinstance(path, str) else f"{field}.path[{number}]"
        place = remote_place(one)
        if place is None:
            check_path(one, name, urls=STORES)
        else:
            check_remote(place, name)
            places.append(place)
    check_storage(storage, places, field)


def check_encoding(encoding: str, field: str) -> None:
    """Refuse what is no encoding of text; raises Invalid."""
    try:
        # A codec from bytes to bytes, base64 say, is none; `undefined` refuses everything.
        b"a".decode(encoding)
        codecs.getincrementaldecoder(encoding)
    except UnicodeDecodeError:
        # A character of this encoding is longer.
        return
    except (LookupError, ValueError) as error:
        raise Invalid(
            f"{field}.encoding",
            f"{encoding[:64]!r} is no encoding of text",
            valid="a name that Python knows: utf-8, utf-16, latin-1, cp1252, shift_jis, …",
        ) from error


def check_columns(select: Names | None, rename: Renames | None, columns: Types | None, field: str) -> None:
    """
    Judge what is said of columns; raises Invalid.

    `select`, `columns` and the keys of `rename` are names as they stand in the source; the table gets the renamed ones.
    """
    for group, names in (
        ("select", select or ()),
        ("rename", (rename or {}).values()),
        ("columns", columns or ()),
    ):
        seen = set[str]()
        for name in names:
            if not is_visible(name) or name != name.strip():
                raise Invalid(f"{field}.{group}", f"{name[:64]!r} is no column name", valid="visible text")
            if folded(name) in seen:
                raise Invalid(
                    f"{field}.{group}", f"{name[:64]!r} stands twice", valid="each name once, in any case"
                )
            seen.add(folded(name))
    for name, type_ in (columns or {}).items():
        check_column_type(type_, f"{field}.columns.{name[:64]}")
    if select is not None and rename is not None:
        chosen = {folded(name) for name in select}
        for name in rename:
            if folded(name) not in chosen:
                raise Invalid(
                    f"{field}.rename",
                    f"{name[:64]!r} is renamed but not selected",
                    valid="names that select lists",
                )
