"""How commands print: JSON for programs, tables for people."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 400
"""Where no person looks there is no width to keep within: nothing is cut off."""


def console() -> Console:
    """Return where to print tables to."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(width=PIPE_WIDTH, highlight=False)


def show_json(value: Any) -> None:
    """Print a value as JSON on one line, for a program to read."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def show_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print some columns of some rows."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(row.get(column))) for column in columns))
    console().print(table)


def show_fields(values: Mapping[str, Any]) -> None:
    """Print one thing, a line per field."""
    width = max(map(len, values), default=0)
    for name, value in values.items():
        print(f"{name:{width}}  {plain(value)}")


def plain(value: Any) -> str:
    """Say a JSON value in words a person reads; control characters from outside never reach a terminal."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case dict() | list():
            value = json.dumps(value, ensure_ascii=False)
    return "".join(character if character.isprintable() else "�" for character in str(value))
