"""Connections cannot hang, and carry nothing from one user to the next."""

import asyncio
import socket
from contextlib import asynccontextmanager

import asyncpg
import pytest

from orc_runtime.database import UNREACHABLE, close_pool, connect_pool


@asynccontextmanager
async def pool_of(database, **changes):
    options = {"schema": "auth", "size_max": 1, "application_name": "test"} | changes
    pool = await connect_pool(database.url("orc_auth"), **options)
    try:
        yield pool
    finally:
        await close_pool(pool)


async def test_session_is_bounded(database):
    """Every session starts with our limits, and its own schema alone in the search path."""
    names = (
        "search_path", "timezone", "application_name", "transaction_isolation", "statement_timeout",
        "lock_timeout", "idle_in_transaction_session_timeout", "tcp_keepalives_idle",
        "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout",
    )  # fmt: skip
    async with pool_of(database) as pool:
        found = {name: await pool.fetchval(f"SHOW {name}") for name in names}

    assert found == {
        "search_path": "auth",
        "timezone": "UTC",
        "application_name": "test",
        "transaction_isolation": "read committed",
        "statement_timeout": "10s",
        "lock_timeout": "1s",
        "idle_in_transaction_session_timeout": "5s",
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "3",
        "tcp_keepalives_count": "3",
        "tcp_user_timeout": "15000",
    }


async def test_client_side_keepalive(database):
    """Our own kernel watches the connection too."""
    async with pool_of(database) as pool, pool.acquire() as connection:
        client = connection._transport.get_extra_info("socket")
        found = [
            client.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            client.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
            client.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
        ]

    assert found == [1, 10, 15000]


async def test_statement_is_cut_off(database):
    """A statement past its time fails with the server's reason."""
    async with pool_of(database, statement_seconds_max=0.05) as pool:
        with pytest.raises(asyncpg.QueryCanceledError):
            await pool.execute("SELECT pg_sleep(60)")


async def test_frozen_server_is_given_up(database):
    """A server that accepts and then says nothing is an error the waiting knows, not a hang."""

    async def say_nothing(reader, _writer):
        await reader.read()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        with pytest.raises(UNREACHABLE):
            async with asyncio.timeout(0.1):
                await connect_pool(
                    f"postgresql://u:p@127.0.0.1:{port}/d", schema="s", size_max=1, application_name="test"
                )
    finally:
        server.close()


async def test_transaction_does_not_leak(database):
    """Without the reset round trip, a transaction left open is still rolled back when its connection goes back."""
    async with pool_of(database) as pool:
        async with pool.acquire() as connection:
            await connection.execute("BEGIN")
        async with pool.acquire() as connection:
            assert not connection.is_in_transaction()


async def test_close_cuts_off_what_hangs(database, monkeypatch):
    """Closing does not wait for ever for a connection somebody still holds."""
    monkeypatch.setattr("orc_runtime.database.CLOSE_SECONDS_MAX", 0.05)
    pool = await connect_pool(database.url("orc_auth"), schema="auth", size_max=1, application_name="test")
    held = await pool.acquire()
    await close_pool(pool)

    with pytest.raises(asyncpg.InterfaceError):
        await held.execute("SELECT 1")
