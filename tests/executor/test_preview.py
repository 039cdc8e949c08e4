"""The first rows of a source, by a real worker."""

import duckdb
import msgspec
import pytest
from support.previewing import ask, look, rows_of
from support.web_server import web_server
from support.worker_process import INLINE, table, worker_process

from orc_executor.frames import Failed
from orc_executor.preview import COLUMNS_MAX, ROWS_BYTES_MAX
from orc_executor.preview_cells import CHARACTERS_MAX

CSV = {"type": "csv", "path": "a.csv"}


@pytest.fixture
def worker(tmp_path):
    with worker_process(tmp_path, ORC_EGRESS_ALLOW="loopback", ORC_SECRET_TOKEN="s3cret") as worker:
        yield worker


def test_the_first_rows_of_a_file(worker, tmp_path):
    """Columns with the types they would be loaded as, the first rows in order, and what was read for it."""
    (tmp_path / "a.csv").write_text("id,name,at\n1,x,2026-01-01\n2,,2026-01-02\n3,z,2026-01-03\n")
    preview = look(worker, CSV, rows=2)
    assert [(column.name, column.type) for column in preview.columns] == [
        ("id", "BIGINT"), ("name", "VARCHAR"), ("at", "DATE"),
    ]  # fmt: skip
    assert rows_of(preview) == [
        {"id": 1, "name": "x", "at": "2026-01-01"}, {"id": 2, "name": None, "at": "2026-01-02"},
    ]  # fmt: skip
    source = preview.source
    assert (preview.is_complete, source.rows_seen, source.files, source.requests) == (False, 2, 1, None)
    assert (source.bytes, preview.target.exists, preview.warnings) == (
        (tmp_path / "a.csv").stat().st_size,
        None,
        (),
    )
    assert look(worker, CSV, rows=3).is_complete


def test_a_type_that_flips_within_the_rows(worker, tmp_path):
    """A value among the rows that does not fit the sampled type settles the type as a load would."""
    lines = [f"{n}\n" for n in range(200_000)]
    (tmp_path / "a.csv").write_text("id\n" + "".join(lines) + "x\n")
    assert rows_of(look(worker, CSV, rows=1)) == [{"id": 0}]
    assert worker.load(CSV, table()) == 200_001


def test_an_api_is_asked_for_no_more_than_it_takes(worker):
    """Pages are fetched until there are rows enough; the cursor of a run that was loaded counts for nothing."""

    def answer(asked):
        page = int(asked.query["page"])
        return [{"id": 10 * page + n} for n in range(10)]

    pages = {"type": "page_number", "page_param": "page"}
    with web_server(answer) as server:
        preview = look(worker, {"type": "api", "url": server.url, "pagination": pages}, rows=15)
        assert [asked.query["page"] for asked in server.asked] == ["1", "2"]
    assert [row["id"] for row in rows_of(preview)] == list(range(10, 25))
    assert (preview.is_complete, preview.source.requests, preview.source.rows_seen) == (False, 2, 20)


def test_an_api_that_has_less(worker):
    """An API that ends before the limit is shown whole."""
    with web_server(lambda _: [{"id": 1}, {"id": 2}]) as server:
        preview = look(worker, {"type": "api", "url": server.url})
    assert (rows_of(preview), preview.is_complete) == ([{"id": 1}, {"id": 2}], True)


def test_no_rows(worker):
    """A source without rows has no columns to tell, and says so."""
    preview = look(worker, {"type": "inline", "rows": []}, table())
    assert (preview.columns, preview.rows, preview.is_complete) == ((), (), True)
    assert preview.warnings == ("the source has no rows",)


VALUES = """
    SELECT 'NaN'::DOUBLE AS a, 18446744073709551615::UBIGINT AS b, 1.10::DECIMAL(9, 2) AS c,
        [1, NULL] AS d, {'k': 'Infinity'::DOUBLE} AS e, 9007199254740993 AS f, '"é'::VARCHAR AS g
"""


def test_values_keep_their_precision(worker, tmp_path):
    """Whole numbers and decimals are written out; what JSON has no number for is a text."""
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({VALUES}) TO '{tmp_path / 'a.parquet'}' (FORMAT parquet)")
    (row,) = look(worker, {"type": "parquet", "path": "a.parquet"}).rows
    text = bytes(row).decode()
    assert text.startswith('{"a":"nan","b":18446744073709551615,')
    assert '"c":1.10,"d":[1,null],"e":"{' in text
    assert text.endswith('"f":9007199254740993,"g":"\\"é"}')


def test_long_values_are_cut(worker, tmp_path):
    """A long text, and a long list, end in an ellipsis."""
    with duckdb.connect() as connection:
        long = "SELECT repeat('é', 10_000) AS a, range(10_000) AS b"
        connection.execute(f"COPY ({long}) TO '{tmp_path / 'a.parquet'}' (FORMAT parquet)")
    (row,) = rows_of(look(worker, {"type": "parquet", "path": "a.parquet"}))
    assert row["a"] == "é" * CHARACTERS_MAX + "…"
    assert (row["b"][:7], row["b"][-1], len(row["b"])) == ("[0,1,2,", "…", CHARACTERS_MAX + 1)


def test_a_wide_source_is_bounded(worker, tmp_path):
    """Of very many columns the first are shown, rows only as far as they fit; both are said."""
    names = [f"column_{n}" for n in range(10_000)]
    body = ",".join("x" * 90 for _ in names)
    (tmp_path / "a.csv").write_text("\n".join([",".join(names), *[body] * 50]))
    preview = look(worker, CSV, table(), rows=1000)
    assert len(preview.columns) == COLUMNS_MAX
    assert 0 < sum(map(len, preview.rows)) <= ROWS_BYTES_MAX
    assert not preview.is_complete
    assert preview.warnings == (
        "there are 10000 columns; the first 1000 are shown",
        f"the rows are long: {len(preview.rows)} of them fit 512 KiB",
    )


def test_a_secret_that_comes_back(worker):
    """A source that sends back what it was sent shows no secret: not in a value, a name, nor as part of either."""

    def answer(asked):
        said = asked.headers["authorization"]
        return [{"said": said, said: 1, "deep": [{"k": f"<{said}>"}]}]

    auth = {"type": "bearer", "token": {"secret": "token"}}
    with web_server(answer) as server:
        preview = look(worker, {"type": "api", "url": server.url, "auth": auth}, table())
    assert b"s3cret" not in msgspec.json.encode(preview)
    assert rows_of(preview) == [{"said": "Bearer ***", "Bearer ***": 1, "deep": [{"k": "<Bearer ***>"}]}]


def test_a_source_that_cannot_be_read(worker, tmp_path):
    """It fails as a task would, naming file and line; the worker goes on."""
    (tmp_path / "a.csv").write_text("id,name\n1,x\n2\n")
    answer = ask(worker, CSV)
    assert isinstance(answer, Failed)
    assert (answer.kind, answer.message.startswith("a.csv, line 3: ")) == ("source_malformed", True)
    assert ask(worker, {"type": "csv", "path": "none.csv"}).kind == "source_missing"
    assert look(worker, INLINE).is_complete


def test_it_takes_too_long(worker):
    """A source that drips is given up in time."""
    with web_server(lambda _: (200, {"content-length": "1000000"}, b"[")) as server:
        answer = ask(worker, {"type": "api", "url": server.url}, task_timeout_seconds=0.5)
    assert (answer.kind, look(worker, INLINE).is_complete) == ("task_timeout", True)
