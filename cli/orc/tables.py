"""
Print what is in a DuckDB file: `python -m orc.tables FILE`.

A process of its own, because the file must be let go of again and the engine is large.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import duckdb

from orc.output import plain, show_table

ROWS_SHOWN = 3
COLUMNS_SHOWN = 8
CELL_LENGTH_MAX = 24
LOCKED_SECONDS_MAX = 10.0


def show_file(path: str) -> None:
    """Print each table of the file: how many rows, how many columns, and the first of them."""
    connection = _patiently(lambda: duckdb.connect(path, read_only=True))
    try:
        names = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' ORDER BY table_name"
        ).fetchall()
        for (name,) in names:
            show_one(connection, name)
    finally:
        connection.close()


def show_one(connection: Any, name: str) -> None:
    """Print one table."""
    quoted = '"' + name.replace('"', '""') + '"'
    ((count,),) = connection.execute(f"SELECT count(*) FROM {quoted}").fetchall()  # noqa: S608 - quoted above
    # As text, since what a person sees needs no Python type, and time zones would need another library.
    rows = connection.execute(f"SELECT COLUMNS(*)::VARCHAR FROM {quoted} LIMIT {ROWS_SHOWN}")  # noqa: S608
    columns = [column[0] for column in rows.description]
    shown = columns[:COLUMNS_SHOWN]
    print(f"\n{plain(name)}  {count:,} rows, {len(columns)} columns")
    show_table([dict(zip(columns, map(_short, row), strict=True)) for row in rows.fetchall()], shown)


def _short(text: str | None) -> str | None:
    return text if text is None or len(text) <= CELL_LENGTH_MAX else text[: CELL_LENGTH_MAX - 1] + "…"


def _patiently(connect: Callable[[], Any]) -> Any:
    """Open a file that a worker may be about to close."""
    deadline = time.monotonic() + LOCKED_SECONDS_MAX
    while True:
        try:
            return connect()
        except duckdb.IOException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


if __name__ == "__main__":
    show_file(sys.argv[1])
