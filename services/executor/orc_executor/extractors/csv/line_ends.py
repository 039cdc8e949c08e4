"""
Files whose lines end in more than one way, written anew with one.

DuckDB reads a file strictly by the first line end it finds, and gives up at another, or takes it for a broken quote;
asked to be lenient, it would overlook broken quotes as well. What stands inside quotes stays as it is.
"""

from collections.abc import Iterator

from orc_executor.extractors.csv.dialect import Dialect
from orc_executor.extractors.csv.lines import plain_bytes
from orc_executor.extractors.files.spooling import spool_path, spooling
from orc_executor.paths import SourceFile
from orc_executor.underway import Underway

_CHUNK_BYTES = 1024 * 1024


def has_mixed_ends(file: SourceFile, dialect: Dialect, underway: Underway) -> bool:
    """Whether lines end in more than one way; raises TaskError, TaskStopped."""
    if not _may_have_mixed_ends(file, dialect, underway):
        return False
    kinds = set[bytes]()
    for text, is_quoted in _pieces(file, dialect, underway):
        if not is_quoted:
            both = text.count(b"\r\n")
            kinds |= {b"\r\n"} if both else set()
            kinds |= {b"\n"} if text.count(b"\n") > both else set()
            kinds |= {b"\r"} if text.count(b"\r") > both else set()
            if len(kinds) > 1:
                return True
    return False


def straightened(file: SourceFile, dialect: Dialect, underway: Underway) -> SourceFile:
    """Return the file, plain, with line feeds alone between its records; raises TaskError, TaskStopped."""
    path = spool_path(f"line feeds of {file.path}", underway)
    with spooling(path, file.name, underway) as spool:
        written = list[bytes]()
        size = 0
        for text, is_quoted in _pieces(file, dialect, underway):
            written.append(text if is_quoted else text.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
            size += len(text)
            if size >= _CHUNK_BYTES:
                spool.write(b"".join(written))
                written, size = [], 0
        spool.write(b"".join(written))
    return SourceFile(str(path), file.name, spool.bytes)


def _may_have_mixed_ends(file: SourceFile, dialect: Dialect, underway: Underway) -> bool:
    """Say no where all line ends are of one kind, inside quotes as well: counting is fast."""
    returns = feeds = both = 0
    last = b""
    with plain_bytes(file, dialect.compression) as opened:
        while chunk := opened.read(_CHUNK_BYTES):
            underway.check_stop()
            returns, feeds = returns + chunk.count(b"\r"), feeds + chunk.count(b"\n")
            both += chunk.count(b"\r\n") + (last == b"\r" and chunk.startswith(b"\n"))
            last = chunk[-1:]
    return sum((both > 0, feeds > both, returns > both)) > 1


def _pieces(file: SourceFile, dialect: Dialect, underway: Underway) -> Iterator[tuple[bytes, bool]]:
    """Yield the text outside and inside quotes by turns, the quotes outside; all of it, in order."""
    quote = dialect.quote.encode()
    escaped = (dialect.escape + dialect.quote).encode() if dialect.escape not in {"", dialect.quote} else b""
    before_quote = tuple(mark.encode() for mark in (dialect.delimiter, "\n", "\r", " ", dialect.quote))
    is_quoted, last = False, b"\n"
    for text in _chunks(file, dialect, underway):
        if not quote:
            yield text, False
            continue
        # An escaped quote is hidden; a doubled one closes and opens at once, which comes to the same.
        hidden = text.replace(escaped, b"\0" * len(escaped)) if escaped else text
        place = 0
        while (at := hidden.find(quote, place)) >= 0:
            opened = is_quoted or at == 0 or hidden.endswith(before_quote, max(0, at - 8), at)
            if at == 0 and not is_quoted:
                opened = last.endswith(before_quote)
            yield text[place:at], is_quoted
            yield quote, False
            # A quote within a field that has none around it is a character like others.
            is_quoted = not is_quoted if opened else is_quoted
            place = at + len(quote)
        yield text[place:], is_quoted
        last = text[-8:]


def _chunks(file: SourceFile, dialect: Dialect, underway: Underway) -> Iterator[bytes]:
    """Yield the text so that no line end and no escape is parted."""
    kept = b""
    with plain_bytes(file, dialect.compression) as opened:
        while chunk := opened.read(_CHUNK_BYTES):
            underway.check_stop()
            text = kept + chunk
            kept = text[-1:] if text.endswith((b"\r", dialect.escape.encode() or b"\r")) else b""
            yield text[: len(text) - len(kept)]
    yield kept
