"""
JSON files as DuckDB reads them: types from every record of every file, then one scan.

From a sample it would round the first fraction that comes after it, and refuse the first new key. A column whose type
the config says is read as its text where that type does not simply hold what was found, and cast with nothing lost.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Sequence
from itertools import groupby

import duckdb
from msgspec import Struct

from orc_domain.extractors.files import Compression
from orc_executor import sql_names
from orc_executor.engine import Engine
from orc_executor.extractors.casting import checked_cast, is_scalar
from orc_executor.extractors.json.keys import check_keys
from orc_executor.extractors.json.types import united
from orc_executor.extractors.shaping import file_name_sql
from orc_executor.extractors.source import Columns, fits
from orc_executor.paths import SourceFile
from orc_executor.sql_names import folded

RECORD_BYTES_MAX = 16 * 1024 * 1024
"""Of one record of a file."""
FILES_A_LOOK = 4
"""While it looks for types, DuckDB keeps 32 MiB a file."""
NO_COLUMNS = "expected records, but got non-record JSON"
"""What DuckDB says where it found no record at all, or took one with many keys for a map."""
NO_MAPS = "map_inference_threshold = -1"
"""The option that has records of many keys, or with few in common, be records still."""
_PATH = "_orc_path"


class JsonFile(Struct, frozen=True):
    """A file, and what is in it."""

    file: SourceFile
    format: str
    """newline_delimited, array, or unstructured: values one after the other."""
    compression: Compression = "auto"


def described(engine: Engine, files: Sequence[JsonFile]) -> dict[str, str]:
    """Return the columns of all records of all files; raises duckdb.Error, WrongShape."""
    tellings = list[Columns]()
    for group in _groups(files):
        for place in range(0, len(group), FILES_A_LOOK):
            tellings += _looked_at(engine, group[place : place + FILES_A_LOOK])
    found = united(tellings)
    check_keys(engine, found, _objects(files))
    return found


def _looked_at(engine: Engine, files: Sequence[JsonFile]) -> list[dict[str, str]]:
    options = f"sample_size = -1, maximum_sample_files = {len(files)}"
    try:
        return [engine.describe(f"SELECT * FROM {_read(files, options)}")]
    except duckdb.BinderException as error:
        if NO_COLUMNS not in str(error):
            raise
    # One file whose records are all empty is enough for that.
    if len(files) > 1:
        return [found for file in files for found in _looked_at(engine, [file])]
    try:
        # Not from the first: objects within records stay the maps that tables have columns for.
        return [engine.describe(f"SELECT * FROM {_read(files, f'{options}, {NO_MAPS}')}")]
    except duckdb.BinderException as error:
        if NO_COLUMNS not in str(error):
            raise
        values = _read(files, "auto_detect = false, columns = {'json': 'JSON'}", records=False)
        if engine.run(f"SELECT 1 FROM {values} WHERE json_type(json) NOT IN ('OBJECT', 'NULL') LIMIT 1"):
            raise
        return []


def scan_sql(files: Sequence[JsonFile], found: Columns, types: Columns, file_name: str | None) -> str:
    """Return the query for all records, each column of the type that `types` says."""
    read_as = {name: _read_as(found.get(name, '"NULL"'), type_) for name, type_ in types.items()}
    names = {one.file.path: one.file.name for one in files}
    parts = list[str]()
    for name, type_ in types.items():
        column = sql_names.identifier(name)
        if read_as[name] == type_:
            parts.append(column)
        else:
            parts.append(f"{checked_cast(column, name, read_as[name], type_)} AS {column}")
    if file_name is not None:
        parts.append(f"{file_name_sql(_PATH, names)} AS {sql_names.identifier(file_name)}")
    options = f"auto_detect = false, columns = {sql_names.columns(read_as)}"
    if file_name is not None:
        options += f", filename = {sql_names.text(_PATH)}"
    queries = [f"SELECT {', '.join(parts)} FROM {_read(group, options)}" for group in _groups(files)]
    return " UNION ALL ".join(queries)


def settled(found: Columns, declared: Columns, wanted: Columns) -> dict[str, str]:
    """
    Return the type of each column: as declared, else the table's where that loses nothing, else as found.

    A declared column that no record has is null in all of them.
    """
    by_name = {folded(name): type_ for name, type_ in declared.items()}
    types = {
        name: by_name.get(folded(name)) or _settled(type_, wanted.get(folded(name)))
        for name, type_ in found.items()
    }
    there = {folded(name) for name in found}
    return types | {name: type_ for name, type_ in declared.items() if folded(name) not in there}


def _settled(found: str, wanted: str | None) -> str:
    if wanted is not None and fits(found, wanted):
        return wanted
    # A column that is null everywhere says nothing of its type; as text, later rows can be put beside it.
    return "VARCHAR" if found == '"NULL"' else found


def _read_as(found: str, type_: str) -> str:
    """Return the type to have DuckDB read: it would round and cut to make a value fit the one that is wanted."""
    if fits(found, type_) or type_ == "JSON":
        return type_
    return "VARCHAR" if is_scalar(type_) else found


def _groups(files: Sequence[JsonFile]) -> list[list[JsonFile]]:
    """Return the files in their order, those together that one call can read."""
    return [list(group) for _, group in groupby(files, key=lambda one: (one.format, one.compression))]


def _read(group: Sequence[JsonFile], options: str, *, records: bool = True) -> str:
    paths = sql_names.texts(one.file.pattern for one in group)
    compression = "auto_detect" if group[0].compression == "auto" else group[0].compression
    return (
        f"read_json({paths}, format = {sql_names.text(group[0].format)}, records = {str(records).lower()}, {options}, "
        f"compression = {sql_names.text(compression)}, hive_partitioning = false, "
        f"maximum_object_size = {RECORD_BYTES_MAX})"
    )


def _objects(files: Sequence[JsonFile]) -> str:
    options = "auto_detect = false, columns = {'json': 'JSON'}"
    return " UNION ALL ".join(
        f"SELECT json FROM {_read(group, options, records=False)}" for group in _groups(files)
    )
