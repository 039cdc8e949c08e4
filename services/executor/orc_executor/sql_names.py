"""Names and texts of users in SQL: always quoted, never pasted."""

import string
from collections.abc import Iterable, Mapping

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def identifier(name: str) -> str:
    """Return a name as SQL, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return a text as SQL, whatever is in it."""
    return "'" + value.replace("'", "''") + "'"


def texts(values: Iterable[str]) -> str:
    """Return a list of texts as SQL."""
    return "[" + ", ".join(text(value) for value in values) + "]"


def folded(name: str) -> str:
    """Return what two names share that DuckDB takes for the same: it is blind to the case of A to Z alone."""
    return name.translate(_LOWER)


def columns(types: Mapping[str, str]) -> str:
    """Return column names and DuckDB types as the struct that read_csv and read_json take."""
    return "{" + ", ".join(f"{text(name)}: {text(type_)}" for name, type_ in types.items()) + "}"
