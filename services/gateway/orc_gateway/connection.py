"""
Connection: one socket of the gateway, with the limits that its HTTP parser leaves to others.

    connected → the head of a request, in so many seconds and bytes (408, 431) → the application, while its body comes,
    in so many seconds and bytes → the answer, which has to be taken → the next head …

Without them whoever connects and says nothing, never ends a header or a trailer, or asks and does not read, holds a
socket or memory for ever. What is no HTTP gets a problem as everything else does.
"""

import asyncio
import resource
from collections import Counter
from http import HTTPStatus
from typing import Any, ClassVar
from uuid import uuid4
from weakref import WeakKeyDictionary

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from orc_gateway.client_address import Networks, client_address, comes_from, limited_as
from orc_gateway.problems import CONTENT_TYPE, Refusal, Unavailable, problem_of
from orc_gateway.request_ids import HEADER as REQUEST_ID
from orc_gateway.security_headers import secured

VERSIONS = frozenset({"1.0", "1.1"})
HEAD_SECONDS_MAX = 15.0
HEAD_BYTES_MAX = 64 * 1024
"""Of a request's line and headers, beyond what one read of the socket brings."""
REST_SECONDS_MAX = 40.0
"""For what follows a head, read by the application or not; longer than the application waits for a body."""
REST_BYTES_MAX = 16 * 1024 * 1024
"""Of the same, framing and trailers included: who sends too large a body hears of it, who never ends is cut off."""
IDLE_SECONDS_MAX = 5
"""Between an answer and the next request; then the connection is closed."""
REQUESTS_MAX = 10_000
"""On one connection; the answer to the last says `Connection: close`."""
TAKE_SECONDS_MAX = 30.0
"""How long the client may leave an answer, or an event of a stream, untaken; then the connection is cut."""
CLOSE_SECONDS_MAX = 5.0
"""How long what was written before a close may take to leave."""
CONNECTIONS_MAX = 4_000
CONNECTIONS_PER_ADDRESS_MAX = 1_000
"""Trusted proxies have no such limit: all the world comes from them."""
DESCRIPTORS_SPARED = 128
"""Left of the process's file descriptors for Postgres, NATS and the rest."""


