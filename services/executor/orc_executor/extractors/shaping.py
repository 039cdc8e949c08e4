"""What every extractor's config may ask of columns, applied to a scan: which, under which names, and which is the cursor."""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Mapping, Sequence

from msgspec import Struct

from orc_executor.errors import WrongShape
from orc_executor.extractors.source import CursorColumn
from orc_executor.sql_names import folded, identifier, text

_CURSOR = "_orc_cursor"
_CURSOR_TEXT = "_orc_cursor_text"
"""Columns of the query beside those that the table gets."""
_NAMES_SHOWN_MAX = 20


class Shaped(Struct, frozen=True):
    """A query with the columns that were asked for."""

    sql: str
    columns: dict[str, str]
    """Of the table, in order."""
    cursor: CursorColumn | None


def shape(
    sql: str,
    columns: Mapping[str, str],
    *,
    select: Sequence[str] | None = None,
    rename: Mapping[str, str] | None = None,
    always: Sequence[str] = (),
    cursor: str | None = None,
    cursor_text: str | None = None,
) -> Shaped:
    """
    Return the query over `sql` with the columns that a config asks for; raises WrongShape naming what is not there.

    `select`, the keys of `rename`, and `cursor` are names of `columns`, in any case; `always` are columns that need no
    selecting, the file's name among them. `cursor_text` is SQL over `sql` for the cursor as the source wrote it,
    where that is not its value cast to text.
    """
    by_name = {folded(name): name for name in columns}
    chosen = (
        list(columns) if select is None else [*(_named(one, by_name, "select") for one in select), *always]
    )
    new_names = {_named(old, by_name, "rename"): new for old, new in (rename or {}).items()}
    shaped = dict[str, str]()
    for name in chosen:
        new = new_names.get(name, name)
        if folded(new) in {folded(taken) for taken in shaped}:
            raise WrongShape(f"two columns would be called {new}: rename one of them")
        shaped[new] = columns[name]
    place = None if cursor is None else _named(cursor, by_name, "incremental.cursor")
    if select is None and not new_names and place is None:
        return Shaped(sql, shaped, None)
    parts = [
        identifier(old) if old == new else f"{identifier(old)} AS {identifier(new)}"
        for old, new in zip(chosen, shaped, strict=True)
    ]
    if place is None:
        return Shaped(f"SELECT {', '.join(parts)} FROM ({sql})", shaped, None)
    said = cursor_text or f"CAST({identifier(place)} AS VARCHAR)"
    parts += [f"{identifier(place)} AS {identifier(_CURSOR)}", f"{said} AS {identifier(_CURSOR_TEXT)}"]
    return Shaped(
        f"SELECT {', '.join(parts)} FROM ({sql})",
        shaped,
        CursorColumn(
            name=place, type=columns[place], value=identifier(_CURSOR), text=identifier(_CURSOR_TEXT)
        ),
    )


def file_name_sql(path_column: str, names: Mapping[str, str]) -> str:
    """Return SQL for what to call the file at a path, `names` by path."""
    cases = " ".join(f"WHEN {text(path)} THEN {text(name)}" for path, name in names.items())
    return f"CASE {path_column} {cases} END"


def _named(name: str, by_name: Mapping[str, str], word: str) -> str:
    found = by_name.get(folded(name))
    if found is None:
        there = list(by_name.values())
        more = f" and {len(there) - _NAMES_SHOWN_MAX} more" if len(there) > _NAMES_SHOWN_MAX else ""
        raise WrongShape(f"{word} names {name}, the columns are {', '.join(there[:_NAMES_SHOWN_MAX])}{more}")
    return found
