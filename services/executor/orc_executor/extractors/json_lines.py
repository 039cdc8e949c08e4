"""
Spooled records: newline-delimited JSON in the scratch folder, as DuckDB reads it.

DuckDB looks at every record before it settles on types: from a sample it would round the first fraction that comes
after it, and refuse the first new key.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Iterator
from pathlib import Path

from orc_executor import sql_names
from orc_executor.engine import Engine
from orc_executor.extractors.source import Columns, Scan, fits


def json_scans(
    engine: Engine, spool: Path, size: int, wanted: Columns | None, read_as: Columns | None = None
) -> Iterator[Scan]:
    """Yield the one scan over the spool file; `read_as` are types that count whatever is found; raises duckdb.Error."""
    path = sql_names.text(str(spool))
    found = engine.describe(
        f"SELECT * FROM read_json({path}, format = 'newline_delimited', records = true, sample_size = -1)"
    )
    forced = {name.casefold(): type_ for name, type_ in (read_as or {}).items()}
    types = {
        column: forced.get(column.casefold()) or _settled(column, type_, wanted)
        for column, type_ in found.items()
    }
    sql = (
        f"SELECT * FROM read_json({path}, format = 'newline_delimited', records = true, auto_detect = false, "
        f"columns = {sql_names.columns(types)})"
    )
    yield Scan(sql=sql, columns=types, bytes=size)


def _settled(column: str, found: str, wanted: Columns | None) -> str:
    """Return the type to read a column as: the table's where that loses nothing, so that texts stay as they came."""
    for name, type_ in (wanted or {}).items():
        if name.casefold() == column.casefold() and fits(found, type_):
            return type_
    # A column that is null everywhere says nothing of its type; as text, later rows can be put beside it.
    return "VARCHAR" if found == '"NULL"' else found
