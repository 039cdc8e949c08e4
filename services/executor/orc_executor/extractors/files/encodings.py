"""
Encodings: a file whose text is not UTF-8, written anew as UTF-8 in the attempt's folder.

DuckDB reads UTF-8 here and nothing else. Python's codecs decode chunk by chunk, strictly: a byte that is no text is an
error with its place, never a replacement character. A compressed file comes out plain.
"""

import codecs
import gzip
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from orc_domain.extractors.files import Compression
from orc_executor.errors import SourceMalformed, SourceMissing
from orc_executor.extractors.files.spooling import spool_path, spooling
from orc_executor.paths import SourceFile
from orc_executor.underway import Underway

_CHUNK_BYTES = 1024 * 1024
_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
_SUFFIXES: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}


def compression_of(file: SourceFile, compression: Compression = "auto") -> Compression:
    """Return how a file is compressed, by the end of its real name where the config does not say, as DuckDB does."""
    if compression != "auto":
        return compression
    return next((kind for suffix, kind in _SUFFIXES.items() if file.path.lower().endswith(suffix)), "none")


def is_utf8(encoding: str) -> bool:
    """Whether a file of this encoding can be read as it is."""
    return codecs.lookup(encoding).name in {"utf-8", "utf-8-sig"}


def reencoded(
    file: SourceFile, encoding: str, underway: Underway, compression: Compression = "auto"
) -> SourceFile:
    """
    Return the file as plain UTF-8 without a byte order mark, under the same name.

    Raises SourceMalformed with the offset of a byte that is not `encoding`, or beyond `spool_bytes_max`; TaskStopped.
    """
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    path = spool_path(f"utf-8 of {file.path}", underway)
    with spooling(path, file.name, underway) as spool:
        offset, is_first = 0, True
        for chunk in plain_chunks(file, compression_of(file, compression)):
            pending = len(decoder.getstate()[0])
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                at = offset - pending + error.start
                raise SourceMalformed(
                    file.name, f"the byte 0x{error.object[error.start]:02X} at offset {at} is not {encoding}"
                ) from error
            except UnicodeError as error:
                # UTF-16 without a byte order mark tells no place.
                raise SourceMalformed(file.name, f"is not {encoding}: {error}") from error
            offset += len(chunk)
            if is_first and text:
                text, is_first = text.removeprefix(_BOM), False
            try:
                spool.write(text.encode("utf-8"))
            except UnicodeEncodeError as error:
                raise SourceMalformed(
                    file.name, f"holds half of a surrogate pair before offset {offset}"
                ) from error
    return SourceFile(str(path), file.name, spool.bytes)


def plain_chunks(file: SourceFile, compression: Compression) -> Iterator[bytes]:
    """Yield the bytes of a file without their compression, and an empty chunk at the end; raises SourceMalformed."""
    try:
        with open(file.path, "rb") as raw, _plain(raw, compression) as opened:  # noqa: PTH123
            while chunk := opened.read(_CHUNK_BYTES):
                yield bytes(chunk)
    except FileNotFoundError as error:
        raise SourceMissing(f"{file.name}: no such file") from error
    except (OSError, EOFError, zlib.error) as error:
        # Arrow and gzip raise OSError for what is no stream of theirs, too.
        raise SourceMalformed(file.name, f"cannot be read as {compression}: {_reason(error)}") from error
    yield b""


def _plain(raw: BinaryIO, compression: Compression) -> Any:
    match compression:
        case "gzip":
            return gzip.GzipFile(fileobj=raw)
        case "zstd":
            import pyarrow as pa  # noqa: PLC0415 - 130 ms that only zstd needs

            return pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd")
    return raw


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
