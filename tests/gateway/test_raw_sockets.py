"""Whatever bytes arrive, each request is answered once or the connection ends: never a 5xx, never a second request inside."""

import asyncio
import os
import random
import re

import pytest
from gateway.test_connection import socket_to

from orc_gateway import bodies, connection

HANG_SECONDS_MAX = 10.0
GARBAGE = max(200, int(os.environ.get("ORC_FUZZ_CASES", "0")) // 4)
SEED = int(os.environ.get("ORC_FUZZ_SEED", "20260101"))

HOST = b"Host: localhost\r\n"
GET = b"GET /livez HTTP/1.1\r\n" + HOST
LAST = GET + b"Connection: close\r\n\r\n"
POST = b"POST /schedules/preview HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
INSIDE = b"GET /schema/inside HTTP/1.1\r\n" + HOST + b"\r\n"
"""A request that must never be taken for one: it would be answered 404."""

REFUSED, CUT = [400], []

CASES = {
    "an empty line first": (b"\r\n" + LAST, [200]),
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", REFUSED),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", REFUSED),
    "HTTP/0.9": (b"GET /livez\r\n\r\n", REFUSED),
    "HTTP/9.9": (b"GET /livez HTTP/9.9\r\n" + HOST + b"\r\n", REFUSED),
    "an unknown method": (b"BREW /livez HTTP/1.1\r\n" + HOST + b"\r\n", REFUSED),
    "CONNECT": (b"CONNECT evil.com:443 HTTP/1.1\r\nHost: evil.com\r\n\r\n", REFUSED),
    "NUL in a header": (GET + b"X: a\0b\r\n\r\n", REFUSED),
    "NUL in a target": (b"GET /a\0b HTTP/1.1\r\n" + HOST + b"\r\n", REFUSED),
    "NUL in a header's name": (GET + b"X\0: a\r\n\r\n", REFUSED),
    "a bare CR in a header": (GET + b"X: a\rY: b\r\n\r\n", REFUSED),
    "a folded header": (GET + b"X: a\r\n b\r\n\r\n", REFUSED),
    "a space before the colon": (GET + b"Content-Length : 5\r\n\r\n", REFUSED),
    "a header without a name": (GET + b": a\r\n\r\n", REFUSED),
    "length and chunks": (
        POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INSIDE, REFUSED),
    "chunks and length": (
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n" + INSIDE, REFUSED),
    "two lengths": (POST + b"Content-Length: 2\r\nContent-Length: 44\r\n\r\n{}" + INSIDE, REFUSED),
    "a length with a sign": (POST + b"Content-Length: +2\r\n\r\n{}" + INSIDE, REFUSED),
    "a length in hex": (POST + b"Content-Length: 0x2\r\n\r\n{}" + INSIDE, REFUSED),
    "a length below zero": (POST + b"Content-Length: -2\r\n\r\n{}" + INSIDE, REFUSED),
    "a length of many digits": (POST + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n{}", REFUSED),
    "two lengths in one": (POST + b"Content-Length: 2, 2\r\n\r\n{}" + INSIDE, REFUSED),
    # Its end cannot be known; what has begun to be answered is only cut off.
    "another coding": (POST + b"Transfer-Encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + INSIDE, CUT),
    "chunked and then identity": (
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + INSIDE, REFUSED),
    "a chunk longer than it says": (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n" + INSIDE, None),
    "a chunk size that is none": (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n" + INSIDE, None),
    "a chunk of a size beyond all": (POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}", None),
    "a chunk below zero": (POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n" + INSIDE, None),
    "chunks with extensions and trailers": (
        POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\nHost: evil.com\r\n\r\n", [400]),
    "a body of a GET": (b"GET /livez HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello" + LAST, [200, 200]),
    "another host in the target": (b"GET http://evil.com/livez HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", [421]),
    "our host in the target": (
        b"GET http://localhost/livez HTTP/1.1\r\nHost: evil.com\r\nConnection: close\r\n\r\n", [200]),
    "a target with a user": (b"GET http://a:b@localhost/livez HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", [200]),
    "a target that is only a host": (b"GET http://localhost HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", REFUSED),
    "a target without a slash": (b"GET livez HTTP/1.1\r\n" + HOST + b"\r\n", REFUSED),
    "two hosts": (GET + HOST + b"Connection: close\r\n\r\n", REFUSED),
    "a target of no path": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", [404]),
    "a climbing target": (b"GET /../../etc/passwd HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", [404]),
    "a target of broken escapes": (b"GET /%ff%zz%00 HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", [404]),
    "bytes that are no text": (b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", None),
    "another protocol": (GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n" + INSIDE, [200]),
    "a WebSocket": (GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n", [200]),
    "another protocol with a body": (
        POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}" + INSIDE, None),
    "HTTP/1.0": (b"GET /livez HTTP/1.0\r\n\r\n", [200]),
    "a hundred requests at once": (GET * 0 + (GET + b"\r\n") * 99 + LAST, [200] * 100),
    "one refused among many": (GET + b"\r\n" + b"GET /nowhere HTTP/1.1\r\n" + HOST + b"\r\n" + LAST, [200, 404, 200]),
    "what follows the last": (LAST + INSIDE, [200]),
    "a body of brackets": (POST + b"Connection: close\r\nContent-Length: 100000\r\n\r\n" + b"[" * 100_000, [400]),
    "a body of 11 MB": (POST + b"Connection: close\r\nContent-Length: 11000000\r\n\r\n" + b" " * 11_000_000, [413]),
    "a chunked body of 11 MB": (
        POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"fffff\r\n" + b" " * 0xFFFFF + b"\r\n") * 11, [413]),
    "a body that never comes": (POST + b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", [100, 408]),
    "a request that ends early": (GET, [408]),
    "no word": (b"", CUT),
}  # fmt: skip


@pytest.fixture
async def served(start_gateway, monkeypatch):
    """Serve a gateway that waits for nothing long, open on loopback as it is by default."""
    for name in ("HEAD_SECONDS_MAX", "REST_SECONDS_MAX"):
        monkeypatch.setattr(connection, name, 1.0)
    monkeypatch.setattr(connection, "IDLE_SECONDS_MAX", 0.5)
    monkeypatch.setattr(bodies, "BODY_SECONDS_MAX", 0.5)
    gateway = await start_gateway()
    monkeypatch.setattr(gateway.front, "_own_host", "127.0.0.1")
    async with gateway.served() as client:
        yield client


async def answered(client, sent):
    """Send, and return the status of each answer until the connection ends, which it does in time."""
    async with asyncio.timeout(HANG_SECONDS_MAX), socket_to(client) as (reader, writer):
        asking = asyncio.ensure_future(drained(writer, sent))
        got = bytearray()
        try:
            while data := await reader.read(65536):
                got += data
        except ConnectionError:
            pass
        await asking
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", bytes(got))]


async def drained(writer, sent):
    try:
        writer.write(sent)
        await writer.drain()
    except ConnectionError:
        pass


async def check_nothing_failed(client):
    """Assert that no answer was 5xx, not even one that nobody was there to read."""
    counted = (await client.get("/metrics")).text
    assert 'status="4' in counted
    assert 'status="5' not in counted


async def test_forms(served):
    """Smuggled requests, odd chunks, odd targets, other protocols: the status of each answer, and how many there are."""
    found = {}
    for name, (sent, _) in CASES.items():
        found[name] = await answered(served, sent)
    expected = {name: found[name] if statuses is None else statuses for name, (_, statuses) in CASES.items()}
    assert found == expected
    # Where either answer is right, it is ours, not one of a request inside.
    undecided = [found[name] for name, (_, statuses) in CASES.items() if statuses is None]
    assert all(statuses in ([400], [408], []) for statuses in undecided), found
    await check_nothing_failed(served)


async def test_another_protocol_ends_the_connection(served):
    """An Upgrade is answered as the request it came with, which is the last: what follows is no HTTP."""
    async with asyncio.timeout(HANG_SECONDS_MAX), socket_to(served) as (reader, writer):
        writer.write(GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        assert b"connection: close" in await reader.readuntil(b"\r\n\r\n")


async def test_garbage(served):
    """Random bytes, and requests with some of their bytes changed, doubled or cut: no 5xx, no hang, and all goes on."""
    chance = random.Random(SEED)
    seeds = [sent for sent, _ in CASES.values() if 0 < len(sent) < 5000]

    def garbage():
        if chance.random() < 0.2:
            return chance.randbytes(chance.randrange(1, 2000))
        sent = bytearray(chance.choice(seeds))
        for _ in range(chance.randrange(1, 8)):
            place = chance.randrange(len(sent) + 1)
            match chance.randrange(4):
                case 0:
                    sent[place : place + chance.randrange(1, 9)] = chance.randbytes(chance.randrange(9))
                case 1:
                    sent[place:place] = chance.choice(
                        (b"\r\n", b"\0", b": ", b"\r\n\r\n", b"%", b"\xff", b" ", b"\t")
                    )
                case 2:
                    sent[place:place] = sent[place : place + chance.randrange(200)]
                case _:
                    del sent[place : place + chance.randrange(20)]
        return bytes(sent)

    for start in range(0, GARBAGE, 50):
        batch = [garbage() for _ in range(start, min(GARBAGE, start + 50))]
        for sent, statuses in zip(
            batch, await asyncio.gather(*(answered(served, sent) for sent in batch)), strict=True
        ):
            assert all(status < 500 for status in statuses), sent
    await check_nothing_failed(served)
