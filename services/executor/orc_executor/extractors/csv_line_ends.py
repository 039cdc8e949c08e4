"""
Files whose lines end in more than one way, written anew with one.

DuckDB reads a file strictly by the first line end it finds, and gives up at another; asked to be lenient, it would
overlook broken quotes as well. What stands inside quotes stays as it is.
"""

from orc_executor.extractors.csv_dialect import Dialect
from orc_executor.extractors.csv_lines import plain_bytes
from orc_executor.extractors.spooling import spool_path, spooling
from orc_executor.paths import SourceFile
from orc_executor.underway import Underway

_CHUNK_BYTES = 1024 * 1024


def straightened(file: SourceFile, dialect: Dialect, underway: Underway) -> SourceFile:
    """Return the file, plain, with line feeds alone between its records; raises TaskError, TaskStopped."""
    quote = dialect.quote.encode()
    escaped = (dialect.escape + dialect.quote).encode() if dialect.escape not in {"", dialect.quote} else b""
    path = spool_path(f"line feeds of {file.path}", underway)
    is_quoted, begun = False, b""
    with plain_bytes(file, dialect.compression) as opened, spooling(path, file.name, underway) as spool:
        while chunk := opened.read(_CHUNK_BYTES):
            text, begun = _parted(begun + chunk)
            if not quote:
                spool.write(_line_feeds(text))
                continue
            # A doubled quote closes and opens at once, which comes to the same.
            hidden = text.replace(escaped, b"\0" * len(escaped)) if escaped else text
            pieces, place = list[bytes](), 0
            for piece in hidden.split(quote):
                original = text[place : place + len(piece)]
                pieces.append(original if is_quoted else _line_feeds(original))
                place += len(piece) + len(quote)
                is_quoted = not is_quoted
            is_quoted = not is_quoted
            spool.write(quote.join(pieces))
        spool.write(begun if is_quoted else _line_feeds(begun))
    return SourceFile(str(path), file.name, spool.bytes)


def _parted(text: bytes) -> tuple[bytes, bytes]:
    """Return what can be told by itself, and a last character that the next one may belong to."""
    return (text[:-1], text[-1:]) if text.endswith((b"\r", b"\\")) else (text, b"")


def _line_feeds(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
