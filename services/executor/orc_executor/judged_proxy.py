"""
Judged proxy: lets a library that opens its own connections reach no address it may not.

It listens on loopback while files are fetched, knows its client by a password made for the occasion, and connects by
`egress`: each name is resolved once, every answer judged, and the connection goes to a judged address. That holds for
all that the library connects to, token servers and redirects among it. TLS passes through untouched.

    CONNECT host:port                answered, then bytes go both ways
    GET http://host/path             (plain HTTP) handed on, then bytes go both ways
"""

import asyncio
import secrets
from base64 import b64encode
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpcore
from msgspec import Struct

from orc_domain.egress import EgressPolicy
from orc_executor.egress import NETWORK_ERRORS, JudgedNetwork
from orc_executor.errors import AddressRefused, SourceUnavailable

HEAD_BYTES_MAX = 64 * 1024
CONNECT_SECONDS_MAX = 10.0
_CHUNK_BYTES = 64 * 1024
_HTTP_PORT = 80
_END = b"\r\n\r\n"


class _Asked(Struct, frozen=True):
    host: str
    port: int
    is_tunnel: bool
    head: bytes
    """To hand on where there is no tunnel."""


class JudgedProxy:
    """A proxy for one client, for as long as the block lasts."""

    def __init__(self, policy: EgressPolicy) -> None:
        self._network = JudgedNetwork(policy)
        self._password = secrets.token_urlsafe(24)
        self._expected = b"basic " + b64encode(f"orc:{self._password}".encode())
        self._tasks = set[asyncio.Task[None]]()
        self.refused: asyncio.Future[AddressRefused] = asyncio.get_running_loop().create_future()
        """Done when a connection was refused: the client only sees that it failed, and would try again."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_BYTES_MAX)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not self.refused.done():
            self.refused.cancel()

    @property
    def url(self) -> str:
        """What to tell the client."""
        port = self._server.sockets[0].getsockname()[1]
        return f"http://orc:{self._password}@127.0.0.1:{port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._pass_on(reader, writer)
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError, *NETWORK_ERRORS):
            # Either side has gone, or what came is no request; the client sees its connection end.
            pass
        except asyncio.CancelledError:
            # Ended with the block; asyncio would complain of a cancelled handler.
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = self._read(await reader.readuntil(_END))
        if asked is None:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
            return
        try:
            server = await self._network.connect_tcp(asked.host, asked.port, CONNECT_SECONDS_MAX)
        except AddressRefused as refusal:
            if not self.refused.done():
                self.refused.set_result(refusal)
            writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
            return
        except (SourceUnavailable, *NETWORK_ERRORS):
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
            return
        try:
            if asked.is_tunnel:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                await server.write(asked.head)
            up = asyncio.create_task(_up(reader, server))
            try:
                await _down(server, writer)
            finally:
                up.cancel()
                await asyncio.gather(up, return_exceptions=True)
        finally:
            await server.aclose()

    def _read(self, head: bytes) -> _Asked | None:
        """Return what is asked for, None when it is not by our client."""
        first, *lines = head.removesuffix(_END).split(b"\r\n")
        fields = [
            (name.strip().lower(), value.strip())
            for name, _, value in (line.partition(b":") for line in lines)
        ]
        said = next((value for name, value in fields if name == b"proxy-authorization"), b"")
        if not secrets.compare_digest(
            said[: len(b"basic ")].lower() + said[len(b"basic ") :], self._expected
        ):
            return None
        method, _, rest = first.partition(b" ")
        target, _, version = rest.rpartition(b" ")
        is_tunnel = method == b"CONNECT"
        url = urlsplit(f"//{target.decode('ascii')}" if is_tunnel else target.decode("ascii"))
        if url.hostname is None or (url.port is None if is_tunnel else url.scheme != "http"):
            return None
        # One request a connection: what follows could be for another host, which nobody would have judged.
        kept = [line for line, (name, _) in zip(lines, fields, strict=True) if not name.startswith(b"proxy-")]
        kept = [line for line in kept if not line.lower().startswith(b"connection:")]
        path = target.partition(b"://")[2].partition(b"/")[2]
        handed_on = b"\r\n".join([method + b" /" + path + b" " + version, *kept, b"connection: close"]) + _END
        return _Asked(url.hostname, url.port or _HTTP_PORT, is_tunnel, handed_on)


async def _up(reader: asyncio.StreamReader, server: httpcore.AsyncNetworkStream) -> None:
    while chunk := await reader.read(_CHUNK_BYTES):
        await server.write(chunk)


async def _down(server: httpcore.AsyncNetworkStream, writer: asyncio.StreamWriter) -> None:
    while chunk := await server.read(_CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
