"""Pages in files of the scratch folder, and the types that are seen in them while more are fetched."""

import asyncio
import json

import pytest
from support.web_server import web_server
from support.worker_process import table, worker_process

from orc_executor.errors import WrongShape
from orc_executor.extractors.api.seen_types import SeenTypes, unite
from orc_executor.extractors.api.spool import SEGMENT_BYTES, Spool
from orc_executor.extractors.json.records import Records

PAGES = {"type": "page_number", "total_pages": "$.pages"}


def page(*records):
    return Records(b"\n".join(json.dumps(record).encode() for record in records), len(records))


def rows(*lines):
    return Records(b"\r\n".join(lines), len(lines), b"a,b", b"\r\n")


def test_json_goes_into_one_file_after_the_other(tmp_path):
    """A file that is whole is handed back, and each is called by what came before it."""
    with Spool(tmp_path, 1000, "it", segment_bytes=20) as spool:
        whole = [spool.add(page({"a": n}, {"a": n})) for n in range(3)]
    first, second = (tmp_path / name for name in ("records-00000000", "records-00000001"))
    assert whole == [None, first, None]
    assert (first.read_bytes(), second.read_bytes()) == (
        b'{"a": 0}\n{"a": 0}\n{"a": 1}\n{"a": 1}\n',
        b'{"a": 2}\n{"a": 2}\n',
    )
    assert dict(spool.names()) == {str(first): "it", str(second): "it, after record 4"}


def test_csv_is_one_file_with_one_header(tmp_path):
    """Whatever its size; pages without rows leave nothing."""
    with Spool(tmp_path, 1000, "it", segment_bytes=5) as spool:
        assert [spool.add(one) for one in (rows(), rows(b"1,2"), rows(b"3,4", b"5,6"))] == [None] * 3
    assert (tmp_path / "records-00000000").read_bytes() == b"a,b\r\n1,2\r\n3,4\r\n5,6\r\n"


def test_pages_of_two_forms_are_an_error(tmp_path):
    """And so are more bytes than there may be."""
    for pages in ((page({"a": 1}), rows(b"1,2")), (rows(b"1,2"), page({"a": 1}))):
        with Spool(tmp_path, 1000, "it") as spool:
            spool.add(pages[0])
            with pytest.raises(WrongShape, match="it: a page has another form"):
                spool.add(pages[1])
    with Spool(tmp_path, 10, "it") as spool, pytest.raises(WrongShape, match="it: more than 10 bytes"):
        spool.add(page({"a": 1000}))


@pytest.mark.parametrize(
    ("found", "united"),
    [
        ([], None),
        ([{"a": "BIGINT"}, {"b": "DATE", "a": "BIGINT"}], {"a": "BIGINT", "b": "DATE"}),
        ([{"a": '"NULL"'}, {"a": "BIGINT"}, {"a": '"NULL"'}], {"a": "BIGINT"}),
        ([{"a": '"NULL"'}, {"a": '"NULL"'}], {"a": '"NULL"'}),
        ([{"a": "BIGINT"}, {"a": "DOUBLE"}], None),
        ([{"a": "STRUCT(x BIGINT)"}, {"a": "STRUCT(x BIGINT, y BIGINT)"}], None),
    ],
)
def test_types_are_taken_where_all_files_agree(found, united):
    """What is null throughout agrees with anything; what differs is left to a look at all of it."""
    assert unite(found) == united


async def test_a_look_that_fails_says_nothing(tmp_path):
    """The scan meets the same, and says it."""
    good, bad = tmp_path / "records-0", tmp_path / "records-1"
    good.write_text('{"a":1}\n')
    bad.write_text('{"a":' + "[" * 200 + "]" * 200 + "}\n")
    seen = SeenTypes()
    try:
        assert not seen.is_begun
        seen.look_at(good)
        assert (seen.is_begun, await seen.united()) == (True, {"a": "BIGINT"})
        seen.look_at(bad)
        assert await seen.united() is None
    finally:
        seen.close()


async def test_no_more_is_looked_at_once_it_is_closed(tmp_path):
    """A stop waits for one file at most."""
    file = tmp_path / "records-0"
    file.write_text('{"a":"2025-01-01"}\n' * 100_000)
    seen = SeenTypes()
    for _ in range(5):
        seen.look_at(file)
    seen.close()
    ended = await asyncio.gather(*seen._looks, return_exceptions=True)
    assert [isinstance(one, asyncio.CancelledError) for one in ended][1:] == [True] * 4


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    with worker_process(tmp_path_factory.mktemp("spool"), ORC_EGRESS_ALLOW="loopback") as worker:
        yield worker


@pytest.mark.parametrize("late", [{"v": 1.5, "new": [1]}, {"v": 2}])
def test_a_record_far_down_counts_for_the_types(worker, late):
    """In a file of its own, after more than was looked at by then; the order of records stays."""
    pad, last = "x" * (SEGMENT_BYTES // 200), 9

    def answer(asked):
        number = int(asked.query["page"])
        found = [{"n": number * 100 + k, "v": 1, "pad": pad} for k in range(30)]
        return {
            "data": [*found, {"n": number * 100 + 99, **late}] if number == last else found,
            "pages": last,
        }

    with web_server(answer) as server:
        config = {"type": "api", "url": server.url, "records": "$.data", "pagination": PAGES}
        assert worker.load(config, table()) == 271
    types = worker.types()
    assert (types["v"], types.get("new")) == (("DOUBLE", "BIGINT[]") if "new" in late else ("BIGINT", None))
    found = [n for (n,) in worker.rows("SELECT n FROM t")]
    assert (found == sorted(found), worker.rows("SELECT v FROM t WHERE n = 999")) == (True, [(late["v"],)])


def test_a_broken_record_far_down_is_told_with_its_place(worker):
    """By the number of records before its file."""
    pad = b"x" * (SEGMENT_BYTES // 20)

    def answer(asked):
        good = [b'{"a":%s,"pad":"%s"}' % (asked.query["page"].encode(), pad)] * 10
        bad = [b'{"a":1}', b'{"a":1,"a":2}']
        return 200, {}, b'{"pages":3,"data":[%s]}' % b",".join(bad if asked.query["page"] == "3" else good)

    with web_server(answer) as server:
        config = {"type": "api", "url": server.url, "records": "$.data", "pagination": PAGES}
        kind, message = worker.fail(config, table())
    assert (kind, message.startswith(f"the answer of {server.url}, after record 20, record 2: ")) == (
        "wrong_shape",
        True,
    ), message
