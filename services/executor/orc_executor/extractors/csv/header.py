"""
The first record of a CSV file, read by ourselves.

DuckDB looks for the header that makes the rest of a file fit: where rows are ragged it skips lines, the header among
them, or takes the whole line for one column, and says nothing. So the first record is the header, and what DuckDB
finds is held against it.
"""

import re

from msgspec import Struct

from orc_executor.errors import SourceMalformed
from orc_executor.extractors.csv.dialect import Dialect
from orc_executor.extractors.csv.lines import plain_bytes
from orc_executor.paths import SourceFile
from orc_executor.sql_names import folded

HEADER_BYTES_MAX = 4 * 1024 * 1024
COLUMNS_MAX = 16_384
_CHUNK_BYTES = 64 * 1024
_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\r|\n")
_SPACES = re.compile(rb" *")


class Beginning(Struct, frozen=True):
    """What stands at the beginning of a file."""

    fields: list[str]
    """Of the first record; none in an empty file."""
    lines_before: int
    """Those to skip, and blank ones."""


def read_beginning(file: SourceFile, dialect: Dialect) -> Beginning:
    """Return the first record; raises SourceMalformed."""
    read, size = b"", _CHUNK_BYTES
    with plain_bytes(file, dialect.compression) as stream:
        while True:
            chunk = stream.read(size)
            read += chunk
            found = _first_record(read.removeprefix(_BOM), dialect, file, is_whole=not chunk)
            if found is not None:
                break
            if len(read) > HEADER_BYTES_MAX:
                raise SourceMalformed(
                    file.name, f"the header is longer than {HEADER_BYTES_MAX} bytes", line=1
                )
            # Twice as much each time, as each time all of it is looked at.
            size = len(read)
    fields, before = found
    if len(fields) > COLUMNS_MAX:
        raise SourceMalformed(file.name, f"more than {COLUMNS_MAX} columns", line=before + 1)
    try:
        return Beginning([field.decode("utf-8") for field in fields], before)
    except UnicodeDecodeError as error:
        raise SourceMalformed(file.name, "the header is not UTF-8", line=before + 1) from error


def distinct(names: list[str]) -> list[str]:
    """Name the nameless by their place and number those that differ by nothing but case."""
    taken, found = set[str](), list[str]()
    for place, name in enumerate(names):
        candidate, number = name.strip() or f"column{place}", 0
        base = candidate
        while folded(candidate) in taken:
            number += 1
            candidate = f"{base}_{number}"
        taken.add(folded(candidate))
        found.append(candidate)
    return found


def _first_record(
    read: bytes, dialect: Dialect, file: SourceFile, *, is_whole: bool
) -> tuple[list[bytes], int] | None:
    """Return the fields and the number of lines before them; None when there is more to read."""
    place = line = 0
    while True:
        end = _LINE_END.search(read, place)
        if line < dialect.skip_lines:
            _check_skipped(read[place : end.start() if end else len(read)], dialect, file, line + 1)
        elif end is None or end.start() > place:
            break
        if end is None:
            break
        place, line = end.end(), line + 1
    if place >= len(read) or line < dialect.skip_lines:
        return ([], line) if is_whole else None
    fields = _fields(read, place, dialect, is_whole=is_whole)
    if fields is not None and not b"".join(fields).strip() and len(fields) == 1:
        fields = []
    return None if fields is None else (fields, line)


def _check_skipped(text: bytes, dialect: Dialect, file: SourceFile, line: int) -> None:
    """Refuse a quote that stays open: DuckDB skips lines as it reads them, and would go on to the next quote."""
    quote = dialect.quote.encode()
    if quote and text.count(quote) % 2 and any(
        part.lstrip(b" ").startswith(quote) for part in text.split(dialect.delimiter.encode())
    ):  # fmt: skip
        raise SourceMalformed(file.name, "a quote opens in a line to be skipped and is not closed", line=line)


def _fields(read: bytes, place: int, dialect: Dialect, *, is_whole: bool) -> list[bytes] | None:
    """Return the fields of the record that begins at a place; None when it does not end in what was read."""
    quote, delimiter = dialect.quote.encode(), dialect.delimiter.encode()
    end_of_field = re.compile(re.escape(delimiter) + rb"|\r|\n")
    fields = list[bytes]()
    while True:
        spaces = _SPACES.match(read, place)
        begin = spaces.end() if quote and spaces else place
        if quote and read.startswith(quote, begin):
            field, place = _quoted(read, begin + len(quote), dialect)
            if place > len(read) and not is_whole:
                return None
            end = end_of_field.search(read, place)
        else:
            end = end_of_field.search(read, place)
            field = read[place : end.start() if end else len(read)]
        fields.append(field)
        if end is None:
            return fields if is_whole else None
        if end[0] != delimiter:
            return fields
        place = end.end()


def _quoted(read: bytes, place: int, dialect: Dialect) -> tuple[bytes, int]:
    """Return a quoted field without its quotes, and where it ends: behind everything when no quote ends it."""
    quote, escape = dialect.quote.encode(), dialect.escape.encode()
    special = re.compile(b"|".join(re.escape(mark) for mark in {quote, escape} if mark))
    parts = list[bytes]()
    while found := special.search(read, place):
        parts.append(read[place : found.start()])
        after = read[found.end() : found.end() + 1]
        if found[0] == escape and after and after in {quote, escape}:
            parts.append(after)
            place = found.end() + 1
        elif found[0] == quote:
            # A quote at the very end of what was read may be half of two.
            return b"".join(parts), found.end() + (not after)
        else:
            parts.append(found[0])
            place = found.end()
    return b"".join([*parts, read[place:]]), len(read) + 1
