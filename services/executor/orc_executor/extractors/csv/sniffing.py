"""
What DuckDB makes of a CSV file's columns, of one file or of several together.

Where bad rows are put aside they must not decide: DuckDB gets the good rows alone, written into the scratch folder.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Sequence
from pathlib import Path

import duckdb

from orc_executor import sql_names
from orc_executor.engine import Engine
from orc_executor.extractors.csv.dialect import Dialect
from orc_executor.extractors.csv.types import Reading, Types, read_sql
from orc_executor.paths import SourceFile

_ERRORS, _SCANS = "_orc_csv_overlooked", "_orc_csv_overlooked_scans"
OVERLOOK = f", store_rejects = true, rejects_table = '{_ERRORS}', rejects_scan = '{_SCANS}'"
"""Options of read_csv. Told to ignore errors without keeping them, DuckDB loses good rows behind a bad one."""
FORGET = f"DROP TABLE IF EXISTS {_ERRORS}; DROP TABLE IF EXISTS {_SCANS}"
"""To be run after such a read."""
_NUMBERS = ("BIGINT", "HUGEINT", "DOUBLE")
_DATES = ("DATE", "TIMESTAMP")


def sniff(engine: Engine, file: SourceFile, dialect: Dialect, *, whole: bool, options: str = "") -> Types:
    """Let DuckDB look at the file; raises duckdb.Error."""
    sample = ", sample_size = -1" if whole else ""
    (found,) = engine.run(
        f"SELECT columns, dateformat, timestampformat FROM sniff_csv({sql_names.text(file.pattern)}, "
        f"{dialect.sql}{dialect.formats()}{sample}{options})"
    )
    return Types(
        columns={column["name"]: column["type"] for column in found[0]},
        date_format=found[1],
        timestamp_format=found[2],
    )


def sniff_good_rows(
    engine: Engine, file: SourceFile, dialect: Dialect, names: Sequence[str], scratch: Path
) -> Types:
    """Return the types that the good rows of a whole file have; raises duckdb.Error."""
    texts = dict.fromkeys(names, "VARCHAR")
    try:
        read_as_text(engine, file, dialect, names)
        return sniff(engine, file, dialect, whole=True)
    except duckdb.InvalidInputException:
        # There are bad rows, some of which DuckDB would take for good ones when it looks for types.
        pass
    good = Reading(files=[file], dialect=dialect, types=Types(columns=texts), options=OVERLOOK)
    copy = scratch / "good-rows.csv"
    try:
        engine.run(
            f"COPY (SELECT * FROM {read_sql(good, texts)}) TO {sql_names.text(str(copy))} (FORMAT csv, HEADER true)"
        )
        plain = Dialect(
            date_format=dialect.date_format,
            timestamp_format=dialect.timestamp_format,
            decimal_separator=dialect.decimal_separator,
        )
        return sniff(engine, SourceFile(str(copy), file.name, copy.stat().st_size), plain, whole=True)
    finally:
        engine.run(FORGET)
        copy.unlink(missing_ok=True)


def read_as_text(engine: Engine, file: SourceFile, dialect: Dialect, names: Sequence[str]) -> None:
    """Read the file and keep nothing; raises duckdb.Error saying where it cannot be read."""
    texts = dict.fromkeys(names, "VARCHAR")
    rows = read_sql(Reading(files=[file], dialect=dialect, types=Types(columns=texts)), texts)
    engine.run(f"SELECT count(*), bit_xor(hash(rows)) FROM {rows} AS rows")


def columns_without_values(
    engine: Engine, file: SourceFile, dialect: Dialect, names: Sequence[str]
) -> frozenset[str]:
    """Return the columns that are null in the whole file: they look like text and say nothing."""
    texts = dict.fromkeys(names, "VARCHAR")
    counts = ", ".join(f"count({sql_names.identifier(name)})" for name in names)
    reading = Reading(files=[file], dialect=dialect, types=Types(columns=texts), options=OVERLOOK)
    (row,) = engine.run(f"SELECT {counts} FROM {read_sql(reading, texts)}")
    engine.run(FORGET)
    return frozenset(name for name, count in zip(names, row, strict=True) if not count)


def united(found: Sequence[Types], names: Sequence[str], nulls: Sequence[frozenset[str]] = ()) -> Types:
    """Return types that hold the values of every file; `nulls` are the columns of each that hold none."""
    same_formats = len({(types.date_format, types.timestamp_format) for types in found}) == 1
    columns, by_place = dict[str, str](), [list(types.columns.values()) for types in found]
    for place, name in enumerate(names):
        said = {types[place] for file, types in enumerate(by_place) if not nulls or name not in nulls[file]}
        columns[name] = _united(said or {"VARCHAR"}, same_formats=same_formats)
    if not same_formats:
        return Types(columns=columns)
    return Types(
        columns=columns, date_format=found[0].date_format, timestamp_format=found[0].timestamp_format
    )


def _united(types: set[str], *, same_formats: bool) -> str:
    if len(types) == 1 and (same_formats or types.isdisjoint(_DATES)):
        return types.pop()
    for row in (_NUMBERS, _DATES) if same_formats else (_NUMBERS,):
        if types <= set(row):
            return max(types, key=row.index)
    return "VARCHAR"
