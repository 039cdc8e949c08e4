"""Answers that are not plainly JSON in UTF-8, and columns as a config asks for them."""

import datetime as dt
import json
from decimal import Decimal

import pytest
from support.web_server import web_server
from support.worker_process import table, worker_process

PAGES = {"pagination": {"type": "page_number"}}
CSV, NDJSON = {"content-type": "text/csv; charset=utf-8"}, {"content-type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    with worker_process(tmp_path_factory.mktemp("answers"), ORC_EGRESS_ALLOW="loopback") as worker:
        yield worker


@pytest.fixture
def answers(request):
    """Answer with these, page after page, then with a 404; return a config for it."""

    def serve(*said, headers=None, **more):
        def answer(asked):
            page = int(asked.query.get("page", 1)) - 1
            return (200, headers or {}, said[page]) if page < len(said) else (404, {}, b"")

        context = web_server(answer)
        server = context.__enter__()
        request.addfinalizer(lambda: context.__exit__(None, None, None))
        ends = {"response_actions": [{"status": 404, "action": "ignore"}]}
        return {"type": "api", "url": server.url, **(PAGES if len(said) > 1 else {}), **ends, **more}

    return serve


def test_csv_pages_are_one_table(worker, answers):
    """One header, quoted line ends, types told by every row of every page: a late fraction counts for all."""
    first = b"id;name;v;day\r\n" + b"".join(b"%d;x;1;2025-01-31\r\n" % n for n in range(30_000))
    second = b'id;name;v;day\r\n30000;"two\r\nlines; ""quoted""";1.5;2025-02-01'
    config = answers(first, second, headers=CSV)
    assert worker.load(config, table()) == 30_001
    assert worker.types() == {"id": "BIGINT", "name": "VARCHAR", "v": "DOUBLE", "day": "DATE"}
    assert worker.rows("SELECT * FROM t WHERE id >= 29999 ORDER BY id") == [
        (29999, "x", 1.0, dt.date(2025, 1, 31)),
        (30000, 'two\r\nlines; "quoted"', 1.5, dt.date(2025, 2, 1)),
    ]


@pytest.mark.parametrize("delimiter", [b",", b";", b"\t", b"|"])
def test_a_csv_header_tells_what_parts_its_names(worker, answers, delimiter):
    """What stands inside quotes does not count."""
    body = delimiter.join((b'"a,,;;\t\t||"', b"b", b"c")) + b"\n" + delimiter.join((b"1", b"2", b"3"))
    assert worker.load(answers(body, answer_type="csv"), table()) == 1
    assert worker.rows() == [(1, 2, 3)]


def test_a_csv_page_with_a_header_alone_ends_the_pages(worker, answers):
    """It has no rows."""
    assert worker.load(answers(b"a,b\n1,2\n\n3,4\n", b"a,b\n", b"a,b\n5,6\n", headers=CSV), table()) == 2


@pytest.mark.parametrize(
    ("pages", "message"),
    [
        ((b"a,b\n1,2\n", b"a,c\n3,4\n"), "a page has another CSV header than the first one"),
        ((b"a,b\n1,2\n3\n",), "line 3: Expected Number of Columns"),
        ((b'a,b\n1,"2\n',), "ends within quotes"),
        ((b"<!DOCTYPE html>\n<p>Log in, please",), "the answer is no CSV: it is HTML or XML"),
    ],
)
def test_csv_that_is_not_what_it_should_be(worker, answers, pages, message):
    """Another header, ragged rows, half a page, a page for people."""
    answer = worker.perform(answers(*pages, answer_type="csv"), table())
    assert answer.kind in {"wrong_shape", "source_malformed"}
    assert message in answer.message


def test_csv_appended_to_a_table_is_read_as_its_columns_are(worker, answers):
    """A code with zeros ahead stays one, though these look like numbers."""
    worker.load({"type": "inline", "rows": [{"code": "007", "n": 1.5}]}, table("codes"))
    append = table("codes", write_disposition="append")
    assert worker.load(answers(b"code,n\n12,3\n", headers=CSV), append) == 1
    assert worker.rows("SELECT * FROM codes") == [("007", 1.5), ("12", 3.0)]


@pytest.mark.parametrize(
    "body", [b'{"a":1}\n{"a":2}\n', b'\n{"a":1}\r\n\r\n{"a":2}', b'{\n "a": 1\n}\n{\n "a":\r\n 2\n}\n']
)
def test_records_a_line(worker, answers, body):
    """Blank lines are none, and a record may go over several."""
    assert worker.load(answers(body, headers=NDJSON), table()) == 2
    assert worker.load(answers(body, answer_type="jsonl"), table()) == 2
    assert worker.rows() == [(1,), (2,)]


@pytest.mark.parametrize(
    ("body", "message"),
    [(b'{"a":1}\n[2]\n', "not every line of the answer is an object"), (b'{"a":1}\n{"a"', "no JSON")],
)
def test_a_line_that_is_no_record(worker, answers, body, message):
    """Is said, without quoting it."""
    kind, said = worker.fail(answers(body, headers=NDJSON), table())
    assert (kind, message in said) == ("wrong_shape", True)


def test_a_path_does_not_lead_into_lines(worker, answers):
    """Where only the answer tells that it has lines."""
    kind, message = worker.fail(answers(b'{"a":1}\n', headers=NDJSON, records="$.data"), table())
    assert (kind, "and the answer is jsonl" in message) == ("wrong_shape", True)


TEXT = [{"name": "Ærøskøbing €"}]
LATIN = [{"name": "Ærøskøbing"}]


@pytest.mark.parametrize(
    ("records", "charset", "content_type"),
    [
        (TEXT, "utf-8-sig", "application/json"),
        (TEXT, "utf-16", "application/json"),
        (TEXT, "utf-16-le", "application/json; charset=UTF-16LE"),
        (TEXT, "utf-32", "text/plain"),
        (LATIN, "latin-1", 'application/json; charset="ISO-8859-1"'),
        (TEXT, "cp1252", "text/plain; x=1; charset=windows-1252"),
        (TEXT, "utf-8", "application/json; charset=us-ascii"),
    ],
)
def test_a_text_is_read_in_its_charset(worker, answers, records, charset, content_type):
    """A byte order mark counts before the Content-Type."""
    body = json.dumps(records, ensure_ascii=False).encode(charset)
    worker.load(answers(body, headers={"content-type": content_type}), table())
    assert worker.rows() == [(records[0]["name"],)]


@pytest.mark.parametrize("charset", ["zlib", "punycode", "unicode_escape", "nonsense", "\x80"])
def test_what_is_no_charset_is_refused(worker, answers, charset):
    """Python would know some of them: one is a bomb, one takes the square of the length."""
    kind, message = worker.fail(
        answers(b"[]", headers={"content-type": f"text/plain; charset={charset}"}), table()
    )
    assert (kind, "charset" in message) == ("wrong_shape", True)


RECORDS = json.dumps(
    [{"id": 1, "n": "1.0", "d": 1.5, "at": "2025-01-31", "tags": [1, 2], "x": {"y": [1]}}]
).encode()
TYPES = {
    "n": "integer",
    "d": "DECIMAL(10,1)",
    "at": "TIMESTAMP",
    "tags": "INT[]",
    "x": "JSON",
    "late": "VARCHAR",
}


def test_columns_have_the_types_that_the_config_gives(worker, answers):
    """One that no record has is there, and null."""
    worker.load(answers(RECORDS, columns=TYPES), table())
    assert worker.types() == {
        "id": "BIGINT", "n": "INTEGER", "d": "DECIMAL(10,1)", "at": "TIMESTAMP", "tags": "INTEGER[]", "x": "JSON",
        "late": "VARCHAR",
    }  # fmt: skip
    at = dt.datetime(2025, 1, 31)  # noqa: DTZ001 - as the table has it
    assert worker.rows() == [(1, 1, Decimal("1.5"), at, [1, 2], '{"y":[1]}', None)]


@pytest.mark.parametrize("headers", [None, CSV])
@pytest.mark.parametrize("value", ["1.5", "x"])
def test_a_value_that_is_not_of_the_given_type_is_an_error(worker, answers, headers, value):
    """Nothing is rounded to fit."""
    body = f"a,n\n1,{value}\n".encode() if headers else json.dumps([{"a": 1, "n": value}]).encode()
    answer = worker.perform(answers(body, headers=headers, columns={"n": "BIGINT"}), table())
    assert (answer.kind, value in answer.message) == ("source_malformed", True), answer


@pytest.mark.parametrize("number", ["[1.5]", "1.5"])
def test_a_number_that_is_not_whole_is_an_error(worker, answers, number):
    """Inside an array, too, where DuckDB alone would round it."""
    type_ = "BIGINT[]" if "[" in number else "BIGINT"
    answer = worker.perform(answers(b'[{"n": %s}]' % number.encode(), columns={"n": type_}), table())
    assert (answer.kind, f"{number} is not {type_}" in answer.message) == ("source_malformed", True), answer


def test_columns_are_chosen_and_renamed(worker, answers):
    """By their names in the source."""
    config = answers(RECORDS, select=["at", "ID"], rename={"id": "key"}, columns={"at": "DATE"})
    worker.load(config, table())
    assert worker.types() == {"at": "DATE", "key": "BIGINT"}
    kind, message = worker.fail(answers(RECORDS, select=["gone"]), table())
    assert (kind, "select names gone" in message) == ("wrong_shape", True)
