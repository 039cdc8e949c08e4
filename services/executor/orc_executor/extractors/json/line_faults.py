"""
Lines that are no JSON objects, or hold a value that its column's type cannot: found one by one.

DuckDB stops at the first, and to have it go on would lose which lines, why, and what stood there. So only when there is
one are the lines read again, as they stand and with their numbers: a few at a time into a Parquet file in the attempt's
folder, where SQL parts the good from the bad. DuckDB's own idea of JSON is the judge both times.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from orc_domain.extractors.files import Compression
from orc_executor import sql_names
from orc_executor.engine import Engine
from orc_executor.errors import SourceMalformed
from orc_executor.extractors.casting import is_scalar, keeps_json, keeps_text
from orc_executor.extractors.files.encodings import compression_of, plain_chunks
from orc_executor.extractors.files.spooling import count_spooled, spool_path
from orc_executor.extractors.json.reading import RECORD_BYTES_MAX
from orc_executor.extractors.source import Columns
from orc_executor.paths import SourceFile
from orc_executor.underway import Underway

SEGMENT_BYTES = 64 * 1024 * 1024
"""Of lines that are parted at a time."""
RAW_CHARACTERS_MAX = 64 * 1024
"""Of a bad line that is kept."""
_SHOWN_CHARACTERS_MAX = 100
_READABLE = r"""replace(replace(CAST(raw AS VARCHAR), '\x22', '"'), '\x27', '''')"""
"""SQL for bytes that are no text; DuckDB would write quotes as numbers, too."""
_SCHEMA = pa.schema([("line", pa.int64()), ("raw", pa.binary())])
_SEPARATOR = "\x01"
"""What no JSON line holds: inside texts it must be written with an escape."""


class Parted(Struct, frozen=True):
    """A file's lines, the good ones apart from the bad."""

    good: tuple[SourceFile, ...]
    bad: tuple[str, ...]
    """Parquet files of file, line, reason, raw."""


class BadLine(Struct, frozen=True):
    """A line that cannot be read."""

    line: int
    reason: str


def part_lines(
    engine: Engine, file: SourceFile, compression: Compression, declared: Columns, underway: Underway
) -> Parted:
    """Write the good lines of a file and the bad ones into files of their own; raises SourceMalformed, duckdb.Error."""
    good, bad = list[SourceFile](), list[str]()
    for number, segment in enumerate(_segments(file, compression, underway)):
        judged = _judged_sql(segment, declared)
        lines, faults = (
            spool_path(f"{kind} lines {number} of {file.path}", underway) for kind in ("good", "bad")
        )
        engine.run(
            f"COPY (SELECT rtrim(text, chr(13)) FROM {judged} WHERE reason IS NULL) TO {sql_names.text(str(lines))} "
            f"(FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER {sql_names.text(_SEPARATOR)}, COMPRESSION none)"
        )
        engine.run(
            f"COPY (SELECT {sql_names.text(file.name)} AS file, line, reason, "
            f"left(coalesce(text, {_READABLE}), {RAW_CHARACTERS_MAX}) AS raw FROM {judged} "
            f"WHERE reason IS NOT NULL) TO {sql_names.text(str(faults))} (FORMAT parquet)"
        )
        size = lines.stat().st_size
        count_spooled(size + faults.stat().st_size, file.name, underway)
        good.append(SourceFile(str(lines), file.name, size))
        bad.append(str(faults))
    return Parted(tuple(good), tuple(bad))


def first_bad_line(
    engine: Engine, file: SourceFile, compression: Compression, declared: Columns, underway: Underway
) -> BadLine | None:
    """Return the first line that cannot be read; raises SourceMalformed, duckdb.Error."""
    for segment in _segments(file, compression, underway):
        found = engine.run(
            f"SELECT line, reason FROM {_judged_sql(segment, declared)} WHERE reason IS NOT NULL "
            "ORDER BY line LIMIT 1"
        )
        if found:
            return BadLine(*found[0])
    return None


def _judged_sql(segment: Path, declared: Columns) -> str:
    """Return a query for line, raw, text and the reason why the line is bad, null when it is not."""
    columns = " ".join(_column_fault(name, type_) for name, type_ in declared.items())
    return (
        "(SELECT line, raw, text, CASE "
        "WHEN text IS NULL THEN 'is not UTF-8' "
        "WHEN NOT json_valid(text) THEN 'is not JSON' "
        "WHEN kind NOT IN ('OBJECT', 'NULL') THEN 'is ' || kind || ', not an object' "
        "WHEN kind = 'OBJECT' AND len(keys) <> len(list_distinct(keys)) THEN 'has a key twice' "
        f"{columns} END AS reason FROM ("
        "SELECT line, raw, text, TRY(json_type(text)) AS kind, TRY(json_keys(text)) AS keys FROM ("
        f"SELECT line, raw, TRY(decode(raw)) AS text FROM read_parquet({sql_names.text(str(segment))})) "
        "WHERE text IS NULL OR NOT regexp_full_match(text, '\\s*')))"
    )


def _column_fault(name: str, type_: str) -> str:
    pointer = sql_names.text("/" + name.replace("~", "~0").replace("/", "~1"))
    value = f"TRY(json_extract_string(text, {pointer}))"
    if is_scalar(type_):
        keeps = keeps_text(value, type_)
    else:
        keeps = keeps_json(f"TRY(json_extract(text, {pointer}))", type_)
    start = sql_names.text(f"column {name}: ")
    end = sql_names.text(f" is not {type_}")
    return (
        f"WHEN {value} IS NOT NULL AND NOT {keeps} "
        f"THEN {start} || left({value}, {_SHOWN_CHARACTERS_MAX}) || {end}"
    )


def _segments(file: SourceFile, compression: Compression, underway: Underway) -> Iterator[Path]:
    """Yield the lines of a file and their numbers, a segment after the other in the same place."""
    path = spool_path(f"lines of {file.path}", underway)
    number, lines = 1, _lines(file, compression)
    batch = next(lines, None)
    while batch is not None:
        underway.check_stop()
        size = 0
        with pq.ParquetWriter(path, _SCHEMA, compression="none", use_dictionary=False) as writer:
            while batch is not None and size < SEGMENT_BYTES:
                writer.write_table(_table(batch, number))
                number += len(batch)
                size += sum(map(len, batch))
                batch = next(lines, None)
        yield path
    path.unlink(missing_ok=True)


def _lines(file: SourceFile, compression: Compression) -> Iterator[Sequence[bytes]]:
    """Yield lines without their ends, some at a time; raises SourceMalformed for one that is too long."""
    rest = b""
    for chunk in plain_chunks(file, compression_of(file, compression)):
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop() if chunk else b""
        if len(rest) > RECORD_BYTES_MAX:
            raise SourceMalformed(file.name, f"a line is longer than {RECORD_BYTES_MAX} bytes")
        if lines:
            yield lines


def _table(lines: Sequence[bytes], first: int) -> Any:
    numbers = pa.array(range(first, first + len(lines)), pa.int64())
    return pa.Table.from_arrays([numbers, pa.array(lines, pa.binary())], schema=_SCHEMA)
