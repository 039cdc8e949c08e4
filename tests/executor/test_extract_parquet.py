"""Parquet files: whole ones load with their types, broken ones say which."""

import duckdb
import pytest
from support.worker_process import DISCARD, table, worker_process


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    with worker_process(tmp_path_factory.mktemp("parquet")) as worker:
        yield worker


def write(worker, name, query):
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{worker.data_dir / name}' (FORMAT parquet)")
    return (worker.data_dir / name).read_bytes()


def test_a_file_loads_with_its_own_types(worker):
    """Nothing is guessed."""
    write(worker, "x.parquet", "SELECT 1::TINYINT AS a, '007' AS b, [1, 2] AS c, DATE '2026-01-02' AS d")
    assert worker.load({"type": "parquet", "path": "x.parquet"}, table()) == 1
    assert list(worker.types().values()) == ["TINYINT", "VARCHAR", "INTEGER[]", "DATE"]


def test_several_files_load_as_one(worker):
    """By a pattern; the size told is theirs together."""
    sizes = [len(write(worker, f"p{n}.parquet", f"SELECT {n} AS n")) for n in range(3)]
    answer = worker.perform({"type": "parquet", "path": "p?.parquet"}, table())
    assert (answer.result.rows, answer.result.bytes) == (3, sum(sizes))
    assert sorted(worker.rows()) == [(0,), (1,), (2,)]


def test_a_broken_file_is_named_and_the_table_stays(worker):
    """Empty, cut off, something else, or with a footer that lies."""
    whole = write(worker, "whole.parquet", "SELECT range AS n FROM range(10000)")
    worker.load({"type": "inline", "rows": [{"before": 1}]}, table())
    for content, reason in (
        (b"", "the file is empty"),
        (whole[:-100], "is a truncated Parquet file: it breaks off after"),
        (b"PAR1" * 2, "is a truncated Parquet file"),
        (b"a,b\n1,2\n", "is not a Parquet file"),
        (whole[:-60] + b"\xff" * 52 + whole[-8:], ""),
    ):
        (worker.data_dir / "x.parquet").write_bytes(content)
        for loader in (table(), DISCARD):
            kind, message = worker.fail({"type": "parquet", "path": "x.parquet"}, loader)
            assert (kind, message[:9]) == ("source_malformed", "x.parquet")
            assert reason in message
    assert worker.rows() == [(1,)]
