"""
Egress: HTTP connections that reach no address they may not.

A name is resolved once for each connection, every answer is judged, and the connection goes to a judged address: what
the name says a moment later changes nothing. Host header, SNI and certificate stay those of the name. Each redirect is
a connection like any other, and no proxy of the environment is used.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import cache
from ipaddress import ip_address

import httpcore
import httpx

from orc_domain.egress import Address, EgressPolicy
from orc_executor.errors import AddressRefused, SourceUnavailable

ADDRESSES_TRIED_MAX = 4
NETWORK_ERRORS = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)
"""What goes wrong between us and a server."""

Resolve = Callable[[str, int], Awaitable[list[Address]]]


async def resolve(host: str, port: int) -> list[Address]:
    """Ask the system for the addresses of a name; raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(str(address[0]).partition("%")[0]) for *_, address in found))


class JudgedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to judged addresses only."""

    def __init__(self, policy: EgressPolicy, resolve: Resolve = resolve) -> None:
        self._policy, self._resolve = policy, resolve
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first judged address that answers; raises AddressRefused, SourceUnavailable."""
        addresses = await self._judged(host, port)
        for place, address in enumerate(addresses, start=1):
            try:
                return await self._inner.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except NETWORK_ERRORS:
                if place == len(addresses):
                    raise
        raise SourceUnavailable(f"the name {host} has no address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: a socket of this machine is no address on the network."""
        del timeout, socket_options
        raise AddressRefused(path, "it is a socket of this machine")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def _judged(self, host: str, port: int) -> list[Address]:
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError, ValueError) as error:
            raise SourceUnavailable(f"the name {host} cannot be resolved: {error}") from error
        for address in addresses:
            if (refusal := self._policy.refusal(address)) is not None:
                raise AddressRefused(host, refusal)
        return addresses[:ADDRESSES_TRIED_MAX]


@cache
def tls() -> ssl.SSLContext:
    """Return the certificates to trust, read once a process; SSL_CERT_FILE and SSL_CERT_DIR add private ones."""
    return httpx.create_ssl_context()


class JudgedTransport(httpx.AsyncBaseTransport):
    """httpx over judged connections; raises the errors of httpcore, AddressRefused and SourceUnavailable."""

    def __init__(self, policy: EgressPolicy, connections_max: int, resolve: Resolve = resolve) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls(),
            max_connections=connections_max,
            network_backend=JudgedNetwork(policy, resolve),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        url = request.url
        response = await self._pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._response.aiter_stream():
            yield part

    async def aclose(self) -> None:
        await self._response.aclose()
