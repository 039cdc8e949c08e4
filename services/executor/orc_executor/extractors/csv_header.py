"""
The first record of a CSV file, read by ourselves.

DuckDB looks for the header that makes the rest of a file fit: where rows are ragged it skips lines, the header among
them, or takes the whole line for one column, and says nothing. So the first record is the header, and what DuckDB
finds is held against it.
"""

import gzip
from typing import BinaryIO, cast

from orc_executor.errors import SourceMalformed
from orc_executor.paths import SourceFile

HEADER_BYTES_MAX = 4 * 1024 * 1024
COLUMNS_MAX = 16_384
_CHUNK_BYTES = 64 * 1024
_BOM = b"\xef\xbb\xbf"
_QUOTE = '"'


def read_header(file: SourceFile, delimiter: str) -> list[str]:
    """Return the column names as DuckDB would name them, none twice; raises SourceMalformed."""
    try:
        with _opened(file) as stream:
            names = _first_record(file, stream, delimiter)
    except (OSError, EOFError) as error:
        raise SourceMalformed(file.name, f"cannot be read: {error}") from error
    if len(names) > COLUMNS_MAX:
        raise SourceMalformed(file.name, f"more than {COLUMNS_MAX} columns", line=1)
    return _distinct(names)


def _opened(file: SourceFile) -> BinaryIO:
    if file.path.endswith(".gz"):
        return cast("BinaryIO", gzip.open(file.path, "rb"))
    if file.path.endswith(".zst"):
        import pyarrow as pa  # noqa: PLC0415 - 40 MB that only zstd needs here

        return cast("BinaryIO", pa.CompressedInputStream(pa.OSFile(file.path), "zstd"))
    return open(file.path, "rb")  # noqa: PTH123


def _first_record(file: SourceFile, stream: BinaryIO, delimiter: str) -> list[str]:
    read = b""
    while True:
        chunk = stream.read(_CHUNK_BYTES)
        read += chunk
        record = _record(read, is_whole=not chunk)
        if record is not None:
            break
        if len(read) > HEADER_BYTES_MAX:
            raise SourceMalformed(file.name, f"the header is longer than {HEADER_BYTES_MAX} bytes", line=1)
    if not record.strip():
        raise SourceMalformed(file.name, "the file is empty: it has no header")
    try:
        return _fields(record.decode("utf-8"), delimiter)
    except UnicodeDecodeError as error:
        raise SourceMalformed(file.name, "the header is not UTF-8", line=1) from error


def _record(read: bytes, *, is_whole: bool) -> bytes | None:
    """Return the bytes up to the first line end outside quotes, blank lines left out; None when there is more to read."""
    read = read.removeprefix(_BOM).lstrip(b"\r\n")
    is_quoted, begin = False, 0
    while True:
        ends = [place for mark in (b"\n", b"\r", b'"') if (place := read.find(mark, begin)) >= 0]
        if not ends:
            return read if is_whole else None
        place = min(ends)
        if read[place : place + 1] == b'"':
            is_quoted = not is_quoted
        elif not is_quoted:
            return read[:place]
        begin = place + 1


def _fields(record: str, delimiter: str) -> list[str]:
    fields, rest = list[str](), record
    while True:
        if rest.startswith(_QUOTE):
            field, rest = _quoted(rest)
        else:
            field, found, after = rest.partition(delimiter)
            rest = delimiter + after if found else ""
        fields.append(field)
        if not rest.startswith(delimiter):
            return fields
        rest = rest[len(delimiter) :]


def _quoted(rest: str) -> tuple[str, str]:
    """Return a quoted field without its quotes, and what follows it."""
    begin = 1
    while (end := rest.find(_QUOTE, begin)) >= 0:
        if rest[end + 1 : end + 2] != _QUOTE:
            return rest[1:end].replace(_QUOTE * 2, _QUOTE), rest[end + 1 :]
        begin = end + 2
    return rest[1:], ""


def _distinct(names: list[str]) -> list[str]:
    """Name the nameless by their place and number those that differ by nothing but case."""
    taken, distinct = set[str](), list[str]()
    for place, name in enumerate(names):
        candidate, number = name.strip() or f"column{place}", 0
        base = candidate
        while candidate.casefold() in taken:
            number += 1
            candidate = f"{base}_{number}"
        taken.add(candidate.casefold())
        distinct.append(candidate)
    return distinct
