"""
A lean HTTP client for load: keep-alive connections, one request at a time on each, nothing parsed but status and length.

A full client costs more of the two cores than the gateway it measures.
"""

import asyncio
import time
from collections.abc import Iterable
from urllib.parse import urlsplit


class Connection:
    """One keep-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader, self._writer, self._host = reader, writer, host

    async def call(self, method: str, path: str) -> bytes:
        """Return the body; raises RuntimeError when the status is not 200."""
        length = "Content-Length: 0\r\n" if method == "POST" else ""
        self._writer.write(f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\n{length}\r\n".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        body = await self._reader.readexactly(size)
        if b" 200 " not in head[:16]:
            raise RuntimeError(head[:40], body[:300])
        return body

    def close(self) -> None:
        """Close it."""
        self._writer.close()


async def rate(url: str, calls: Iterable[tuple[str, str]], connections: int) -> float:
    """Make all calls (method, path) over so many connections and return the seconds it took."""
    parts = urlsplit(url)
    assert parts.hostname
    opened = [
        Connection(*await asyncio.open_connection(parts.hostname, parts.port), parts.netloc)
        for _ in range(connections)
    ]
    left = iter(calls)

    async def caller(connection: Connection) -> None:
        for method, path in left:
            await connection.call(method, path)

    began = time.perf_counter()
    await asyncio.gather(*map(caller, opened))
    seconds = time.perf_counter() - began
    for connection in opened:
        connection.close()
    return seconds
