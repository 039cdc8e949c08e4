"""What an answer may cost in memory, beyond its own size."""

import threading

import pytest
from support.web_server import web_server
from support.worker_process import table, worker_process

from orc_executor.errors import WrongShape
from orc_executor.extractors.api.answers import Answer
from orc_executor.extractors.api.held import ANSWERS_MAX, Held, Hold
from orc_executor.extractors.json import bounds as json_bounds
from orc_executor.extractors.json.records import ROOT, JsonPath, line_records, records, value
from orc_executor.frames import LoadLimits


@pytest.fixture
def few(monkeypatch):
    """Take no more than 10 records apart."""
    monkeypatch.setattr(json_bounds, "RECORDS_MAX", 10)
    monkeypatch.setattr(json_bounds, "_COUNT_FROM_BYTES", 20)
    monkeypatch.setattr(json_bounds, "QUERIED_BYTES_MAX", 100)
    monkeypatch.setattr(json_bounds, "VALUE_BYTES_MAX", 100)


DENSE = b'{"v":[' + b"1," * 50 + b"1]}"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[" + b"{}," * 11 + b"{}]", "more than 10 objects in one answer"),
        (b"[" + b"1," * 50 + b"1]", "not every record at $ is an object"),
        (b"[{}," + b"1," * 50 + b"1]", "not every record at $ is an object"),
    ],
)
def test_what_is_too_many_is_not_taken_apart(few, body, message):
    """A hundred million of them fit into an answer, and ten gigabytes would not do for their objects."""
    with pytest.raises(WrongShape) as raised:
        records(body, ROOT)
    assert message in str(raised.value)
    assert records(b"[" + b",".join([DENSE] * 3) + b"]", ROOT).count == 3


def test_lines_are_counted_too(few):
    """By their ends."""
    with pytest.raises(WrongShape, match="more than 10 objects"):
        line_records(b"{}\n" * 11)
    with pytest.raises(WrongShape, match="not every line"):
        line_records(b"1\n" * 50)
    assert line_records(DENSE + b"\n" + DENSE).count == 2


def test_what_is_searched_is_not_large(few):
    """A path that is more than names takes the answer decoded; names lead anywhere."""
    body = b'{"a":[' + b"{}," * 50 + b"{}]}"
    for use in (records, value):
        with pytest.raises(WrongShape, match="larger than the 100 bytes that are searched"):
            use(body, JsonPath.parse("$..a", "x"))
    assert value(body, JsonPath.parse("$.b", "x")) is None
    with pytest.raises(WrongShape, match=r"at \$\.a are more than 100 bytes"):
        value(body, JsonPath.parse("$.a", "x"))


def test_answers_count_until_nobody_has_them():
    """One that is not kept counts no longer than its block."""
    held = Held(10)
    with Hold(held, "it") as hold:
        hold.take(5)
        answer = Answer(b"", "")
        hold.keep(answer)
    assert held.bytes == 5
    with (
        pytest.raises(WrongShape, match="it: the answers under way are larger than 40 bytes together"),
        Hold(held, "it") as hold,
    ):
        hold.take(36)
    assert held.bytes == 5
    del answer
    assert held.bytes == 0


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    with worker_process(tmp_path_factory.mktemp("sizes"), ORC_EGRESS_ALLOW="loopback") as worker:
        yield worker


def test_answers_under_way_have_a_limit_together(worker):
    """Each may be as large as it is, all of them at once may not; with fewer at once they are all read."""
    together, first = threading.Barrier(8), b'{"pages":9,"data":[{"n":%d,"pad":"' + b"x" * 900_000 + b'"}]}'

    def answer(asked, *, wait):
        page = int(asked.query["page"])
        if wait and page > 1:
            together.wait(20)
        return 200, {}, first % page

    pages = {"records": "$.data", "pagination": {"type": "page_number", "total_pages": "$.pages"}}
    limits = LoadLimits(page_bytes_max=1_000_000)
    with web_server(lambda asked: answer(asked, wait=True)) as server:
        kind, message = worker.fail({"type": "api", "url": server.url, **pages}, table(), limits=limits)
    assert (kind, f"larger than {ANSWERS_MAX * 1_000_000} bytes together" in message) == ("wrong_shape", True)
    with web_server(lambda asked: answer(asked, wait=False)) as server:
        config = {"type": "api", "url": server.url, "concurrency": 2, **pages}
        assert worker.load(config, table(), limits=limits) == 9
