"""Hostile answers end the run with the limit's name; the worker lives (P30)."""

import gzip
import json
import threading
import zlib
from pathlib import Path

import pytest
from support.raw_server import raw_server
from support.web_server import web_server
from support.worker_process import table, worker_process

from orc_executor.frames import LoadLimits

SMALL = LoadLimits(page_bytes_max=1_000_000, spool_bytes_max=3_000_000)
MEBIBYTE = 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
ONCE = {"retries": {"tries_max": 1}}


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    with worker_process(tmp_path_factory.mktemp("hostile"), ORC_EGRESS_ALLOW="loopback") as worker:
        yield worker
        # Whatever was sent, it was this one process that took it.
        assert worker.load({"type": "inline", "rows": [{"a": 1}]}, table("alive")) == 1
        assert worker.process.poll() is None


def peak_bytes(worker):
    """Return the most memory that the worker ever had."""
    status = Path(f"/proc/{worker.process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def packed(size, times=1, wbits=31):
    """Pack so many spaces, again and again."""
    data = None
    for _ in range(times):
        packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
        if data is None:
            data = (
                b"".join(packer.compress(b" " * MEBIBYTE) for _ in range(size // MEBIBYTE)) + packer.flush()
            )
        else:
            data = packer.compress(data) + packer.flush()
    return data


BOMB = packed(1024 * MEBIBYTE)
BOMBS = {
    "gzip": ({"content-encoding": "gzip"}, BOMB, "larger than 1000000 bytes"),
    "deflate": ({"content-encoding": "deflate"}, packed(64 * MEBIBYTE, wbits=15), "larger than 1000000 bytes"),
    "raw deflate": ({"content-encoding": "deflate"}, packed(64 * MEBIBYTE, wbits=-15), "larger than 1000000 bytes"),
    "a gzip file": ({"content-type": "application/gzip"}, BOMB, "larger than 1000000 bytes"),
    "a gzip file, packed": ({"content-encoding": "gzip"}, packed(1024 * MEBIBYTE, 2), "larger than 1000000 bytes"),
    "gzip in gzip in gzip": ({"content-encoding": "gzip"}, packed(64 * MEBIBYTE, 3), "a gzip file within a gzip file"),
    "many encodings": ({"content-encoding": "gzip, gzip, gzip"}, packed(MEBIBYTE, 3), "packed 3 times, 1 is taken"),
    "what was not asked for": ({"content-encoding": "br"}, b"\x00", "is packed as br; asked for was gzip, deflate"),
    "cut short": ({"content-encoding": "gzip"}, gzip.compress(b"[]" * 100)[:-9], "ends too early"),
    "damaged": ({"content-encoding": "gzip"}, gzip.compress(b"[]")[:-8] + b"\0" * 8, "cannot be unpacked"),
    "no gzip": ({"content-encoding": "gzip"}, b"[]   ", "cannot be unpacked"),
}  # fmt: skip


@pytest.mark.parametrize(("headers", "body", "limit"), BOMBS.values(), ids=BOMBS.keys())
def test_what_is_packed_is_unpacked_no_further_than_the_limit(worker, headers, body, limit):
    """A gigabyte within a megabyte costs the worker no gigabyte."""
    with web_server(lambda asked: (200, headers, body)) as server:
        kind, message = worker.fail({"type": "api", "url": server.url}, table(), limits=SMALL)
    assert (kind, limit in message) == ("wrong_shape", True), message
    assert peak_bytes(worker) < 600 * MEBIBYTE


def test_what_is_packed_well_is_read(worker):
    """In several members, as a file, and both at once."""
    parts = [json.dumps([{"id": n} for n in range(1000)]).encode()]
    whole = parts[0]
    members = gzip.compress(whole[:100]) + gzip.compress(whole[100:])
    for headers, body in (
        ({"content-encoding": "gzip"}, members),
        ({}, members),
        ({"content-encoding": "x-gzip"}, gzip.compress(members)),
        ({"content-encoding": "deflate"}, zlib.compress(whole)),
        ({"content-encoding": "identity"}, whole),
    ):
        with web_server(lambda asked, said=(200, headers, body): said) as server:
            assert worker.load({"type": "api", "url": server.url}, table()) == 1000


def test_a_drip_ends_with_the_total_time(worker):
    """A byte now and then keeps a read from timing out, not the answer."""
    over = threading.Event()

    def drip(connection):
        connection.sendall(OK + b"content-length: 100000\r\n\r\n[")
        while not over.wait(0.05):
            connection.sendall(b" ")

    timeouts = {"timeouts": {"total_seconds": 0.5}}
    with raw_server(drip) as server:
        answer = worker.perform({"type": "api", "url": server.url, **timeouts}, table())
        over.set()
    assert (answer.kind, answer.retryable) == ("source_unavailable", True)
    assert answer.message.endswith(": the answer took longer than 0.5 s (timeouts.total_seconds)")


def test_silence_ends_with_the_read_timeout(worker):
    """Each try has its own; then the run may be tried again."""
    over = threading.Event()
    config = {"timeouts": {"read_seconds": 0.2}, "retries": {"tries_max": 2, "first_delay_seconds": 0}}
    with raw_server(lambda connection: over.wait(30)) as server:
        answer = worker.perform({"type": "api", "url": server.url, **config}, table())
        over.set()
    assert (answer.kind, "ReadTimeout" in answer.message, server.connections) == (
        "source_unavailable",
        True,
        2,
    )


def test_a_body_without_end_ends_at_the_limit(worker):
    """Chunk after chunk, no length announced."""

    def endless(connection):
        connection.sendall(OK + b"transfer-encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"10000\r\n" + b" " * 0x10000 + b"\r\n")

    with raw_server(endless) as server:
        kind, message = worker.fail({"type": "api", "url": server.url}, table(), limits=SMALL)
    assert (kind, "larger than 1000000 bytes" in message) == ("wrong_shape", True)


def test_a_length_that_is_too_much_is_not_waited_for(worker):
    """Ten gigabytes are announced, none is read."""
    over = threading.Event()

    def boast(connection):
        connection.sendall(OK + b"content-length: 10000000000\r\n\r\n[")
        over.wait(30)

    with raw_server(boast) as server:
        kind, message = worker.fail({"type": "api", "url": server.url}, table())
        over.set()
    assert (kind, "larger than 268435456 bytes: it is 10000000000" in message) == ("wrong_shape", True)


@pytest.mark.parametrize(
    "said",
    [
        OK + b"content-length: 100\r\n\r\n[]",
        OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\n5\r\n[",
        b"SSH-2.0-x\r\n",
        OK + b"x: " + b"y" * 200_000,
        b"",
    ],
)
def test_what_is_no_whole_http_is_unavailable(worker, said):
    """A length that is not kept, chunks that are none, headers without end, another protocol."""
    with raw_server(lambda connection: connection.sendall(said)) as server:
        kind, _ = worker.fail({"type": "api", "url": server.url, **ONCE}, table())
    assert kind == "source_unavailable"


BODIES = {
    "one value of many bytes": (b'[{"a":"' + b"x" * 2_000_000 + b'"}]', "larger than 1000000 bytes"),
    "deep arrays": (b"[" * 400_000, "nested too deeply"),
    "deep records": (b'[{"a":' + b"[" * 5000 + b"]" * 5000 + b"}]", "nested too deeply"),
    "deep objects": (b'[{"a":' * 5000 + b"1" + b"}]" * 5000, "nested too deeply"),
    "deeper than the engine goes": (b'[{"a":' + b"[" * 300 + b"]" * 300 + b"}]", "depth"),
    "invalid UTF-8": (b'[{"a":"\xff"}]', "the answer is not utf-8: byte 7"),
    "a lone surrogate, encoded": (b'[{"a":"\xed\xa0\x80"}]', "the answer is not utf-8"),
    "NUL": (b'[{"a":1}]\0', "no JSON"),
    "half": (b'[{"a":1},{"a"', "no JSON"),
    "HTML": (b"<!DOCTYPE html><p>Log in", "HTML or XML"),
    "a number with many digits": (b'[{"a":1' + b"0" * 5000 + b"}]", None),
}


@pytest.mark.parametrize(("body", "limit"), BODIES.values(), ids=BODIES.keys())
def test_what_a_body_says_does_not_break_the_worker(worker, body, limit):
    """JSON or not: it is an error that says why, or it is loaded."""
    with web_server(lambda asked: (200, {"content-type": "application/json"}, body)) as server:
        answer = worker.perform({"type": "api", "url": server.url}, table(), limits=SMALL)
        lines = {"type": "api", "url": server.url, "answer_type": "jsonl", "records": None}
        worker.perform(lines, table(), limits=SMALL)
    if limit is not None:
        assert (answer.kind in {"wrong_shape", "source_malformed"}, limit in answer.message) == (
            True,
            True,
        ), answer


def test_all_answers_together_have_a_limit(worker):
    """Of the scratch folder, however small each page is."""
    page = json.dumps([{"a": "x" * 900} for _ in range(1000)]).encode()
    with web_server(
        lambda asked: (200, {}, page.replace(b"x", b"%d" % (int(asked.query["page"]) % 10)))
    ) as server:
        config = {"type": "api", "url": server.url, "pagination": {"type": "page_number"}}
        kind, message = worker.fail(config, table(), limits=SMALL)
    assert (kind, "more than 3000000 bytes" in message) == ("wrong_shape", True)
