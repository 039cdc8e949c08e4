"""CSV files as users have them: what loads, as what, and what an error says."""

import gzip

import pyarrow as pa
import pytest
from support.worker_process import DISCARD, table, worker_process

LATER = 150_000
"""Rows after which the sample is over, in a file too big to be looked at whole at once."""


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    with worker_process(tmp_path_factory.mktemp("csv")) as worker:
        yield worker


@pytest.fixture
def load(worker):
    """Write a file, load it, and return rows and types."""

    def load(content, name="x.csv", **config):
        data = content if isinstance(content, bytes) else content.encode()
        (worker.data_dir / name).write_bytes(data)
        worker.load({"type": "csv", "path": name, **config}, table())
        return worker.rows(), list(worker.types().values())

    return load


@pytest.fixture
def fail(worker):
    """Write a file, fail to load it, and return (kind, message); the table must be as before."""

    def fail(content, name="x.csv", loader=None, **config):
        data = content if isinstance(content, bytes) else content.encode()
        (worker.data_dir / name).write_bytes(data)
        worker.load({"type": "inline", "rows": [{"before": 1}]}, table())
        failed = worker.fail({"type": "csv", "path": name, **config}, loader or table())
        assert worker.rows() == [(1,)]
        return failed

    return fail


def late(value, early="{}"):
    """Numbers for long enough to settle the type, then `value`."""
    return "id,v\n" + "".join(f"{n},{early.format(n)}\n" for n in range(LATER)) + f"{LATER},{value}\n"


@pytest.mark.parametrize(
    ("content", "config", "rows", "types"),
    [
        ("a,b\n1,x\n", {}, [(1, "x")], ["BIGINT", "VARCHAR"]),
        ("\ufeffa;b\r\n1;x\r\n", {"delimiter": ";"}, [(1, "x")], ["BIGINT", "VARCHAR"]),
        ('a,b\n1,"x ""y"", z\nw"\n', {}, [(1, 'x "y", z\nw')], ["BIGINT", "VARCHAR"]),
        ("a||b\n1||x\n", {"delimiter": "||"}, [(1, "x")], ["BIGINT", "VARCHAR"]),
        ("a,b\nNA,1\n2,NA\n", {"null_values": ["NA"]}, [(None, 1), (2, None)], ["BIGINT", "BIGINT"]),
        ("a,b\n,1\n2,\n", {}, [(None, 1), (2, None)], ["BIGINT", "BIGINT"]),
        ("zip,d\n007,2026-01-02\n123,2026-02-03\n", {}, None, ["VARCHAR", "DATE"]),
        ("a,b\n", {}, [], ["VARCHAR", "VARCHAR"]),
        ("a,b", {}, [], ["VARCHAR", "VARCHAR"]),
        ("a,b\n1.10,2\n", {"columns": {"a": "DECIMAL(9,2)", "b": "TINYINT"}}, None, ["DECIMAL(9,2)", "TINYINT"]),
        ("a,b\n\n1,2\n\n", {}, [(1, 2)], ["BIGINT", "BIGINT"]),
        ("a\n1\n", {}, [(1,)], ["BIGINT"]),
    ],
)  # fmt: skip
def test_what_loads(load, content, config, rows, types):
    """Quotes, line ends, delimiters, nulls, a header alone, types by the file and by the config."""
    found, found_types = load(content, **config)
    assert found_types == types
    assert rows is None or found == rows


def test_compressed_files_load_by_their_extension(load):
    """Gzip and zstd."""
    content = b"a,b\n1,x\n"
    assert load(gzip.compress(content), name="x.csv.gz")[0] == [(1, "x")]
    assert load(pa.compress(content, codec="zstd", asbytes=True), name="x.csv.zst")[0] == [(1, "x")]


def test_column_names_are_whatever_the_header_says(load, worker):
    """Quotes and SQL in them are text; names that differ by nothing but case are numbered, missing ones named."""
    load('"a""b",\'; DROP TABLE t; --,id,ID,\n1,2,3,4,5\n')
    assert list(worker.types()) == ['a"b', "'; DROP TABLE t; --", "id", "ID_1", "column4"]
    assert worker.rows() == [(1, 2, 3, 4, 5)]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("1.5", [("0.0",), ("1.5",)]),
        ("007", [("0",), ("007",)]),
        ("word", [("0",), ("word",)]),
        ("99999999999999999999", [("0",), ("99999999999999999999",)]),
        ("", [("0",), (None,)]),
    ],
)
def test_a_value_that_the_sample_did_not_foresee_is_kept_whole(load, worker, value, kept):
    """DuckDB by itself would round it, take its zeros, or give up."""
    load(late(value))
    assert worker.rows(f"SELECT v::VARCHAR FROM t WHERE id IN (0, {LATER}) ORDER BY id") == kept


