"""
Egress: HTTP connections that reach no address they may not.

A name is resolved once for each connection, every answer is judged, and the connection goes to a judged address: what
the name says a moment later changes nothing. Host header, SNI and certificate stay those of the name. Each redirect is
a connection like any other, and no proxy of the environment is used.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from functools import cache

import httpcore
import httpx

from orc_domain.egress import EgressPolicy
from orc_executor.addresses import Resolve, judged_addresses, resolve
from orc_executor.errors import AddressRefused, SourceUnavailable

NETWORK_ERRORS = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)
"""What goes wrong between us and a server."""


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
        addresses = await judged_addresses(host, port, self._policy, self._resolve)
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
