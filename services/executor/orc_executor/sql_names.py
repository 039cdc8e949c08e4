"""Names and texts of users in SQL: always quoted, never pasted."""

from collections.abc import Iterable, Mapping

from orc_domain.names import folded

__all__ = ["columns", "folded", "identifier", "text", "texts"]


def identifier(name: str) -> str:
    """Return a name as SQL, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return a text as SQL, whatever is in it."""
    return "'" + value.replace("'", "''") + "'"


def texts(values: Iterable[str]) -> str:
    """Return a list of texts as SQL."""
    return "[" + ", ".join(text(value) for value in values) + "]"


def columns(types: Mapping[str, str]) -> str:
    """Return column names and DuckDB types as the struct that read_csv and read_json take."""
    return "{" + ", ".join(f"{text(name)}: {text(type_)}" for name, type_ in types.items()) + "}"
