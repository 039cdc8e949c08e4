"""What a client does below HTTP costs the gateway no more than its limits say."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from orc_gateway import bodies, connection

HEAD = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"


@asynccontextmanager
async def socket_to(client):
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def problem(reader):
    """Read an answer that ends the connection: its status and the problem's code."""
    async with asyncio.timeout(30):  # Without its limit the gateway would wait for ever, and so would we.
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower()
    told = json.loads(body)
    assert head.split(b" ")[1] == str(told["status"]).encode()
    return told["status"], told["code"]


@pytest.fixture
async def served(gateway):
    async with gateway.served() as client:
        yield client


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\x02\x00\x01\r\n\r\n", HEAD + b"Bad header\r\n\r\n"])
async def test_what_is_no_http(served, sent):
    """It is told so as any other error is."""
    async with socket_to(served) as (reader, writer):
        writer.write(sent)
        assert await problem(reader) == (400, "no-http")


async def test_headers_that_never_end(served, monkeypatch):
    """They are held up to a limit, be it one header or many."""
    monkeypatch.setattr(connection, "HEAD_BYTES_MAX", 1000)
    for endless in (b"X-Long: " + b"a" * 2000, b"X: y\r\n" * 300):
        async with socket_to(served) as (reader, writer):
            writer.write(HEAD)
            await writer.drain()
            # Another read of the socket: what one read brings is bounded already.
            assert (await served.get("/livez")).status_code == 200
            writer.write(endless)
            assert await problem(reader) == (431, "head-too-large")


async def test_a_head_that_does_not_come(served, monkeypatch):
    """Who begins one is told, who says nothing is left; neither keeps a socket."""
    monkeypatch.setattr(connection, "HEAD_SECONDS_MAX", 0.01)
    async with socket_to(served) as (reader, writer):
        writer.write(HEAD)
        assert await problem(reader) == (408, "head-too-slow")
    async with socket_to(served) as (reader, _):
        assert await reader.read() == b""


async def test_a_second_head_has_its_own_limits(served, monkeypatch):
    """A connection that was used before is bounded as a fresh one is."""
    async with socket_to(served) as (reader, writer):
        writer.write(HEAD + b"\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        await reader.readexactly(len(b'{"status":"ok"}'))
        monkeypatch.setattr(connection, "HEAD_SECONDS_MAX", 0.01)
        writer.write(HEAD)
        assert await problem(reader) == (408, "head-too-slow")


async def test_a_body_that_does_not_come(served, monkeypatch):
    """It is waited for so long; then the request is over."""
    monkeypatch.setattr(bodies, "BODY_SECONDS_MAX", 0.01)
    async with socket_to(served) as (reader, writer):
        writer.write(
            b"POST /schedules/preview HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{"
        )
        assert await problem(reader) == (408, "body-too-slow")


async def test_more_connections_than_there_may_be(served, monkeypatch):
    """One too many is told to come again, and is not kept."""
    monkeypatch.setattr(connection, "CONNECTIONS_MAX", 1)
    async with socket_to(served), socket_to(served) as (reader, _):
        assert await problem(reader) == (503, "too-many-connections")
