"""
Bad rows of a CSV file: put aside by read_csv while it reads, then told by file, line, reason and text.

    clear      before a scan: forget those of the scan before
    settle     after it: count the lines; refuse a load in which rows were lost that nobody can name
    sql        the bad rows, each once, however much is wrong with it

`read_csv` rounds a fraction into a whole number and puts nothing aside. When a scan came upon one, `find_misfits` reads
the files again, as types that do not round, for the rows to be told like the others.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Mapping, Sequence

from msgspec import structs

from orc_executor import sql_names
from orc_executor.engine import Engine
from orc_executor.errors import SourceMalformed
from orc_executor.extractors.csv.dialect import Dialect
from orc_executor.extractors.csv.lines import UNBROKEN_BYTES_MAX, lines_at
from orc_executor.extractors.csv.types import Reading, declared_check, is_whole, read_sql
from orc_executor.extractors.shaping import file_name_sql
from orc_executor.paths import SourceFile

_ERRORS, _SCANS = "_orc_csv_rejects", "_orc_csv_scans"
_FOUND_ERRORS, _FOUND_SCANS = "_orc_csv_found", "_orc_csv_found_scans"
_LINES, _MISFITS = "_orc_csv_lines", "_orc_csv_misfits"
PUT_ASIDE = f", store_rejects = true, rejects_table = '{_ERRORS}', rejects_scan = '{_SCANS}'"
CLEAR = (
    f"DROP TABLE IF EXISTS {_ERRORS}; DROP TABLE IF EXISTS {_SCANS}; "
    f"CREATE OR REPLACE TEMP TABLE {_LINES}(path VARCHAR, place BIGINT, line BIGINT)"
)
_FORGET_FOUND = f"DROP TABLE IF EXISTS {_FOUND_ERRORS}; DROP TABLE IF EXISTS {_FOUND_SCANS}"
# DuckDB counts the bytes of a file from 1.
_VALUE = "regexp_extract(error_message, 'Could not convert string \"(.*)\" to', 1, 's')"
_RAW_CHARACTERS_TOLD = 9_900
"""DuckDB tells no more than 10,000 characters of a row."""
_SWALLOWED = (
    f"error_type = 'UNQUOTED VALUE' AND length(csv_line) NOT BETWEEN 1 AND {_RAW_CHARACTERS_TOLD} OR "
    "error_type = 'LINE SIZE OVER MAXIMUM' AND coalesce(TRY_CAST("
    f"regexp_extract(error_message, 'Actual Size:([0-9]+)', 1) AS BIGINT), 0) > {UNBROKEN_BYTES_MAX}"
)
"""Rows after a quote that was not closed for so long belong to nothing that is told."""
_LOST = (
    f"a quoted value that begins here is not closed within {_RAW_CHARACTERS_TOLD} characters: which rows it swallows "
    "cannot be told, whatever on_bad_rows says"
)


def rejects_sql(
    files: Mapping[str, str], types: Mapping[str, str], declared: frozenset[str], *, has_misfits: bool
) -> str:
    """Return the query for file, line, reason and text of each bad row; `files` are names by path."""
    reasons = " ".join(
        f"WHEN {sql_names.text(name)} THEN {sql_names.text(f' is not {types[name]}')}" for name in declared
    )
    type_reason = (
        f"'column ' || column_name || ': ' || left({_VALUE}, 100) || CASE column_name {reasons} END"
        if reasons
        else "NULL"
    )
    reason = f"coalesce(CASE WHEN error_type = 'CAST' THEN {type_reason} END, split_part(error_message, chr(10), 1))"
    found = (
        f"SELECT file_path AS path, line_byte_position::BIGINT - 1 AS place, line::BIGINT AS line, {reason} AS reason, "
        f"csv_line AS raw FROM {_ERRORS} JOIN {_SCANS} USING (scan_id, file_id)"
    )
    if has_misfits:
        found += f" UNION ALL SELECT path, place, line, reason, raw FROM {_MISFITS}"
    return (
        # A line may have as many faults as fields: two are told. Sorting them all out costs twenty times as much.
        f"SELECT {file_name_sql('path', files)} AS file, coalesce(min(lines.line), min(bad.line)) AS line, "
        "min(reason) || CASE WHEN min(reason) < max(reason) THEN '; ' || max(reason) ELSE '' END AS reason, "
        "ltrim(any_value(raw), chr(10) || chr(13)) AS raw "
        f"FROM ({found}) AS bad LEFT JOIN {_LINES} AS lines USING (path, place) "
        "GROUP BY path, place ORDER BY file, place"
    )


def settle(
    engine: Engine, files: Sequence[SourceFile], dialect: Dialect, *, most: int, has_misfits: bool
) -> None:
    """Count the lines of so many bad rows; raises SourceMalformed where an open quote swallowed others."""
    rejected = f"SELECT file_path AS path, line_byte_position::BIGINT - 1 AS place FROM {_ERRORS} JOIN {_SCANS} USING (scan_id, file_id)"
    lost = dict[str, int](
        engine.run(f"SELECT path, min(place) FROM ({rejected} WHERE {_SWALLOWED}) GROUP BY path")
    )
    if has_misfits:
        rejected += f" UNION SELECT path, place FROM {_MISFITS}"
    places = dict[str, list[int]](
        engine.run(
            f"SELECT path, list(place ORDER BY place) FROM (SELECT DISTINCT path, place FROM ({rejected}) "
            f"ORDER BY path, place LIMIT {most + 1}) GROUP BY path"
        )
    )
    for file in files:
        if file.path in lost:
            (line,) = lines_at(file, dialect.compression, [lost[file.path]])
            raise SourceMalformed(file.name, _LOST, line=line)
        if at := places.get(file.path):
            engine.run(
                f"INSERT INTO {_LINES} SELECT ?, unnest(?::BIGINT[]), unnest(?::BIGINT[])",
                [file.path, at, lines_at(file, dialect.compression, at)],
            )


def find_misfits(engine: Engine, reading: Reading) -> None:
    """
    Find the rows with a value that is no whole number of its declared type; raises duckdb.Error.

    Read as its type, what is no number or too large is put aside; as a number of any size, whatever has an exponent;
    with another decimal point, whatever has one. What only is written in another way is left out again.
    """
    engine.run(
        f"CREATE OR REPLACE TEMP TABLE {_MISFITS}(path VARCHAR, place BIGINT, line BIGINT, reason VARCHAR, raw VARCHAR)"
    )
    columns = [name for name in reading.types.columns if name in reading.declared]
    whole = {name: reading.types.columns[name] for name in columns if is_whole(reading.types.columns[name])}
    dialect, rounded = reading.dialect, dict.fromkeys(whole, "DECIMAL(38, 0)")
    passes = [(dialect, whole), (dialect, dict.fromkeys(whole, "BIGNUM"))]
    separators = "," if dialect.decimal_separator == "." else ",."
    passes += [(structs.replace(dialect, decimal_separator=one), rounded) for one in separators]
    for other, types in passes:
        _find(engine, structs.replace(reading, dialect=other), types, whole, dialect)
    engine.run(_FORGET_FOUND)


def _find(
    engine: Engine, reading: Reading, types: Mapping[str, str], whole: Mapping[str, str], dialect: Dialect
) -> None:
    engine.run(_FORGET_FOUND)
    aside = f", store_rejects = true, rejects_table = '{_FOUND_ERRORS}', rejects_scan = '{_FOUND_SCANS}'"
    texts = dict.fromkeys(reading.types.columns, "VARCHAR")
    rows = read_sql(structs.replace(reading, options=aside, with_files=False), {**texts, **types})
    read = ", ".join(sql_names.identifier(name) for name in whole)
    engine.run(f"SELECT count(*), bit_xor(hash({read})) FROM {rows}")
    fits = " ".join(
        f"WHEN {sql_names.text(name)} THEN {declared_check('value', type_, dialect, cast='TRY_CAST')}"
        for name, type_ in whole.items()
    )
    said = " ".join(
        f"WHEN {sql_names.text(name)} THEN {sql_names.text(f' is not {type_}')}"
        for name, type_ in whole.items()
    )
    engine.run(
        f"INSERT INTO {_MISFITS} SELECT file_path, line_byte_position::BIGINT - 1, line, "
        f"'column ' || column_name || ': ' || left(value, 100) || CASE column_name {said} END, csv_line "
        f"FROM (SELECT *, {_VALUE} AS value FROM {_FOUND_ERRORS} WHERE error_type = 'CAST') "
        f"JOIN {_FOUND_SCANS} USING (scan_id, file_id) WHERE NOT CASE column_name {fits} END"
    )
