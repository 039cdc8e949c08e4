"""The cursor of JSON records: a column, or a field inside one, whose text is kept as the source wrote it."""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Mapping, Sequence

import duckdb
from msgspec import Struct

from orc_executor.engine import Engine
from orc_executor.errors import WrongShape
from orc_executor.extractors.source import Columns
from orc_executor.sql_names import folded, identifier, text

ROWS = "spooled"
"""What the rows are called in SQL: a column of theirs is meant, not one that is made of it."""
_NAMES_SHOWN_MAX = 20


class CursorPlace(Struct, frozen=True, kw_only=True):
    """Where a cursor stands in the records."""

    name: str
    """As the config has it, or the column's own case."""
    type: str
    column: str
    """That it is, or is inside of."""
    read_as: str
    """The type to read that column as, in which the cursor is text."""
    value: str
    """SQL over the column so read."""
    text: str
    is_nested: bool
    hidden: str
    """A name for the text that no column has."""


def find_cursor(engine: Engine, cursor: str, types: Columns) -> CursorPlace:
    """Return the place of a cursor among columns; raises WrongShape when it is not there."""
    there = {folded(name): name for name in types}
    hidden = "_orc_said"
    while hidden in there:
        hidden += "_"
    if (column := there.get(folded(cursor))) is not None:
        said = f"{ROWS}.{identifier(column)}"
        return CursorPlace(
            name=column, type=types[column], column=column, read_as="VARCHAR", value=said, text=said,
            is_nested=False, hidden=hidden,
        )  # fmt: skip
    first, *rest = cursor.split(".")
    column = there.get(folded(first))
    if column is None or not rest:
        raise _absent(cursor, types)
    here = identifier(column)
    # A column, as a null alone would have no type inside.
    row = f"(VALUES (CAST(NULL AS {types[column]}))) AS {ROWS}({here})"
    names = list[str]()
    try:
        for name in rest:
            # JSON tells names apart by case, so they are taken as the records have them.
            fields = {
                folded(field): field
                for field in engine.describe(f"SELECT unnest({_inside(here, names)}) FROM {row}")
            }
            names.append(fields[folded(name)])
        found = engine.describe(
            f"SELECT {_inside(here, names)} AS found, {_with_text(here, names)} AS read FROM {row}"
        )
    except (duckdb.BinderException, KeyError) as error:
        raise _absent(cursor, types) from error
    inside = _inside(f"{ROWS}.{here}", names)
    return CursorPlace(
        name=cursor, type=found["found"], column=column, read_as=found["read"],
        value=f"CAST({inside} AS {found['found']})", text=inside, is_nested=True, hidden=hidden,
    )  # fmt: skip


def _inside(struct: str, names: Sequence[str]) -> str:
    for name in names:
        struct = f"struct_extract({struct}, {text(name)})"
    return struct


def _with_text(struct: str, names: Sequence[str]) -> str:
    """Return the struct with a text at the place, for its type."""
    name, *rest = names
    inner = "CAST(NULL AS VARCHAR)" if not rest else _with_text(_inside(struct, [name]), rest)
    return f"struct_update({struct}, {identifier(name)} := {inner})"


def _absent(cursor: str, types: Mapping[str, str]) -> WrongShape:
    there = list(types)
    more = f" and {len(there) - _NAMES_SHOWN_MAX} more" if len(there) > _NAMES_SHOWN_MAX else ""
    return WrongShape(
        f"incremental.cursor names {cursor}, the records have {', '.join(there[:_NAMES_SHOWN_MAX])}{more}"
    )
