"""
Spooled records: newline-delimited JSON in the scratch folder, as DuckDB reads it.

DuckDB looks at every record before it settles on types: from a sample it would round the first fraction that comes
after it, and refuse the first new key. Types that a config declares are cast under a check, and a cursor is kept as
the source wrote it, beside its value.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb

from orc_executor import sql_names
from orc_executor.engine import Engine
from orc_executor.errors import WrongShape
from orc_executor.extractors.declared import cast_sql
from orc_executor.extractors.json.cursor import ROWS, CursorPlace, find_cursor
from orc_executor.extractors.json.keys import check_keys
from orc_executor.extractors.json.reading import NO_COLUMNS, NO_MAPS
from orc_executor.extractors.shaping import shape
from orc_executor.extractors.source import Columns, Scan, fits

_NULL = re.compile(r'"NULL"(?=$|[,)\[])')
"""The type of what is null, of a column or inside one; a field of that name is followed by its type."""
_JSON = "JSON"
"""A column that had values of several kinds once; what is read as JSON itself stays what it is, text or number."""
_TEXTS = frozenset({"VARCHAR", "TEXT", "STRING", "JSON"})


def json_scans(
    engine: Engine,
    spool: Path,
    size: int,
    wanted: Columns | None,
    *,
    columns: Columns | None = None,
    select: Sequence[str] | None = None,
    rename: Mapping[str, str] | None = None,
    cursor: str | None = None,
    found: Columns | None = None,
) -> Iterator[Scan]:
    """
    Yield the one scan over the spool file; raises duckdb.Error, WrongShape.

    `columns` are types that a config declares: a value that such a type would not keep is an error, and a column that
    no record has is null. `select`, `rename` and `cursor` are as in `shape`; the cursor may be a dotted field.
    `found` are the types of all records where they were looked at before.
    """
    path = sql_names.text(str(spool))
    found = found or _described(engine, spool)
    check_keys(engine, found, f"SELECT json FROM read_ndjson_objects({path})")
    declared = _by_column(columns or {}, found)
    # What is wanted are columns of the table, under the names that they get.
    table = {sql_names.folded(name): type_ for name, type_ in (wanted or {}).items()}
    new_names = {sql_names.folded(old): sql_names.folded(new) for old, new in (rename or {}).items()}
    types = {
        name: declared.get(name)
        or _settled(type_, table.get(new_names.get(sql_names.folded(name), sql_names.folded(name))))
        for name, type_ in found.items()
    }
    types |= declared
    place = None if cursor is None else find_cursor(engine, cursor, types)
    sql = _query(path, found, types, declared, place)
    if place is None:
        shaped = shape(sql, engine.describe(sql) if declared else types, select=select, rename=rename)
    else:
        known = engine.describe(sql)
        shaped = shape(
            sql,
            known,
            select=select or list(types),
            rename=rename,
            cursor=place.name,
            cursor_text=sql_names.identifier(place.hidden),
        )
    yield Scan(sql=shaped.sql, columns=shaped.columns, bytes=size, cursor=shaped.cursor)


def found_sql(spool: Path, options: str = "") -> str:
    """Return the query whose columns are the types of all records; by default DuckDB would look at 32 files."""
    path = sql_names.text(str(spool))
    return (
        f"SELECT * FROM read_json({path}, format = 'newline_delimited', records = true, sample_size = -1, "
        f"maximum_sample_files = -1{options})"
    )


def _described(engine: Engine, spool: Path) -> dict[str, str]:
    try:
        return engine.describe(found_sql(spool))
    except duckdb.Error as error:
        if NO_COLUMNS not in str(error):
            raise
    try:
        return engine.describe(found_sql(spool, f", {NO_MAPS}"))
    except duckdb.Error as error:
        if NO_COLUMNS in str(error):
            raise WrongShape("the records have no fields with a name") from error
        raise


def _query(path: str, found: Columns, types: Columns, declared: Columns, place: CursorPlace | None) -> str:
    """Return the query for the columns in their types, and where there is a cursor for it and its text."""
    read, parts = dict[str, str](), list[str]()
    for name, type_ in types.items():
        column = sql_names.identifier(name)
        read[name] = type_
        if name in declared and name in found and _must_cast(found[name], type_):
            read[name] = "VARCHAR"
            parts.append(f"{cast_sql(name, type_)} AS {column}")
        elif place is not None and name == place.column and place.read_as != type_:
            read[name] = place.read_as
            parts.append(f"CAST({column} AS {type_}) AS {column}")
        else:
            parts.append(column)
    rows = f"{_read_json(path, sql_names.columns(read))} AS {ROWS}"
    if place is not None:
        if place.is_nested:
            parts.append(f"{place.value} AS {sql_names.identifier(place.name)}")
        parts.append(f"{place.text} AS {sql_names.identifier(place.hidden)}")
    return f"SELECT {', '.join(parts)} FROM {rows}" if read != types or place else f"SELECT * FROM {rows}"


def _read_json(path: str, columns: str) -> str:
    return f"read_json({path}, format = 'newline_delimited', records = true, auto_detect = false, columns = {columns})"


def _must_cast(found: str, declared: str) -> bool:
    """Whether a declared type may hold less than what the records have."""
    return declared.upper() not in _TEXTS and not fits(found, declared.upper())


def _by_column(columns: Columns, found: Columns) -> dict[str, str]:
    """Return the declared types under the names that the records have, where they have them."""
    there = {sql_names.folded(name): name for name in found}
    return {there.get(sql_names.folded(name), name): type_ for name, type_ in columns.items()}


def _settled(found: str, wanted: str | None) -> str:
    """Return the type to read a column as: the table's where that loses nothing, so that texts stay as they came."""
    if wanted is not None and (fits(found, wanted) or wanted == _JSON):
        return wanted
    # What is null everywhere says nothing of its type; as text, later rows can be put beside it.
    return _NULL.sub("VARCHAR", found)
