"""
Connection: one socket of the gateway, with the limits that its HTTP parser leaves to others.

    connected → the head of a request, in so many seconds and bytes (408, 431) → the application → the next head …

Without them whoever connects and says nothing, or never ends a header, holds a socket or memory for ever. What is no
HTTP gets a problem as everything else does.
"""

import asyncio
import resource
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from orc_gateway.problems import CONTENT_TYPE, Refusal, Unavailable, problem_of

HEAD_SECONDS_MAX = 15.0
HEAD_BYTES_MAX = 64 * 1024
"""Of a request's line and headers, beyond what one read of the socket brings."""
CONNECTIONS_MAX = 4_000
DESCRIPTORS_SPARED = 128
"""Left of the process's file descriptors for Postgres, NATS and the rest."""


class Connection(HttpToolsProtocol):
    """uvicorn's connection, bounded."""

    _head_bytes = 0
    _is_in_head = False
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request, unless there are too many who do."""
        super().connection_made(transport)
        if len(self.connections) > connections_max():
            self._refuse(Unavailable("too many connections are open", code="too-many-connections"))
        else:
            self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, within the limits of a head."""
        if self.transport.is_closing():
            return
        was_in_head = self._is_in_head
        super().data_received(data)
        if not self._is_in_head:
            return
        if self._head_timer is None:
            self._start_timer()
        # What the first read brought may belong to the request before, and is bounded by the read itself.
        self._head_bytes += len(data) if was_in_head else 0
        if self._head_bytes > HEAD_BYTES_MAX:
            self._refuse(
                Refusal(431, "head-too-large", f"the headers are larger than {HEAD_BYTES_MAX} bytes")
            )

    def on_message_begin(self) -> None:
        """Note that a head has begun."""
        self._is_in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that it has ended."""
        self._is_in_head = False
        self._stop_timer()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        del msg
        self._refuse(Refusal(400, "no-http", "the request is not valid HTTP/1.1"))

    def _start_timer(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS_MAX, self._too_late)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_late(self) -> None:
        self._head_timer = None
        if self._is_in_head:
            self._refuse(
                Refusal(408, "head-too-slow", f"the headers took longer than {HEAD_SECONDS_MAX:g} s")
            )
        else:
            self.transport.close()

    def _refuse(self, refusal: Refusal) -> None:
        """Answer and hang up; while another answer is being written, only hang up."""
        self._is_in_head = False
        self._stop_timer()
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_answer(refusal))
        self.transport.close()


def connections_max() -> int:
    """Return how many connections may be open at once in this process."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return CONNECTIONS_MAX
    return min(CONNECTIONS_MAX, max(1, descriptors - DESCRIPTORS_SPARED))


def _answer(refusal: Refusal) -> bytes:
    body = problem_of(refusal, "")
    headers: dict[str, str | int] = {
        "content-type": CONTENT_TYPE,
        "content-length": len(body),
        "connection": "close",
        **refusal.headers,
    }
    lines = [f"HTTP/1.1 {int(refusal.status)} {HTTPStatus(refusal.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body
