"""The first rows of a source and what a load would do, by a real worker; nothing is written."""

import os

import duckdb
import msgspec
import pytest
from support.web_server import web_server
from support.worker_process import INLINE, order, table, worker_process

from orc_executor.frames import Failed, LoadLimits, Previewed, PreviewOrder
from orc_executor.preview import COLUMNS_MAX, ROWS_BYTES_MAX
from orc_executor.preview_cells import CHARACTERS_MAX

CSV = {"type": "csv", "path": "a.csv"}
APPEND = table(write_disposition="append")


@pytest.fixture
def worker(tmp_path):
    with worker_process(tmp_path, ORC_EGRESS_ALLOW="loopback", ORC_SECRET_TOKEN="s3cret") as worker:
        yield worker


def ask(worker, extractor, loader=None, rows=20, **more):
    """Look at a source and return the answer."""
    task = order(extractor, loader or {"type": "discard"}, limits=LoadLimits(rows_wanted=rows), **more)
    worker.say(PreviewOrder(task, loader is not None))
    return worker.answer()


def look(worker, extractor, loader=None, rows=20):
    answer = ask(worker, extractor, loader, rows)
    assert isinstance(answer, Previewed), answer
    return answer.preview


def rows_of(preview):
    return [msgspec.json.decode(row) for row in preview.rows]


def files_of(folder):
    return {
        path.relative_to(folder): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if ".scratch" not in path.parts
    }


def load_table(folder, sql):
    """Make a target as a user may have it: a plain DuckDB file."""
    with duckdb.connect(str(folder / "out.duckdb")) as connection:
        connection.execute(sql)


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


def test_nothing_is_written(worker, tmp_path):
    """Neither a folder, a file, a lock, nor a receipt is made for a target that is not there."""
    loader = table() | {"db_path": "deep/er/out.duckdb"}
    before = files_of(tmp_path)
    target = look(worker, INLINE, loader).target
    assert (target.exists, target.would) == (False, ("make table t with a BIGINT",))
    assert files_of(tmp_path) == before


def test_a_target_is_left_as_it_is(worker, tmp_path):
    """A file that is there is only read, with our lock or without one; a load after it is the first."""
    load_table(tmp_path, "CREATE TABLE t (a BIGINT)")
    before = files_of(tmp_path)
    assert look(worker, INLINE, APPEND).target.exists
    assert files_of(tmp_path) == before
    assert worker.load(INLINE, APPEND) == 2
    before = files_of(tmp_path)
    assert look(worker, INLINE, APPEND).target.exists
    assert files_of(tmp_path) == before
    assert os.access(tmp_path / "out.duckdb", os.W_OK)


def test_what_a_replace_would_do(worker, tmp_path):
    """The rows are replaced, and columns become those of the source."""
    load_table(tmp_path, "CREATE TABLE t (A INTEGER, gone VARCHAR)")
    target = look(worker, {"type": "inline", "rows": [{"a": 1, "note": "x"}]}, table()).target
    assert target.would == (
        "add column note VARCHAR to table t",
        "drop column gone of table t",
        "make column a of table t BIGINT, it is INTEGER",
    )


NESTED = {"id": 1, "note": "x", "items": [{"sku": "a"}]}


def test_what_an_append_would_do(worker, tmp_path):
    """The table keeps its columns, gets new ones, and wider ones; the load after it does just that."""
    load_table(tmp_path, "CREATE TABLE t (id TINYINT, gone VARCHAR)")
    source = {"type": "inline", "rows": [{"id": 1, "note": "x"}, {"id": 100_000, "note": "y"}]}
    assert look(worker, source, APPEND).target.would == (
        "add column note VARCHAR to table t",
        "make column id of table t BIGINT, it is TINYINT",
    )
    assert worker.load(source, APPEND) == 2
    assert worker.types() == {"id": "BIGINT", "gone": "VARCHAR", "note": "VARCHAR"}


def test_tables_of_nested_rows(worker, tmp_path):
    """A table of its own for each array is told, with the columns that join them."""
    loader, source = APPEND | {"nested": "child_tables"}, {"type": "inline", "rows": [NESTED]}
    assert look(worker, source, loader).target.would == (
        "make table t with id BIGINT, note VARCHAR, _orc_id VARCHAR",
        "make table t__items with sku VARCHAR, _orc_id VARCHAR, _orc_parent_id VARCHAR, _orc_list_index BIGINT",
    )
    assert worker.load(source, loader) == 1
    assert look(worker, source, loader).target.would == ()


@pytest.mark.parametrize(
    ("more", "would"),
    [
        (
            {"schema_contract": {"columns": "freeze"}},
            "refuse: the rows do not fit table t: the rows have no column gone; the table has no column a",
        ),
        (
            {"write_disposition": "merge", "primary_key": ["nope"]},
            "refuse: primary_key names nope, the rows have no such column",
        ),
    ],
)
def test_what_would_be_refused(worker, tmp_path, more, would):
    """What the contract or a key forbids is told in the words that the load would fail with."""
    load_table(tmp_path, "CREATE TABLE t (gone VARCHAR)")
    assert look(worker, INLINE, APPEND | more).target.would == (would,)
    assert worker.fail(INLINE, APPEND | more)[1] == would.removeprefix("refuse: ")


def test_checks_are_for_the_whole(worker):
    """A check is about all rows, so a preview of the first says nothing of it."""
    loader = table(checks=[{"type": "row_count", "min": 100}])
    assert look(worker, INLINE, loader).target.would == ("make table t with a BIGINT",)


def test_a_view_is_refused(worker, tmp_path):
    """What stands under the table's name and is none would be refused, and it is told before."""
    load_table(tmp_path, "CREATE VIEW t AS SELECT 1 AS a")
    assert look(worker, INLINE, table()).target.would == ("refuse: out.duckdb: t is a view, not a table",)


def test_a_file_that_is_none(worker, tmp_path):
    """A target that is no database would be refused."""
    (tmp_path / "out.duckdb").write_bytes(b"x" * 20_000)
    (would,) = look(worker, INLINE, table()).target.would
    assert would.startswith("refuse: out.duckdb: ")


def test_a_target_that_others_have_open(worker, tmp_path):
    """Rows are shown all the same; of the target nothing is known."""
    with duckdb.connect(str(tmp_path / "out.duckdb")) as connection:
        connection.execute("CREATE TABLE t (a BIGINT)")
        preview = look(worker, INLINE, table())
    assert (preview.target.exists, preview.target.would, len(preview.rows)) == (None, (), 2)
    assert preview.warnings == ("out.duckdb is being loaded: what would change in it is not known now",)


def test_a_path_that_may_not_be_used(worker):
    """A target outside the data folder is refused as it is for a load."""
    answer = ask(worker, INLINE, table() | {"db_path": "/etc/out.duckdb"})
    assert answer.kind == "path_refused"