def test_a_time_of_day_after_many_dates_is_kept(load, worker):
    """DuckDB by itself would drop it."""
    load(late("2026-01-02 11:12:13", early="2026-01-01"))
    assert worker.rows(f"SELECT v::VARCHAR FROM t WHERE id = {LATER}") == [("2026-01-02 11:12:13",)]


@pytest.mark.parametrize(
    ("content", "config", "message"),
    [
        ("a,b\n1,2\n3\n", {}, "x.csv, line 3: Expected Number of Columns: 2 Found: 1 (the line: 3)"),
        ("a,b\n1,2\n3,4,5\n", {}, "x.csv, line 3: Expected Number of Columns: 2 Found: 3 (the line: 3,4,5)"),
        ("a,b,c\n1,2\n3,4\n", {}, "x.csv, line 2: Expected Number of Columns: 3 Found: 2 (the line: 1,2)"),
        ("a,b\n1,2,3\n4,5,6\n", {}, "x.csv, line 2: Expected Number of Columns: 2 Found: 3 (the line: 1,2,3)"),
        ("a\n1,2\n", {}, "x.csv, line 2: Expected Number of Columns: 1 Found: 2 (the line: 1,2)"),
        ('a,b\n1,"open\n', {}, 'x.csv, line 2: Value with unterminated quote found. (the line: 1,"open)'),
        ("", {}, "x.csv: the file is empty: it has no header"),
        ("\n\n", {}, "x.csv: the file is empty: it has no header"),
        (b"a,b\n1,caf\xe9\n", {}, None),
        (b"a\xe9,b\n1,2\n", {}, "x.csv, line 1: the header is not UTF-8"),
        ("a,b\n1,2\n", {"columns": {"c": "BIGINT"}}, "x.csv: columns names c; the columns are a, b"),
        ("a\n1\nx\n", {"columns": {"a": "BIGINT"}}, None),
        ("a\n1\n1.5\n", {"columns": {"a": "INTEGER"}}, "x.csv: row 2: column a: 1.5 is not INTEGER"),
        (late("3\n4,5,6"), {}, f"x.csv, line {LATER + 3}: Expected Number of Columns: 2 Found: 3 (the line: 4,5,6)"),
    ],
)  # fmt: skip
def test_what_does_not_load_says_file_line_and_reason(fail, content, config, message):
    """A malformed row, quote, header or value: the run fails for good and the table is as before."""
    kind, said = fail(content, **config)
    assert kind == "source_malformed"
    assert message in (None, said)
    assert said.startswith("x.csv")


def test_a_value_that_is_not_of_its_declared_type_is_shown_with_its_line(fail):
    """The whole sentence, as the run will have it."""
    kind, said = fail("a,b\n1,2\nx,3\n", columns={"a": "BIGINT", "b": "BIGINT"})
    assert kind == "source_malformed"
    assert said.startswith("x.csv, line 3: ")
    assert "'x'" in said or '"x"' in said


def test_a_broken_archive_is_malformed(fail):
    """It ends before its end, in the header or far behind it."""
    whole = gzip.compress(late("1").encode())
    assert fail(whole[:10], name="x.csv.gz")[0] == "source_malformed"
    assert fail(whole[: len(whole) // 2], name="x.csv.gz")[0] == "source_malformed"


def test_several_files_load_as_one_and_must_agree(load, worker):
    """Types hold for all of them; a header that differs names its file."""
    for name, content in (("p1.csv", "id,v\n1,2\n"), ("p2.csv", "id,v\n2,2.5\n"), ("p3.csv", "id,v\n3,\n")):
        (worker.data_dir / name).write_text(content)
    worker.load({"type": "csv", "path": "p*.csv"}, table())
    assert sorted(worker.rows()) == [(1, 2.0), (2, 2.5), (3, None)]
    (worker.data_dir / "p2.csv").write_text("id,w\n2,2\n")
    kind, message = worker.fail({"type": "csv", "path": "p*.csv"}, table())
    assert (kind, message) == ("source_malformed", "p2.csv, line 1: the columns are id, w; in p1.csv id, v")
    (worker.data_dir / "p2.csv").write_text("id,v\n2,2\n3\n")
    kind, message = worker.fail({"type": "csv", "path": "p*.csv"}, table())
    assert (kind, message.partition(":")[0]) == ("source_malformed", "p2.csv, line 3")


def test_discard_reads_every_value(fail, worker, load):
    """What keeps nothing still finds the fault, and counts as a load would."""
    assert fail("a,b\n1,2\n3\n", loader=DISCARD)[0] == "source_malformed"
    assert fail("a,b\n1.0,x\n", loader=DISCARD, columns={"a": "DOUBLE", "b": "DATE"})[0] == "source_malformed"
    content = late("1.5")
    load(content)
    answer = worker.perform({"type": "csv", "path": "x.csv"}, DISCARD)
    assert (answer.result.rows, answer.result.bytes) == (LATER + 1, len(content))
