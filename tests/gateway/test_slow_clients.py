"""A client that is slow on purpose, or opens too much, costs the gateway no more than its limits say."""

import asyncio
import socket
from collections import Counter

import pytest
from gateway.test_connection import HEAD, problem, socket_to

from orc_gateway import connection
from orc_gateway.client_address import parse_proxies
from orc_gateway.connection import Connection
from orc_runtime.serving import serving

ALIVE = b'{"status":"ok"}'
POST = b"POST /schedules/preview HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
async def served(gateway):
    async with gateway.served() as client:
        yield client


async def ended(reader):
    """Wait until the other end has closed, and return what came before."""
    async with asyncio.timeout(60):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def test_a_body_nobody_reads(served, monkeypatch):
    """A request that is answered already has so long for the rest of its body, dripping or not."""
    monkeypatch.setattr(connection, "REST_SECONDS_MAX", 0.2)
    async with socket_to(served) as (reader, writer):
        writer.write(HEAD + b"Content-Length: 1000\r\n\r\n")
        got = await reader.readuntil(ALIVE)
        writer.write(b"x")
        assert got.startswith(b"HTTP/1.1 200")
        assert await ended(reader) == b""


@pytest.mark.parametrize("what", ["body", "trailer", "chunk extension"])
async def test_what_follows_a_head_without_end(served, monkeypatch, what):
    """Bodies nobody reads, trailers and chunk extensions are held up to a limit together."""
    monkeypatch.setattr(connection, "REST_BYTES_MAX", 100_000)
    monkeypatch.setattr(connection, "REST_SECONDS_MAX", 3600.0)
    start = {
        "body": HEAD + b"Content-Length: 1000000000000\r\n\r\n",
        "trailer": CHUNKED + b"2\r\n{}\r\n0\r\nX: ",
        "chunk extension": CHUNKED + b"2;",
    }[what]
    async with socket_to(served) as (reader, writer):
        writer.write(start)
        try:
            async with asyncio.timeout(60):
                while True:
                    writer.write(b"a" * 10_000)
                    await writer.drain()
        except ConnectionError:
            pass
        await ended(reader)


async def test_trailers_are_no_headers(start_gateway):
    """What comes after a body cannot say who asks."""
    gateway = await start_gateway(mode="required")
    async with gateway.served() as client, socket_to(client) as (reader, writer):
        writer.write(CHUNKED + b"2\r\n{}\r\n0\r\nAuthorization: Bearer x\r\nHost: evil.com\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 401")


def noted_losses(monkeypatch):
    """Give a queue with an entry for each connection that has ended, once it is forgotten."""
    lost, forget = asyncio.Queue(), Connection.connection_lost

    def noting(self, exc):
        forget(self, exc)
        lost.put_nowait(None)

    monkeypatch.setattr(Connection, "connection_lost", noting)
    return lost


def without_reading(client, receive_bytes=4096):
    """Connect with the smallest window there is, and never read."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    raw.connect((client.base_url.host, client.base_url.port))
    return raw


async def test_answers_nobody_takes(served, monkeypatch):
    """Whoever asks and does not read is cut off, so that neither memory nor the handler is held."""
    monkeypatch.setattr(connection, "TAKE_SECONDS_MAX", 0.2)
    lost = noted_losses(monkeypatch)
    with without_reading(served) as raw:
        raw.setblocking(False)
        loop = asyncio.get_running_loop()
        asking = loop.create_task(
            loop.sock_sendall(raw, (b"GET /schema/job.json HTTP/1.1\r\nHost: localhost\r\n\r\n") * 200)
        )
        async with asyncio.timeout(60):
            await lost.get()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def test_a_closed_connection_nobody_takes(served, monkeypatch):
    """Answers left behind by their reader do not keep the socket past the close."""
    monkeypatch.setattr(connection, "CLOSE_SECONDS_MAX", 0.01)
    lost, made = noted_losses(monkeypatch), Connection.connection_made

    def without_pauses(self, transport):
        # All is written at once, so that nothing is left to do but to close.
        transport.set_write_buffer_limits(high=2**30)
        made(self, transport)

    monkeypatch.setattr(Connection, "connection_made", without_pauses)
    ask = b"GET /schema/job.json HTTP/1.1\r\nHost: localhost\r\n"
    with without_reading(served) as raw:
        raw.sendall((ask + b"\r\n") * 200 + ask + b"Connection: close\r\n\r\n")
        async with asyncio.timeout(60):
            await lost.get()


async def test_requests_of_one_connection(served, monkeypatch):
    """A connection serves so many requests; the last answer says that it is the last."""
    monkeypatch.setattr(connection, "REQUESTS_MAX", 2)
    async with socket_to(served) as (reader, writer):
        for is_last in (False, True):
            writer.write(HEAD + b"\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert (b"connection: close" in head) is is_last
            await reader.readexactly(len(ALIVE))
        assert await ended(reader) == b""


async def test_connections_of_one_address(served, monkeypatch):
    """One address has so many; one more is told so, and when one ends there is room again."""
    monkeypatch.setattr(connection, "CONNECTIONS_PER_ADDRESS_MAX", 1)
    lost = noted_losses(monkeypatch)
    async with socket_to(served), socket_to(served) as (reader, _):
        assert await problem(reader) == (429, "too-many-connections")
    async with asyncio.timeout(60):
        for _ in range(2):
            await lost.get()
    async with socket_to(served) as (reader, writer):
        writer.write(HEAD + b"\r\n")
        assert (await reader.readuntil(ALIVE)).startswith(b"HTTP/1.1 200")


async def test_connections_of_a_trusted_proxy(gateway, monkeypatch):
    """All the world comes from a trusted proxy, so it has as many as there are."""
    monkeypatch.setattr(connection, "CONNECTIONS_PER_ADDRESS_MAX", 0)
    kind = Connection.behind(parse_proxies(["127.0.0.0/8"]))
    async with serving(gateway.front, "127.0.0.1", 0, http=kind) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + b"\r\n")
        assert (await reader.readuntil(ALIVE)).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_idle_connections(served, monkeypatch):
    """Between requests a connection waits so long and no longer."""
    monkeypatch.setattr(connection, "IDLE_SECONDS_MAX", 0.01)
    async with socket_to(served) as (reader, writer):
        writer.write(HEAD + b"\r\n")
        assert (await ended(reader)).endswith(ALIVE)


async def test_five_hundred_slow_heads(served):
    """While 500 clients each send a head byte by byte, others are answered at once."""
    slow = [await asyncio.open_connection(served.base_url.host, served.base_url.port) for _ in range(500)]
    try:
        for byte in HEAD[:4]:
            for _, writer in slow:
                writer.write(bytes([byte]))
        codes = Counter([(await served.get("/jobs")).status_code for _ in range(20)])
        assert codes == {200: 20}
    finally:
        for _, writer in slow:
            writer.close()
