"""
The few things the bus asks of a NATS client, and nats-py told how to behave when the server is gone.

The in-memory broker offers the same `Connection`, so everything above this line is one code for both.
"""

from collections.abc import Awaitable, Callable
from ssl import SSLContext
from typing import Any, Protocol

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

_logger = structlog.get_logger()

CONNECT_TIMEOUT_SECONDS = 2
RECONNECT_WAIT_SECONDS = 0.1
PING_INTERVAL_SECONDS = 5
PINGS_OUTSTANDING_MAX = 2
"""With the interval: a half-open connection is found in 15 s at most."""
PENDING_BYTES_MAX = 4 * 1024 * 1024
"""What is kept for a server that is away; beyond it a core publish is dropped."""


class Received(Protocol):
    """A message as it came off the wire."""

    subject: str
    reply: str
    data: bytes
    headers: dict[str, str] | None


class Interest(Protocol):
    """A subscription at the server."""

    async def unsubscribe(self) -> None:
        """End it and forget what has come but was not handled."""

    async def drain(self) -> None:
        """End it and handle what has come."""


class Connection(Protocol):
    """A NATS client."""

    @property
    def is_connected(self) -> bool:
        """False while the server is away."""

    async def publish(
        self, subject: str, payload: bytes = b"", reply: str = "", headers: dict[str, str] | None = None
    ) -> None:
        """Hand a message to the server, without waiting for anybody to take it."""

    async def subscribe(
        self, subject: str, queue: str = "", cb: Callable[[Any], Awaitable[None]] | None = None
    ) -> Interest:
        """Have `cb` awaited for each message, one after another, in order."""

    async def flush(self) -> None:
        """Wait until the server has taken what was sent before."""

    async def drain(self) -> None:
        """Handle what has come, then close; raises while the server is away."""

    async def close(self) -> None:
        """Close at once."""


class NoTls(NatsError):
    """The server, or who answers in its place, would have us go on in clear."""

    def __str__(self) -> str:
        return "the server speaks no TLS, which ORC_NATS_URL (tls://) or ORC_NATS_CA_FILE ask for"


class _TlsClient(Client):
    """Sends no password in clear: nats-py takes up TLS only when the server's greeting says so, and anybody can greet."""

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        if initial_connection and not info.get("tls_required"):
            raise NoTls
        await super()._process_info(info, initial_connection)


def make_client(tls: SSLContext | None) -> Client:
    """Return a client that is not connected yet."""
    return Client() if tls is None else _TlsClient()


async def connect_client(
    client: Client,
    url: str,
    name: str,
    *,
    tls: SSLContext | None = None,
    on_trouble: Callable[[Exception], None],
    on_disconnected: Callable[[], None],
    on_reconnected: Callable[[], None],
    on_closed: Callable[[], None],
) -> None:
    """Connect and stay connected: try for ever, tell why not, and the three turns of a connection's life."""

    async def disconnected() -> None:
        on_disconnected()

    async def reconnected() -> None:
        _logger.info("nats is back", name=name)
        on_reconnected()

    async def closed() -> None:
        on_closed()

    told: set[str] = set()

    async def failed(error: Exception) -> None:
        on_trouble(error)
        # nats-py reports every attempt, ten a second; the first of a kind says it all.
        if (kind := type(error).__name__) not in told:
            told.add(kind)
            _logger.warning("nats connection trouble", name=name, error=repr(error))

    await client.connect(
        url,
        name=name,
        error_cb=failed,
        disconnected_cb=disconnected,
        reconnected_cb=reconnected,
        closed_cb=closed,
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        reconnect_time_wait=RECONNECT_WAIT_SECONDS,  # type: ignore[arg-type]  # only ever slept on
        max_reconnect_attempts=-1,
        ping_interval=PING_INTERVAL_SECONDS,
        max_outstanding_pings=PINGS_OUTSTANDING_MAX,
        pending_size=PENDING_BYTES_MAX,
        tls=tls,
    )