class Connection(HttpToolsProtocol):
    """uvicorn's connection, bounded."""

    proxies: ClassVar[Networks] = ()
    _addresses: ClassVar[WeakKeyDictionary[Any, Counter[str]]] = WeakKeyDictionary()
    """Open connections by address, for each server there is."""

    _address = ""
    _requests = 0
    _bytes = 0
    """Received since the head, or what follows it, began."""
    _is_in_head = _is_in_rest = _is_over = False
    _timer: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None
    _closing: asyncio.TimerHandle | None = None

    @classmethod
    def behind(cls, proxies: Networks) -> "type[Connection]":
        """Return the kind of connection whose peer may be one of these."""
        return type("Connection", (cls,), {"proxies": proxies})

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request, unless there are too many who do."""
        super().connection_made(transport)
        self.timeout_keep_alive = IDLE_SECONDS_MAX
        open_now = self._addresses.setdefault(self.server_state, Counter())
        self._address = limited_as(client_address({"client": self.client, "headers": ()}, ()))
        open_now[self._address] += 1
        if len(self.connections) > connections_max():
            self._refuse(Unavailable("too many connections are open", code="too-many-connections"))
        elif open_now[self._address] > CONNECTIONS_PER_ADDRESS_MAX and not self._is_proxy():
            detail = "too many connections are open from this address"
            self._refuse(Refusal(429, "too-many-connections", detail, headers={"Retry-After": "1"}))
        else:
            self._start_timer(HEAD_SECONDS_MAX)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        for timer in (self._timer, self._taking, self._closing):
            if timer is not None:
                timer.cancel()
        open_now = self._addresses[self.server_state]
        open_now[self._address] -= 1
        if not open_now[self._address]:
            del open_now[self._address]
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, within the limits of a head and of what follows it."""
        if self.transport.is_closing() or self._is_over:
            return
        was_in_head, was_in_rest = self._is_in_head, self._is_in_rest
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self._refuse(Refusal(400, "no-http", "the request is not valid HTTP/1.1"))
            return
        except httptools.HttpParserUpgrade:
            # Nothing else is spoken here: the request is answered as it stands, and what follows is not HTTP.
            self._is_over, self.cycle.keep_alive = True, False
            return
        if self._is_in_head and self._timer is None:
            self._start_timer(HEAD_SECONDS_MAX)
        # What the first read brought may belong to the request before, and is bounded by the read itself.
        if (self._is_in_head and was_in_head) or (self._is_in_rest and was_in_rest):
            self._bytes += len(data)
        if self._is_in_head and self._bytes > HEAD_BYTES_MAX:
            self._refuse(
                Refusal(431, "head-too-large", f"the headers are larger than {HEAD_BYTES_MAX} bytes")
            )
        elif self._is_in_rest and self._bytes > REST_BYTES_MAX:
            self._close()

    def on_message_begin(self) -> None:
        """Note that a head has begun."""
        self._is_in_head, self._bytes = True, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; a trailer is none, and says nothing to us."""
        if self._is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Note that the head has ended, and begin to answer."""
        self._is_in_head, self._is_in_rest, self._bytes = False, True, 0
        self._start_timer(REST_SECONDS_MAX)
        self._requests += 1
        if self.parser.get_http_version() not in VERSIONS:
            raise ValueError("the parser takes more versions than we speak")
        self._prefer_authority()
        super().on_headers_complete()
        if self._requests >= REQUESTS_MAX:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Note that the request is here in full."""
        self._is_in_rest = False
        self._stop_timer()
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Give the client so long to take what was written."""
        super().pause_writing()
        self._taking = self.loop.call_later(TAKE_SECONDS_MAX, self.transport.abort)

    def resume_writing(self) -> None:
        """Write on."""
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None
        super().resume_writing()

    def on_response_complete(self) -> None:
        """Go on to the next request, or see to it that the connection ends."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._close()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that nothing comes on."""
        self._close()

    def _is_proxy(self) -> bool:
        return comes_from({"client": self.client}, self.proxies)

    def _prefer_authority(self) -> None:
        """Let the host of an absolute target stand for `Host`, as RFC 9112 3.2.2 wants it: two would disagree."""
        if self.url.startswith(b"/") or self.url == b"*":
            return
        target = httptools.parse_url(self.url)
        if target.host:
            port = b"" if target.port is None else b":%d" % target.port
            self.headers[:] = [pair for pair in self.headers if pair[0] != b"host"]
            host = b"[%b]" % target.host if b":" in target.host else target.host
            self.headers.append((b"host", host + port))

    def _start_timer(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, self._too_late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        self._timer = None
        if self._is_in_head:
            self._refuse(
                Refusal(408, "head-too-slow", f"the headers took longer than {HEAD_SECONDS_MAX:g} s")
            )
        else:
            self._close()

    def _refuse(self, refusal: Refusal) -> None:
        """Answer and hang up; while another answer is being written, only hang up."""
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_answer(refusal))
        self._close()

    def _close(self) -> None:
        """Hang up, soon even on who does not take what was written."""
        self._is_in_head, self._is_in_rest, self._is_over = False, False, True
        self._stop_timer()
        self.transport.close()
        if self._closing is None:
            self._closing = self.loop.call_later(CLOSE_SECONDS_MAX, self.transport.abort)


def connections_max() -> int:
    """Return how many connections may be open at once in this process."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return CONNECTIONS_MAX
    return min(CONNECTIONS_MAX, max(1, descriptors - DESCRIPTORS_SPARED))


def _answer(refusal: Refusal) -> bytes:
    body = problem_of(refusal, "")
    own: dict[str, str | int] = {
        "content-type": CONTENT_TYPE,
        "content-length": len(body),
        "connection": "close",
        REQUEST_ID: str(uuid4()),
        **refusal.headers,
    }
    headers = secured(((name.encode(), f"{value}".encode()) for name, value in own.items()), by_tls=False)
    line = f"HTTP/1.1 {int(refusal.status)} {HTTPStatus(refusal.status).phrase}".encode()
    return b"\r\n".join([line, *(name + b": " + value for name, value in headers), b"", body])
