"""
TCP proxies between each process and each server: what can happen to a network, on purpose.

    pass         carries
    slow         carries, 50 ms later per piece
    stall        carries nothing; connections stay
    half open    the server's side is gone, the client's stays and is told nothing
    cut          connections are reset, new ones refused
"""

import asyncio
from contextlib import suppress
from typing import Literal

Mode = Literal["pass", "slow", "stall", "half-open", "cut"]

SLOW_SECONDS = 0.05
PIECE_BYTES = 65_536


class _Link:
    """One connection carried."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client, self.server = client, server
        self.is_half = False
        """Whether the server's side is gone and the client does not know."""

    def reset(self) -> None:
        for writer in (self.client, self.server):
            writer.transport.abort()


class Proxy:
    """One way to one server; lives in one loop, whose thread calls everything here but the counters."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.mode: Mode = "pass"
        self.touched = 0
        """Connections cut or refused, pieces held back: that a fault was felt."""
        self._links: set[_Link] = set()
        self._open = asyncio.Event()
        self._listener: asyncio.Server | None = None

    async def start(self) -> None:
        self._listener = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]
        self._open.set()

    async def stop(self) -> None:
        await self._refuse()
        for link in list(self._links):
            link.reset()

    async def set(self, mode: Mode) -> None:
        """Begin or end a fault."""
        if mode == self.mode:
            return
        was, self.mode = self.mode, mode
        if was == "cut":
            await self.start()
        if mode in {"stall", "half-open"}:
            self._open.clear()
        else:
            self._open.set()
        if mode == "cut":
            await self._refuse()
        for link in list(self._links):
            if mode == "cut":
                self.touched += 1
                link.reset()
            elif mode == "half-open":
                self.touched += 1
                link.is_half = True
                link.server.transport.abort()

    async def _refuse(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open.is_set():
            self.touched += 1
            await self._open.wait()
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(writer, to_server)
        self._links.add(link)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(link, reader, to_server, of_client=True))
                group.create_task(self._pump(link, from_server, writer, of_client=False))
        except* OSError:
            pass
        finally:
            self._links.discard(link)
            link.reset()

    async def _pump(
        self, link: _Link, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, of_client: bool
    ) -> None:
        while True:
            try:
                piece = await source.read(PIECE_BYTES)
            except OSError:
                piece = b""
            if link.is_half:
                if not of_client:
                    # The server is gone; the client hears nothing, not even that.
                    await asyncio.Event().wait()
                if self.mode == "half-open" and piece:
                    self.touched += 1
                    continue
                # Healed: whoever still speaks on the old connection is told now.
                raise ConnectionResetError
            if not piece:
                with suppress(OSError):
                    sink.write_eof()
                raise ConnectionResetError
            if not self._open.is_set():
                self.touched += 1
                await self._open.wait()
            if self.mode == "slow":
                self.touched += 1
                await asyncio.sleep(SLOW_SECONDS)
            sink.write(piece)
            await sink.drain()
