"""How commands print: JSON for programs, tables for people."""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size

GAP = "  "
LAST_COLUMN_MIN = 20
"""So much of the last column is shown however narrow the terminal is."""


def show_json(value: Any) -> None:
    """Print a value as JSON on one line, for a program to read."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def show_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """
    Print some columns of some rows, a line each.

    An id is never broken over two lines, so that it can be copied; only the last column gives way on a terminal.
    """
    lines = [list(columns), *([plain(row.get(column)) for column in columns] for row in rows)]
    widths = [max(map(cell_len, cells)) for cells in zip(*lines, strict=True)]
    if sys.stdout.isatty():
        left = shutil.get_terminal_size().columns - sum(widths[:-1]) - len(GAP) * (len(widths) - 1)
        widths[-1] = min(widths[-1], max(left, LAST_COLUMN_MIN))
    for line in lines:
        print(GAP.join(_fit(cell, width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _fit(cell: str, width: int) -> str:
    return set_cell_size(cell, width - 1) + "…" if cell_len(cell) > width else set_cell_size(cell, width)


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


def moment(value: str | None) -> str | None:
    """Say an instant of the API to the second: what a table has room for."""
    return value and f"{value[:19]}Z"
