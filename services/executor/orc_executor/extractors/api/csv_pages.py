"""
CSV answers: each page has a header, the table has one.

    cut_csv      header and rows of a page apart, as they were written; the same header must stand on every page
    csv_scans    the rows of all pages behind one header, typed by every row, as DuckDB types a CSV file

Nothing is taken apart row by row in Python: rows are counted by their line ends outside quotes.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb

from orc_executor import sql_names
from orc_executor.engine import Engine
from orc_executor.errors import WrongShape
from orc_executor.extractors.json.records import Records
from orc_executor.extractors.source import Columns, Scan, fits
from orc_executor.sql_names import folded

DELIMITERS = (",", ";", "\t", "|")
"""Told by the header: the one that stands in it most often."""
HEADER_BYTES_MAX = 4 * 1024 * 1024
_QUOTED = re.compile(rb'"[^"]*"')
_HEADER = re.compile(rb'(?:[^"\r\n]++|"[^"]*+")*+')


def cut_csv(body: bytes) -> Records:
    """Return the rows without their header; raises WrongShape where a page ends within quotes or has no header."""
    body = body.lstrip(b"\r\n").rstrip(b"\r\n")
    if body.count(b'"') % 2:
        raise WrongShape("the answer is no CSV: it ends within quotes")
    if not body:
        return Records(b"", 0)
    match = _HEADER.match(body, 0, HEADER_BYTES_MAX)
    header = match[0] if match else b""
    if len(header) >= HEADER_BYTES_MAX or not header:
        raise WrongShape(f"the answer is no CSV: its header is longer than {HEADER_BYTES_MAX} bytes")
    text = body[len(header) :]
    line_end = b"\r\n" if text.startswith(b"\r\n") else text[:1] or b"\n"
    text = text.lstrip(b"\r\n")
    return Records(text, _rows(text), header, line_end)


def _rows(text: bytes) -> int:
    """Return how many lines there are outside quotes, empty ones left out."""
    if not text:
        return 0
    plain = _QUOTED.sub(b"q", text) if b'"' in text else text
    if b"\n" not in plain:
        plain = plain.replace(b"\r", b"\n")
    ends = plain.count(b"\n")
    if b"\n\n" in plain or b"\n\r\n" in plain:
        ends -= len(re.findall(rb"(?<=\n)\r?\n", plain))
    return ends + 1


def delimiter_of(header: str) -> str:
    """Return what parts the names of a header."""
    outside = re.sub(r'"[^"]*"', "", header)
    return max(DELIMITERS, key=outside.count)


def csv_scans(
    engine: Engine, spool: Path, size: int, wanted: Columns | None, *, header: bytes, read_as: Columns
) -> Iterator[Scan]:
    """Yield the one scan over the spooled pages; `read_as` are types that count whatever is found; raises WrongShape, duckdb.Error."""
    text = header.decode()
    delimiter = delimiter_of(text)
    names = next(csv.reader([text], delimiter=delimiter))
    path = sql_names.text(str(spool))
    dialect = (
        f"header = true, delim = {sql_names.text(delimiter)}, quote = '\"', escape = '\"', nullstr = '', "
        "strict_mode = true, null_padding = false, comment = ''"
    )
    try:
        ((found, date_format, timestamp_format),) = engine.run(
            f"SELECT columns, dateformat, timestampformat FROM sniff_csv({path}, {dialect}, sample_size = -1)"
        )
    except duckdb.InvalidInputException:
        found = ()
    if len(found) != len(names):
        # It takes the lines for whatever makes them fit, or says no more than that none do: reading all as text says
        # where and why.
        texts = sql_names.columns({f"column{place}": "VARCHAR" for place in range(len(names))})
        engine.run(
            f"SELECT count(*), bit_xor(hash(rows)) FROM "
            f"read_csv({path}, auto_detect = false, {dialect}, columns = {texts}) AS rows"
        )
        raise WrongShape(f"the rows have {len(found)} columns, the header {len(names)}")
    forced = {folded(name): type_ for name, type_ in read_as.items()}
    types = {
        column["name"]: forced.get(folded(column["name"])) or _settled(column["name"], column["type"], wanted)
        for column in found
    }
    formats = "".join(
        f", {option} = {sql_names.text(value)}"
        for option, value in (("dateformat", date_format), ("timestampformat", timestamp_format))
        if value
    )
    yield Scan(
        sql=f"SELECT * FROM read_csv({path}, auto_detect = false, {dialect}, columns = {sql_names.columns(types)}{formats})",
        columns=types,
        bytes=size,
    )


def _settled(column: str, found: str, wanted: Columns | None) -> str:
    for name, type_ in (wanted or {}).items():
        if folded(name) == folded(column) and fits(found, type_):
            return type_
    return found
