"""What the configs of loaders into tables have in common: how rows meet the rows that are there."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from orc_domain.config import NonEmpty
from orc_domain.fields import is_visible
from orc_domain.names import folded
from orc_domain.rejection import Invalid

Identifier = Annotated[str, Meta(min_length=1, max_length=128)]
Disposition = Literal["replace", "append", "merge", "scd2", "insert-only"]
"""
`replace` the table; `append` to it; `merge` by primary key; `scd2` keeps every version of a row with its validity;
`insert-only` adds the keys that are new and leaves the others as they are.
"""
Key = Annotated[tuple[NonEmpty, ...], Meta(min_length=1, max_length=32)]
"""The columns that tell which rows are the same."""
KEYED: frozenset[str] = frozenset({"merge", "scd2", "insert-only"})
"""Dispositions that need to know which rows are the same."""
Nested = Literal["json", "flatten", "child_tables"]
"""
Objects and arrays in rows: as JSON text; objects as columns `outer__inner`; and arrays of objects, beside that, as
tables of their own, `table__column`. None keeps them as the engine's own nested types.
"""


class Merge(Struct, frozen=True, forbid_unknown_fields=True):
    """How rows with the same key are merged."""

    strategy: Literal["upsert", "delete-insert"] = "upsert"
    """`upsert` changes the columns that the rows have; `delete-insert` puts the new row in place of the old."""
    order_by: NonEmpty | None = None
    """Of rows with the same key in one load the one with the highest value here counts; without it the last."""
    delete_column: NonEmpty | None = None
    """
    Rows that have true, a number but 0, or a text but `false` and 0 in this column delete their key; it is no column of
    the table.
    """


class Scd2(Struct, frozen=True, forbid_unknown_fields=True):
    """How versions of a row are told apart; the columns are timestamps in UTC."""

    valid_from_column: Identifier = "valid_from"
    """When the version became valid."""
    valid_to_column: Identifier = "valid_to"
    """Null for the version that is valid now."""
    absent: Literal["close", "keep"] = "close"
    """Whether a key that the rows do not have any more ends; `keep` is for rows that are only the changes."""


def check_identifier(name: str, field: str) -> None:
    """Refuse what is no name of a table or column; raises Invalid."""
    if name != name.strip() or not is_visible(name):
        raise Invalid(
            field, "the name holds a control character or a space at an end", valid="a plain table name"
        )


def check_key(disposition: str, key: Key | None, field: str) -> None:
    """Refuse a disposition that cannot tell which rows are the same; raises Invalid."""
    if disposition in KEYED and key is None:
        raise Invalid(
            f"{field}.primary_key",
            f"write_disposition {disposition} needs it",
            valid="names of the key's columns",
        )
    if key is not None and len({folded(name) for name in key}) != len(key):
        raise Invalid(f"{field}.primary_key", "a column stands twice", valid="each column once")


def check_word_of(disposition: str, owner: str, word: str, *, is_given: bool, field: str) -> None:
    """Refuse a word that only one disposition heeds; raises Invalid."""
    if is_given and disposition != owner:
        raise Invalid(
            f"{field}.{word}",
            f"write_disposition {disposition} does not heed it",
            valid=f"write_disposition {owner}",
        )
