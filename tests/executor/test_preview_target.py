"""What a load would do to its target, by a real worker; nothing is written."""

import os
from pathlib import Path

import duckdb
import pytest
from support.previewing import ask, files_of, load_table, look, rows_of
from support.worker_process import INLINE, table, worker_process

CSV = {"type": "csv", "path": "a.csv"}
APPEND = table(write_disposition="append")


@pytest.fixture
def worker(tmp_path):
    with worker_process(tmp_path) as worker:
        yield worker


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


def test_a_column_that_would_widen(worker, tmp_path):
    """A file is read as the table's columns are; a value that does not fit widens them as the load would."""
    load_table(tmp_path, "CREATE TABLE t (id TINYINT)")
    (tmp_path / "a.csv").write_text("id\n1\n100000\n")
    preview = look(worker, CSV, APPEND)
    assert preview.target.would == ("make column id of table t BIGINT, it is TINYINT",)
    assert rows_of(preview) == [{"id": 1}, {"id": 100_000}]
    assert worker.load(CSV, APPEND) == 2
    assert worker.types() == {"id": "BIGINT"}


def test_what_a_crash_left_stays(worker, tmp_path):
    """A log beside the file is read and not written into it: that is for a load to do."""
    own = tmp_path / "own.duckdb"
    with duckdb.connect(str(own)) as connection:
        connection.execute("CREATE TABLE t (a BIGINT)")
        for end in ("", ".wal"):
            (tmp_path / f"out.duckdb{end}").write_bytes((tmp_path / f"own.duckdb{end}").read_bytes())
    before = files_of(tmp_path)
    assert Path("out.duckdb.wal") in before
    assert look(worker, INLINE, APPEND).target.exists
    assert files_of(tmp_path) == before


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
