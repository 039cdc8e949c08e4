"""
Bodies, unpacked no further than a limit: a bomb is a thousand times what came over the network.

What a server packs by Content-Encoding and what is a `.gz` file in itself are unpacked alike, a piece at a time, and
each piece is counted before the next one is made.
"""

import zlib
from collections.abc import AsyncIterable, Callable, Iterator

from orc_executor.errors import WrongShape

ENCODINGS_MAX = 1
"""Of one Content-Encoding; the file that it packs may be a `.gz` in itself, and that is all."""
PIECE_BYTES_MAX = 1024 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_BITS, _ZLIB_BITS, _RAW_BITS = 31, 15, -15
_DEFLATE_METHOD, _ZLIB_CHECK = 8, 31
_PLAIN = frozenset({"", "identity"})
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})
ACCEPTED = "gzip, deflate"


class _Layer:
    """One packing; gzip may have several members, one after the other."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._head = b""
        self._stream: zlib._Decompress | None = None
        self._is_whole = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._stream is None:
                self._head += data
                if len(self._head) < len(_GZIP_MAGIC):
                    return
                data, self._head = self._head, b""
                self._stream = zlib.decompressobj(_bits(self._encoding, data))
                self._is_whole = False
            piece = self._stream.decompress(data, PIECE_BYTES_MAX)
            if piece:
                yield piece
            data = self._stream.unconsumed_tail
            if self._stream.eof:
                data, self._stream, self._is_whole = self._stream.unused_data, None, True
                if self._encoding == "deflate" and data:
                    raise zlib.error("more follows its end")

    def is_whole(self) -> bool:
        return self._is_whole and not self._head


class _Sniffed:
    """Unpacks what is a gzip file by its first bytes; anything else passes."""

    def __init__(self) -> None:
        self._head = b""
        self._layer: _Layer | None = None
        self._is_told = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        if not self._is_told:
            self._head += data
            if len(self._head) < len(_GZIP_MAGIC):
                return
            data, self._head, self._is_told = self._head, b"", True
            self._layer = _Layer("gzip") if data.startswith(_GZIP_MAGIC) else None
        if self._layer is None:
            yield data
        else:
            yield from self._layer.feed(data)

    def rest(self) -> bytes:
        """Return what was too short to tell."""
        return self._head

    def is_whole(self) -> bool:
        return self._layer is None or self._layer.is_whole()


async def unpacked(
    parts: AsyncIterable[bytes], encoding: str, bytes_max: int, name: str, take: Callable[[int], None] | None
) -> bytes:
    """
    Return the whole body as it was before packing; raises WrongShape when it is larger, broken, or ends early.

    `take` is told the size of each piece, and may raise.
    """
    sniffed = _Sniffed()
    layers: list[_Layer | _Sniffed] = [*(_Layer(one) for one in _encodings(encoding, name)), sniffed]
    pieces, size = list[bytes](), 0
    try:
        async for part in parts:
            for piece in _through(layers, part):
                size += len(piece)
                if size > bytes_max:
                    raise WrongShape(f"{name}: the answer is larger than {bytes_max} bytes")
                if take is not None:
                    take(len(piece))
                pieces.append(piece)
    except zlib.error as error:
        raise WrongShape(f"{name}: the answer cannot be unpacked: {error}") from error
    if not all(layer.is_whole() for layer in layers):
        raise WrongShape(f"{name}: the packed answer ends too early")
    body = b"".join(pieces) + sniffed.rest()
    if body.startswith(_GZIP_MAGIC):
        raise WrongShape(f"{name}: the answer is a gzip file within a gzip file")
    return body


def _through(layers: "list[_Layer | _Sniffed]", data: bytes) -> Iterator[bytes]:
    first, *further = layers
    for piece in first.feed(data):
        if further:
            yield from _through(further, piece)
        else:
            yield piece


def _encodings(text: str, name: str) -> list[str]:
    """Return the packings of a Content-Encoding, the outermost first; raises WrongShape."""
    given = [one.strip().lower() for one in text.split(",")]
    given = [one for one in reversed(given) if one not in _PLAIN]
    for one in given:
        if one not in _PACKED:
            raise WrongShape(f"{name}: the answer is packed as {one[:64]}; asked for was {ACCEPTED}")
    if len(given) > ENCODINGS_MAX:
        raise WrongShape(f"{name}: the answer is packed {len(given)} times, {ENCODINGS_MAX} is taken")
    return given


def _bits(encoding: str, head: bytes) -> int:
    if encoding != "deflate":
        return _GZIP_BITS
    # RFC 9110 means zlib; some servers leave its two bytes of header out.
    is_zlib = head[0] & 0x0F == _DEFLATE_METHOD and not int.from_bytes(head[:2]) % _ZLIB_CHECK
    return _ZLIB_BITS if is_zlib else _RAW_BITS
