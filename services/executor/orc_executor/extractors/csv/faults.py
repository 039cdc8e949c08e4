"""What is wrong with CSV files that could not be read: which file, which line or row, which value."""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Mapping

import duckdb
from msgspec import structs

from orc_executor import sql_names
from orc_executor.engine import Engine
from orc_executor.engine_errors import csv_line, csv_reason, source_error
from orc_executor.errors import SourceMalformed, TaskError, TaskStopped
from orc_executor.extractors.csv.sniffing import FORGET, OVERLOOK
from orc_executor.extractors.csv.types import Reading, Types, declared_check, is_whole, read_sql


def first_fault(engine: Engine, reading: Reading, names: Mapping[str, str]) -> TaskError | TaskStopped | None:
    """Return the first fault of the first file that has one; None when all can be read. Reads the files again."""
    named = dict(names)
    for file in reading.files:
        alone = structs.replace(reading, files=[file], with_files=False, options="")
        try:
            engine.run(
                f"SELECT count(*), bit_xor(hash(rows)) FROM {read_sql(alone, reading.types.columns)} AS rows"
            )
        except duckdb.Error as error:
            line = csv_line(error)
            if line is None:
                return source_error(error, named)
            return SourceMalformed(
                file.name, csv_reason(error, named), line=line + _breaks_before(engine, alone, line)
            )
    for file in reading.files:
        alone = structs.replace(reading, files=[file], with_files=False, options="")
        for name, type_ in reading.types.columns.items():
            if name in reading.declared and is_whole(type_) and (found := _misfit(engine, alone, name)):
                row, value = found
                return SourceMalformed(file.name, f"row {row}: column {name}: {value} is not {type_}")
    return None


def _breaks_before(engine: Engine, reading: Reading, line: int) -> int:
    """Return how many line ends stand inside quotes before a record, which DuckDB does not count."""
    rows = line - 1 - reading.dialect.skip_lines - reading.dialect.has_header
    if rows <= 0 or not reading.dialect.quote:
        return 0
    texts = dict.fromkeys(reading.types.columns, "VARCHAR")
    overlooking = structs.replace(reading, types=Types(columns=texts), options=OVERLOOK)
    count = " + ".join(
        f"coalesce(length({column}) - length(replace({column}, chr(10), '')), 0)"
        for column in map(sql_names.identifier, texts)
    )
    try:
        ((breaks,),) = engine.run(
            f"SELECT coalesce(sum({count}), 0)::BIGINT FROM (SELECT * FROM {read_sql(overlooking, texts)} LIMIT {rows})"
        )
        engine.run(FORGET)
    except duckdb.Error:
        # Without them the line is what DuckDB says.
        return 0
    return int(breaks)


def _misfit(engine: Engine, reading: Reading, name: str) -> tuple[int, str] | None:
    """Return the first row whose value is not what its declared type keeps, and the value."""
    column, texts = sql_names.identifier(name), dict.fromkeys(reading.types.columns, "VARCHAR")
    rows = read_sql(structs.replace(reading, types=Types(columns=texts)), texts)
    check = declared_check(column, reading.types.columns[name], reading.dialect, cast="TRY_CAST")
    found = engine.run(
        f"SELECT place, {column} FROM (SELECT row_number() OVER () AS place, {column} FROM {rows}) "
        f"WHERE NOT ({check}) LIMIT 1"
    )
    return (int(found[0][0]), str(found[0][1])) if found else None
