"""
Lines of a CSV file, looked at as bytes.

DuckDB counts records, and drops without a word a last record that is longer than its buffer. So the lines of bad rows
are counted here, by where they begin, and a file is looked over for lines that no buffer holds: a look at a few bytes in
each block, which is next to nothing beside reading it.
"""

import gzip
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, cast

from orc_executor.errors import SourceMalformed
from orc_executor.extractors.csv.dialect import LINE_BYTES_MAX
from orc_executor.paths import SourceFile

UNBROKEN_BYTES_MAX = 4_000_000
"""A line longer than this fails the load, whatever is to become of bad rows."""
_BLOCK_BYTES = UNBROKEN_BYTES_MAX // 2
"""A longer line holds one whole block, wherever it begins."""
_LOOK_BYTES = 4096
_CHUNK_BYTES = 1024 * 1024
_RATIO_MAX = 100
"""Plain bytes for a byte of a compressed file, in its beginning; no table is so dull, so the whole file is looked over."""
_BEGINNING_BYTES = 64 * 1024
_GZIP_WINDOW = 31
"""As zlib calls a gzip stream."""
_GZIP_SIZE_BYTES = 4
_BLANK = re.compile(rb"[\r\n]*")


@contextmanager
def plain_bytes(file: SourceFile, compression: str) -> Iterator[BinaryIO]:
    """Open a file as what it is when decompressed; raises SourceMalformed for what cannot be."""
    try:
        with open(file.path, "rb") as raw:  # noqa: PTH123
            match _told(file, compression):
                case "gzip":
                    yield cast("BinaryIO", gzip.GzipFile(fileobj=raw))
                case "zstd":
                    import pyarrow as pa  # noqa: PLC0415 - 40 MB that only zstd needs here

                    yield cast("BinaryIO", pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd"))
                case _:
                    yield raw
    except (OSError, EOFError, zlib.error) as error:
        # Python names the path that it was given, which is the task's own.
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise SourceMalformed(file.name, f"cannot be read: {reason}") from error


def check_unbroken(file: SourceFile, compression: str) -> None:
    """Refuse a file with a line longer than UNBROKEN_BYTES_MAX; raises SourceMalformed."""
    if _told(file, compression) == "none":
        if file.bytes > UNBROKEN_BYTES_MAX:
            _check_plain(file)
    elif _is_suspicious(file, compression):
        _check_compressed(file, compression)


def lines_at(file: SourceFile, compression: str, places: Sequence[int]) -> list[int]:
    """Return the line, from 1, of each record that begins at one of these offsets, which ascend."""
    lines, ends, offset = list[int](), 0, 0
    rest = list(reversed(places))
    with plain_bytes(file, compression) as opened:
        while rest and (chunk := _whole_ends(opened, opened.read(_CHUNK_BYTES))):
            counted = 0
            while rest and rest[-1] < offset + len(chunk):
                begin = _after_blank(chunk, rest.pop() - offset)
                ends += _line_ends(chunk, counted, begin)
                counted = max(counted, begin)
                lines.append(ends + 1)
            ends += _line_ends(chunk, counted, len(chunk))
            offset += len(chunk)
    return lines + [ends + 1] * len(rest)


def _told(file: SourceFile, compression: str) -> str:
    """Return the compression as DuckDB would find it by itself."""
    if compression != "auto":
        return compression
    return {".gz": "gzip", ".zst": "zstd"}.get(os.path.splitext(file.path)[1].lower(), "none")  # noqa: PTH122


def _after_blank(chunk: bytes, begin: int) -> int:
    found = _BLANK.match(chunk, begin)
    return found.end() if found else begin


def _line_ends(chunk: bytes, begin: int, end: int) -> int:
    if end <= begin:
        return 0
    returns = chunk.count(b"\r", begin, end)
    feeds = chunk.count(b"\n", begin, end)
    return feeds + returns - (chunk.count(b"\r\n", begin, end) if returns and feeds else 0)


def _whole_ends(opened: BinaryIO, chunk: bytes) -> bytes:
    """Return the chunk with the rest of the line end that it breaks off in."""
    while chunk.endswith((b"\r", b"\n")) and len(chunk) < 2 * _CHUNK_BYTES and (more := opened.read(1)):
        chunk += more
    return chunk


def _check_plain(file: SourceFile) -> None:
    with plain_bytes(file, "none") as opened:
        for begin in range(0, file.bytes - _BLOCK_BYTES + 1, _BLOCK_BYTES):
            opened.seek(begin)
            if _is_broken(opened.read(_LOOK_BYTES)):
                continue
            if not _is_broken(opened.read(_BLOCK_BYTES - _LOOK_BYTES)):
                before = _unbroken_before(opened, begin)
                after = _unbroken_after(opened, begin + _BLOCK_BYTES)
                if before + _BLOCK_BYTES + after > UNBROKEN_BYTES_MAX:
                    raise _too_long(file, begin - before)


def _unbroken_before(opened: BinaryIO, place: int) -> int:
    begin = max(0, place - UNBROKEN_BYTES_MAX)
    opened.seek(begin)
    read = opened.read(place - begin)
    return len(read) - 1 - max(read.rfind(b"\n"), read.rfind(b"\r"))


def _unbroken_after(opened: BinaryIO, place: int) -> int:
    opened.seek(place)
    read = opened.read(UNBROKEN_BYTES_MAX)
    ends = [end for mark in (b"\n", b"\r") if (end := read.find(mark)) >= 0]
    return min(ends, default=len(read))


def _is_suspicious(file: SourceFile, compression: str) -> bool:
    """Whether a compressed file may be a bomb: its beginning, or what it says of its size, grows more than tables do."""
    if _told(file, compression) == "zstd":
        # It is decompressed so fast that looking the whole file over costs little beside reading it.
        return True
    with open(file.path, "rb") as raw:  # noqa: PTH123
        head = raw.read(_BEGINNING_BYTES)
        raw.seek(max(0, file.bytes - _GZIP_SIZE_BYTES))
        size = int.from_bytes(raw.read(_GZIP_SIZE_BYTES), "little")
    try:
        plain = zlib.decompressobj(_GZIP_WINDOW).decompress(head, _RATIO_MAX * len(head) + 1)
    except zlib.error:
        return True
    return len(plain) > _RATIO_MAX * len(head) or size > _RATIO_MAX * file.bytes


def _check_compressed(file: SourceFile, compression: str) -> None:
    unbroken = offset = 0
    with plain_bytes(file, compression) as opened:
        while chunk := opened.read(_CHUNK_BYTES):
            if _is_broken(chunk):
                unbroken = len(chunk) - 1 - max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
            else:
                unbroken += len(chunk)
            offset += len(chunk)
            if unbroken > UNBROKEN_BYTES_MAX:
                raise _too_long(file, offset - unbroken)


def _is_broken(read: bytes) -> bool:
    return b"\n" in read or b"\r" in read


def _too_long(file: SourceFile, begin: int) -> SourceMalformed:
    return SourceMalformed(
        file.name,
        f"the line at byte {begin} has more than {UNBROKEN_BYTES_MAX} bytes, a record may have {LINE_BYTES_MAX}",
    )
