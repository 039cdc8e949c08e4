"""
An HTTP source that does what sources do: answers, hangs, drips, lies about its length, dies, redirects, tells secrets.

    /pages?page=n          three pages of rows; `page=2` waits while `hold` is set
    /hang                  never answers
    /drip                  a byte per second
    /lie                   promises more bytes than it sends
    /die                   resets in the middle of its answer, `deaths` times; then answers
    /redirect              to an address that nobody may reach
    /locked                answers only to the bearer of the canary
    /telltale              refuses, and shows the caller what it was sent
"""

import asyncio
import json
from collections import Counter
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

PAGES = 3
PAGE_ROWS = 500


class Source:
    """The server; lives in one loop, its counters may be read from anywhere."""

    def __init__(self, canary: str) -> None:
        self.canary = canary
        self.port = 0
        self.seen: Counter[str] = Counter()
        self.deaths = 0
        """How often /die will still die."""
        self.held = 0
        """Requests of page 2 waiting now."""
        self.abandoned = 0
        """Requests of page 2 whose caller died waiting."""
        self._go = asyncio.Event()
        self._listener: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._go.set()
        self._listener = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._listener is not None:
            self._listener.close()

    async def hold(self, on: bool) -> None:
        """Let requests of page 2 wait, or let them go."""
        if on:
            self._go.clear()
        else:
            self._go.set()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                url = urlsplit(head.split(" ", 2)[1])
                self.seen[url.path] += 1
                await self._reply(url.path, parse_qs(url.query), head, reader, writer)
                await writer.drain()
        writer.transport.abort()

    async def _reply(
        self,
        path: str,
        query: dict[str, list[str]],
        head: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        match path:
            case "/hang":
                await asyncio.Event().wait()
            case "/drip":
                writer.write(_head(1_000_000))
                while True:
                    writer.write(b"[")
                    await writer.drain()
                    await asyncio.sleep(1)
            case "/lie":
                writer.write(_head(1_000_000) + _rows(1))
                raise OSError
            case "/die" if self.deaths > 0:
                self.deaths -= 1
                writer.write(_head(1_000_000) + _rows(1)[:100])
                raise OSError
            case "/redirect":
                writer.write(
                    b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/secrets\r\nContent-Length: 0\r\n\r\n"
                )
            case "/locked" if f"Bearer {self.canary}" not in head:
                writer.write(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")
            case "/telltale":
                body = head.encode()
                writer.write(
                    b"HTTP/1.1 403 No\r\nX-You-Sent: "
                    + self.canary.encode()
                    + b"\r\nContent-Length: %d\r\n\r\n" % len(body)
                    + body
                )
            case _:
                page = int(query.get("page", ["1"])[0])
                if page == 2 and not self._go.is_set():
                    await self._hold(reader)
                body = _rows(page) if page <= PAGES else b"[]"
                writer.write(_head(len(body)) + body)

    async def _hold(self, reader: asyncio.StreamReader) -> None:
        """Wait until let go; a caller that dies meanwhile is noticed."""
        self.held += 1
        waiting = {asyncio.ensure_future(self._go.wait()), asyncio.ensure_future(reader.read(1))}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not self._go.is_set():
                self.abandoned += 1
                raise ConnectionResetError
        finally:
            self.held -= 1
            for one in waiting:
                one.cancel()


def _head(length: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % length


def _rows(page: int) -> bytes:
    return json.dumps(
        [{"id": page * PAGE_ROWS + n, "text": f"row {n} of {page}"} for n in range(PAGE_ROWS)]
    ).encode()
