"""
The HTTP client of plugins: what `egress` does for the API extractor, in the thread that asks.

A name is resolved once for each connection, every answer is judged, and the connection goes to a judged address. What
is decompressed is counted, so that no small answer grows without bound.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpcore
import httpx

from orc_domain.egress import EgressPolicy
from orc_executor.addresses import judged_addresses_now
from orc_executor.egress import NETWORK_ERRORS, tls
from orc_executor.errors import AddressRefused, SourceRefused, SourceUnavailable, WrongShape
from orc_executor.frames import LoadLimits
from orc_executor.steps import BAD_LOCATION, REDIRECTS_MAX, check_step, nowhere, origin

CONNECTIONS_MAX = 16
CONNECT_SECONDS_MAX, READ_SECONDS_MAX = 10.0, 60.0
_PIECE_BYTES_MAX = 1024 * 1024
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_BYTES_MAX, _FIRST = "orc_bytes_max", "orc_first"
_FOR_ANYBODY = frozenset(
    {"host", "accept", "accept-encoding", "accept-language", "user-agent", "connection", "range"}
    | {"content-type", "content-length", "transfer-encoding"}
)
"""Headers that another server than the one that was asked first may get: any other can hold a credential."""


class JudgedClient(httpx.Client):
    """httpx as its users know it, over judged connections."""

    def __init__(self, policy: EgressPolicy, limits: LoadLimits, check_stop: Callable[[], None]) -> None:
        self._limits, self._check_stop = limits, check_stop
        super().__init__(
            transport=_Transport(policy),
            trust_env=False,
            follow_redirects=True,
            max_redirects=REDIRECTS_MAX,
            timeout=httpx.Timeout(READ_SECONDS_MAX, connect=CONNECT_SECONDS_MAX, pool=None),
            headers={"accept-encoding": "gzip", "user-agent": "orc-nats-ator"},
        )

    def send(self, request: httpx.Request, *, stream: bool = False, **more: Any) -> httpx.Response:
        """Send a request, unless the task is to end."""
        self._check_stop()
        limits = self._limits
        request.extensions = {
            **request.extensions,
            _BYTES_MAX: limits.spool_bytes_max if stream else limits.page_bytes_max,
            _FIRST: request.url,
        }
        try:
            return super().send(request, stream=stream, **more)
        except BAD_LOCATION as error:
            raise nowhere(_place(request.url)) from error
        except httpx.TooManyRedirects as error:
            raise SourceRefused(f"{_place(request.url)}: more than {REDIRECTS_MAX} redirects") from error


class _Network(httpcore.NetworkBackend):
    def __init__(self, policy: EgressPolicy) -> None:
        self._policy, self._inner = policy, httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first judged address that answers; raises AddressRefused, SourceUnavailable."""
        addresses = judged_addresses_now(host, port, self._policy)
        for place, address in enumerate(addresses, start=1):
            try:
                return self._inner.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except NETWORK_ERRORS:
                if place == len(addresses):
                    raise
        raise SourceUnavailable(f"the name {host} has no address")

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Refuse: a socket of this machine is no address on the network."""
        del timeout, socket_options
        raise AddressRefused(path, "it is a socket of this machine")


class _Transport(httpx.BaseTransport):
    def __init__(self, policy: EgressPolicy) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls(), max_connections=CONNECTIONS_MAX, network_backend=_Network(policy)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url, place = request.url, _place(request.url)
        # httpx hands the extensions on to each redirect.
        first: httpx.URL = request.extensions[_FIRST]
        check_step(url, place, first)
        headers = request.headers.raw
        if origin(url) != origin(first):
            headers = [(name, value) for name, value in headers if name.lower().decode() in _FOR_ANYBODY]
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        try:
            response = self._pool.handle_request(
                httpcore.Request(
                    method=request.method,
                    url=target,
                    headers=headers,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        except NETWORK_ERRORS as error:
            raise SourceUnavailable(f"{place}: {type(error).__name__}: {error}") from error
        except httpcore.UnsupportedProtocol as error:
            raise WrongShape(f"{place}: is not http or https") from error
        answered = httpx.Headers(response.headers)
        is_packed = answered.get("content-encoding", "").lower() in {"gzip", "x-gzip", "deflate"}
        if is_packed:
            # What the caller gets is unpacked already.
            del answered["content-encoding"]
            answered.pop("content-length", None)
        body = _Body(response, place, request.extensions[_BYTES_MAX], is_packed=is_packed)
        return httpx.Response(response.status, headers=answered, stream=body, extensions=response.extensions)

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response, place: str, bytes_max: int, *, is_packed: bool) -> None:
        self._response, self._place, self._bytes_max = response, place, bytes_max
        self._is_packed = is_packed

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        try:
            for part in self._parts():
                size += len(part)
                if size > self._bytes_max:
                    raise WrongShape(f"{self._place}: the answer is larger than {self._bytes_max} bytes")
                yield part
        except NETWORK_ERRORS as error:
            raise SourceUnavailable(f"{self._place}: {type(error).__name__}: {error}") from error
        except zlib.error as error:
            raise WrongShape(f"{self._place}: the answer cannot be unpacked: {error}") from error

    def _parts(self) -> Iterator[bytes]:
        if not self._is_packed:
            yield from self._response.iter_stream()
            return
        unpacking = zlib.decompressobj(_GZIP_OR_ZLIB)
        for part in self._response.iter_stream():
            packed = part
            while packed and not unpacking.eof:
                yield unpacking.decompress(packed, _PIECE_BYTES_MAX)
                packed = unpacking.unconsumed_tail
        yield unpacking.flush()

    def close(self) -> None:
        self._response.close()


def _place(url: httpx.URL) -> str:
    """Return what a message may hold of a URL: a query may hold secrets."""
    return str(url.copy_with(query=None, fragment=None, username=None, password=None))
