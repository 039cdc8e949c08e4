"""
Connections to Postgres that cannot hang and carry no state of their own.

A server that is frozen, or gone behind a half-open connection, is noticed from both sides: the server drops a
dead client's transaction (and with it its locks) by keepalives, the client gives up on an answer by its command
timeout. What a session may do without end (wait for a lock, sit in a transaction, run a statement) is bounded.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from typing import Any

import asyncpg

UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # What asyncpg raises for a statement that crosses the server's goodbye.
    asyncpg.InternalClientError,
)
"""What connecting raises while the server is away, starting, or does not know our role yet: worth trying again."""

CONNECT_SECONDS_MAX = 5.0
STATEMENT_SECONDS_MAX = 10.0
CLOSE_SECONDS_MAX = 3.0
COMMAND_GRACE_SECONDS = 2.0
"""How much longer than the server's own limit the client waits: a live server answers with its reason first."""

KEEPALIVE_IDLE_SECONDS = 10
KEEPALIVE_INTERVAL_SECONDS = 3
KEEPALIVE_PROBES_MAX = 3
UNACKED_SECONDS_MAX = 15


async def connect_pool(
    url: str,
    *,
    schema: str,
    size_max: int,
    application_name: str,
    statement_seconds_max: float = STATEMENT_SECONDS_MAX,
) -> asyncpg.Pool:
    """
    Open a pool whose sessions see `schema` first; raises one of `UNREACHABLE`.

    Connections are handed on without the usual reset round trip, so nothing may leave state in a session: no
    LISTEN, no SET but SET LOCAL, no advisory lock but a transaction's.
    """
    return await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=size_max,
        timeout=CONNECT_SECONDS_MAX,
        command_timeout=statement_seconds_max + COMMAND_GRACE_SECONDS,
        max_inactive_connection_lifetime=60.0,
        server_settings=session_settings(schema, application_name, statement_seconds_max),
        init=keep_alive,
        reset=_keep_session,
    )


async def close_pool(pool: asyncpg.Pool) -> None:
    """Close the pool; what is still in use after `CLOSE_SECONDS_MAX` is cut off."""
    # Cancelled, the closing pool terminates what it was waiting for.
    with suppress(TimeoutError):
        await asyncio.wait_for(pool.close(), CLOSE_SECONDS_MAX)


@asynccontextmanager
async def connect(
    url: str, *, application_name: str, command_timeout: float | None = None
) -> AsyncIterator[Any]:
    """Open one connection for a command of ours (migrations, roles); raises one of `UNREACHABLE`."""
    connection = await asyncpg.connect(
        url,
        timeout=CONNECT_SECONDS_MAX,
        command_timeout=command_timeout,
        server_settings={"application_name": application_name, "timezone": "UTC"},
    )
    try:
        await keep_alive(connection)
        yield connection
    finally:
        await connection.close(timeout=CLOSE_SECONDS_MAX)


def session_settings(schema: str, application_name: str, statement_seconds_max: float) -> dict[str, str]:
    """Return the settings each session starts with; times are in milliseconds unless Postgres counts seconds."""
    return {
        "application_name": application_name,
        "search_path": schema,
        "timezone": "UTC",
        "default_transaction_isolation": "read committed",
        "statement_timeout": str(round(statement_seconds_max * 1000)),
        "lock_timeout": "1000",
        "idle_in_transaction_session_timeout": "5000",
        "tcp_keepalives_idle": str(KEEPALIVE_IDLE_SECONDS),
        "tcp_keepalives_interval": str(KEEPALIVE_INTERVAL_SECONDS),
        "tcp_keepalives_count": str(KEEPALIVE_PROBES_MAX),
        "tcp_user_timeout": str(UNACKED_SECONDS_MAX * 1000),
        # Our statements are short; compiling them costs more than running them.
        "jit": "off",
    }


async def keep_alive(connection: asyncpg.Connection) -> None:
    """Let the client's kernel notice a dead server too; a Unix socket needs none of it."""
    # asyncpg has no public way to its socket; the test of this function fails when the private one goes.
    transport: asyncio.Transport = connection._transport  # noqa: SLF001
    client: socket.socket | None = transport.get_extra_info("socket")
    if client is None or client.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", KEEPALIVE_IDLE_SECONDS),
        ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_SECONDS),
        ("TCP_KEEPCNT", KEEPALIVE_PROBES_MAX),
        ("TCP_USER_TIMEOUT", UNACKED_SECONDS_MAX * 1000),
    ):
        # Not every kernel has all four.
        if hasattr(socket, option):
            client.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def statement(name: str) -> str:
    """Return the text of `orc_runtime/sql/<name>.sql`."""
    return files("orc_runtime").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


async def _keep_session(_connection: asyncpg.Connection) -> None:
    """Replace the reset asyncpg sends at each release: our sessions hold nothing to reset."""
