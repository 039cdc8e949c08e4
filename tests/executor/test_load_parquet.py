"""Parquet folders: what a load leaves there, and what it refuses to touch."""

import re
from pathlib import Path

import duckdb
import pytest
from support.parquet_dataset import dataset, left, manifest, named, present, rows
from support.worker_process import INLINE, order, worker_process

from orc_executor.frames import Loaded, NoReceipt
from orc_executor.loaders.parquet.writing import _stored

APPEND = dataset(write_disposition="append")


@pytest.fixture
def worker(tmp_path):
    with worker_process(tmp_path) as worker:
        yield worker


def inline(*rows):
    return {"type": "inline", "rows": list(rows)}


def parquet_of(worker, sql):
    """Write a query's rows to a file, and return the config that reads it."""
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({sql}) TO '{worker.data_dir / 'in.parquet'}' (FORMAT parquet)")
    return {"type": "parquet", "path": "in.parquet"}


def test_replace_puts_other_files_in_the_place_of_all(worker):
    """Other columns, other rows; what was replaced is gone, and the manifest names what is there."""
    assert worker.load(INLINE, dataset()) == 2
    first = present(worker)
    assert worker.load(inline({"b": "x"}), dataset()) == 1
    assert rows(worker) == [("x",)]
    assert named(worker) == present(worker)
    assert not set(first) & set(present(worker))
    assert (left(worker), manifest(worker)["columns"]) == ([], {"b": "VARCHAR"})


def test_append_adds_files_with_the_columns_there_are(worker):
    """In any order and case of names, a narrower type as the dataset's."""
    worker.load(inline({"a": 1, "b": "x"}), APPEND)
    worker.load(parquet_of(worker, "SELECT 'y' AS \"B\", 2::TINYINT AS a"), APPEND)
    assert rows(worker, "SELECT * FROM found ORDER BY a") == [(1, "x"), (2, "y")]
    assert rows(worker, "SELECT DISTINCT typeof(a) FROM found") == [("BIGINT",)]
    assert [file["rows"] for file in manifest(worker)["files"]] == [1, 1]
    assert named(worker) == present(worker)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"a": 1}, "the rows do not fit table lake: the rows have no column b"),
        ({"a": 1, "b": "x", "c": 1}, "the rows do not fit table lake: the table has no column c"),
        (
            {"a": 1.5, "b": "x"},
            "the rows do not fit table lake: column a is DOUBLE, in the table it is BIGINT",
        ),
    ],
)
def test_append_refuses_rows_that_do_not_fit(worker, row, message):
    """Nothing is dropped, invented or rounded, and nothing is left behind."""
    worker.load(inline({"a": 1, "b": "x"}), APPEND)
    before = present(worker)
    assert worker.fail(inline(row), APPEND) == ("wrong_shape", message)
    assert (present(worker), left(worker)) == (before, [])


def test_partitions_are_folders_whatever_their_values(worker):
    """Slashes, dots, signs, an empty text and null come back as they went."""
    values = ["a/b", "..", "", "x=y%20", "NULL", "ü n", "'", '"', ".", "*", "\n"]
    source = inline(*({"n": n, "p": value} for n, value in enumerate([*values, None])))
    assert worker.load(source, dataset(partition_by=["P"])) == len(values) + 1
    found = rows(worker, "SELECT n, p FROM found ORDER BY n")
    assert [value for _, value in found] == [*values, None]
    assert named(worker) == present(worker)
    outside = {one.name for one in worker.data_dir.iterdir()}
    assert outside == {"lake", "lake.orc-lock", ".scratch"}


def test_partitions_are_added_to_and_replaced(worker):
    """Appending adds to each; replacing removes the folders that are empty then."""
    loader = dataset(partition_by=["day"])
    worker.load(inline({"day": "1", "a": 1}, {"day": "2", "a": 2}), loader)
    worker.load(inline({"day": "2", "a": 3}), {**loader, "write_disposition": "append"})
    assert rows(worker, "SELECT day, a FROM found ORDER BY a") == [(1, 1), (2, 2), (2, 3)]
    worker.load(inline({"day": "3", "a": 4}), loader)
    assert [one.name for one in (worker.data_dir / "lake").iterdir() if one.name != "_orc"] == ["day=3"]


@pytest.mark.parametrize(
    ("more", "rows_", "said"),
    [
        ({"partition_by": ["x"]}, [{"a": 1}], "partition_by names x, the columns are a"),
        (
            {"partition_by": ["a"]},
            [{"a": [1], "b": 1}],
            "partition_by names a, which is BIGINT[]: its values make no names of folders",
        ),
        ({"partition_by": ["a"]}, [{"a": 1}], "partition_by names every column: the files would have none"),
        (
            {"load_id_column": "A"},
            [{"a": 1}],
            "the rows have a column A already, which load_id_column names",
        ),
    ],
)
def test_columns_that_cannot_be_used_are_named(worker, more, rows_, said):
    """The config names what the rows do not have, or cannot be."""
    assert worker.fail(inline(*rows_), dataset(**more)) == ("wrong_shape", said)
    assert (present(worker), left(worker)) == ([], [])


def test_a_dataset_is_partitioned_in_one_way(worker):
    """Appending in another way would leave files that no reader can put together."""
    worker.load(inline({"a": 1, "b": 1}), dataset(partition_by=["a"]))
    kind, message = worker.fail(inline({"a": 1, "b": 1}), APPEND)
    assert (kind, message.partition(",")[0]) == (
        "target_unusable",
        "lake: its files are partitioned by a",
    )


def test_too_many_partitions_are_refused(worker):
    """The error names the limit."""
    source = parquet_of(worker, "SELECT i AS p, i AS v FROM range(10001) AS t(i)")
    kind, message = worker.fail(source, dataset(partition_by=["p"]))
    assert (kind, message) == (
        "target_unusable",
        "lake: the rows make more than 10000 partitions: partition by less",
    )
    assert (present(worker), left(worker)) == ([], [])


def test_no_rows_at_all(worker):
    """A replaced dataset keeps its columns, an appended one everything."""
    assert worker.load(inline(), dataset("none")) == 0
    assert present(worker, "none") == []
    worker.load(INLINE, dataset())
    assert worker.load(inline(), APPEND) == 0
    assert rows(worker) == [(1,), (2,)]
    assert worker.load(inline(), dataset()) == 0
    assert rows(worker, "SELECT column_name, column_type FROM (DESCRIBE found)") == [("a", "BIGINT")]
    assert rows(worker) == []
    assert worker.load(INLINE, APPEND) == 2


@pytest.mark.parametrize(
    ("value", "type_", "came"),
    [
        ("170141183460469231731::HUGEINT", "DECIMAL(38,0)", "170141183460469231731"),
        ("INTERVAL '1 month 2 days 3.000001 seconds'", "VARCHAR", "1 month 2 days 00:00:03.000001"),
        ("TIMESTAMP_NS '2026-01-02 03:04:05.123456789'", "TIMESTAMP_NS", "2026-01-02 03:04:05.123456789"),
        ("TIMESTAMPTZ '2026-01-02 03:04:05+02'", "TIMESTAMP WITH TIME ZONE", "2026-01-02 01:04:05+00"),
        ("'infinity'::DATE", "DATE", "infinity"),
        ("12.34::DECIMAL(9,3)", "DECIMAL(9,3)", "12.340"),
        ("'\\x00\\xFF'::BLOB", "BLOB", "\\x00\\xFF"),
        ("[1, NULL]", "INTEGER[]", "[1, NULL]"),
        ("'{\"a\": 1}'::JSON", "JSON", '{"a": 1}'),
    ],
)
def test_no_type_loses_anything(worker, value, type_, came):
    """What Parquet cannot hold as it is, is held as something that loses nothing."""
    with duckdb.connect(str(worker.data_dir / "in.duckdb")) as connection:
        connection.execute(f"CREATE TABLE t AS SELECT {value} AS v")
        wide = connection.execute("SELECT v::VARCHAR, typeof(v) FROM t").fetchall()
        (worker.data_dir / "in.csv").write_text('v\n"' + wide[0][0].replace('"', '""') + '"\n')
    source = {"type": "csv", "path": "in.csv", "columns": {"v": wide[0][1]}}
    assert worker.load(source, dataset()) == 1
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(
            f"SELECT typeof(v), v::VARCHAR FROM '{worker.data_dir}/lake/*.parquet'"
        ).fetchall()
    assert found == [(type_, came)]


def test_types_within_types_lose_nothing_either():
    """A field that is called like a type stays what it is called."""
    assert _stored('STRUCT("HUGEINT" HUGEINT, x MAP(VARCHAR, INTERVAL)[])') == (
        'STRUCT("HUGEINT" DECIMAL(38,0), x MAP(VARCHAR, VARCHAR)[])'
    )


def test_null_and_an_empty_text_are_two_things(worker):
    """In columns and in names of folders."""
    worker.load(inline({"a": "", "b": 1}, {"a": None, "b": 2}), dataset())
    assert rows(worker, "SELECT a, b FROM found ORDER BY b") == [("", 1), (None, 2)]


def test_rows_are_tagged_with_their_run(worker):
    """By the column that the config names, which a dataset may be partitioned by, too."""
    loader = {**APPEND, "load_id_column": "_run", "partition_by": ["_run"]}
    orders = [order(INLINE, loader) for _ in range(2)]
    for one in orders:
        worker.say(one)
        worker.answer()
    assert sorted(rows(worker, "SELECT DISTINCT _run::VARCHAR FROM found")) == sorted(
        (str(one.run_id),) for one in orders
    )


def test_compression_and_row_groups_are_as_asked(worker):
    """The footer says so."""
    source = parquet_of(worker, "SELECT i FROM range(10000) AS t(i)")
    worker.load(source, dataset(compression="gzip", row_group_rows=4096))
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT DISTINCT compression, row_group_num_rows FROM "
            f"parquet_metadata('{worker.data_dir}/lake/*.parquet') ORDER BY 2"
        ).fetchall()
    assert found == [("GZIP", 1808), ("GZIP", 4096)]


def test_types_from_a_sample_may_turn_out_wrong(worker):
    """The rows are written again, and those of the first try are nowhere."""
    lines = ["a"] + [str(n) for n in range(300_000)] + ["x"]
    (worker.data_dir / "late.csv").write_text("\n".join(lines) + "\n")
    assert worker.load({"type": "csv", "path": "late.csv"}, dataset()) == 300_001
    assert rows(worker, "SELECT count(*), max(a) FROM found") == [(300_001, "x")]
    assert (len(present(worker)), left(worker)) == (1, [])


@pytest.mark.parametrize("content", ["foreign.parquet", ".orc-unfinished-x", "sub/file"])
def test_a_folder_that_holds_something_is_not_taken(worker, content):
    """Nothing in it is ours to remove."""
    file = worker.data_dir / "lake" / content
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    assert worker.fail(INLINE, dataset())[0] == "target_unusable"
    assert file.read_text() == "mine"


def test_a_file_beside_the_datasets_own_is_left_alone(worker):
    """It is not in the manifest, and not ours by its name."""
    worker.load(INLINE, dataset())
    (worker.data_dir / "lake" / "notes.parquet").write_text("mine")
    worker.load(INLINE, dataset())
    assert (worker.data_dir / "lake" / "notes.parquet").read_text() == "mine"


def test_a_dataset_lies_in_no_other(worker):
    """Each sweeps its folder."""
    worker.load(INLINE, dataset())
    kind, message = worker.fail(INLINE, dataset("lake/inner"))
    assert (kind, message) == (
        "target_unusable",
        "lake/inner: it lies in lake, which is a dataset itself; name a folder beside it",
    )


@pytest.mark.parametrize("text", ["", "{}x", '{"format": 2}', '{"files": 1}'])
def test_a_manifest_that_is_none_of_ours_is_not_touched(worker, text):
    """The run fails saying so."""
    worker.load(INLINE, dataset())
    path, before = worker.data_dir / "lake" / "_orc" / "manifest.json", present(worker)
    path.write_text(text)
    assert worker.fail(INLINE, dataset())[0] == "target_unusable"
    assert (path.read_text(), present(worker)) == (text, before)


@pytest.mark.parametrize("place", ["out", "file"])
def test_a_folder_elsewhere_is_refused(worker, tmp_path_factory, place):
    """What counts is the real path; a file is no folder."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (worker.data_dir / "out").symlink_to(elsewhere)
    (worker.data_dir / "file").write_text("x")
    assert worker.fail(INLINE, dataset(place))[0] in {"path_refused", "target_unusable"}
    assert list(elsewhere.iterdir()) == []


def test_a_receipt_is_found_and_settled_by(worker):
    """By whoever asks for the same root run and task."""
    one = order(INLINE, APPEND)
    worker.say(one)
    result = worker.answer().result
    again = {"run_id": one.run_id, "attempt": 2, "check_receipt": True}
    assert worker.perform(INLINE, APPEND, **again) == Loaded(result, already=True)
    assert worker.perform(INLINE, APPEND, **again, settle=True) == Loaded(result, already=True)
    assert worker.perform(INLINE, APPEND, settle=True) == NoReceipt()
    assert len(present(worker)) == 1


def test_a_reader_by_the_manifest_needs_two_statements(worker, monkeypatch):
    """As docs/loaders/parquet.md shows them; partitions and what lies beside the dataset included."""
    page = (Path(__file__).parents[2] / "docs" / "loaders" / "parquet.md").read_text()
    (shown,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    worker.load(
        inline({"day": "a b", "n": 1}, {"day": None, "n": 2}), dataset("lake/orders", partition_by=["day"])
    )
    (worker.data_dir / "lake" / "orders" / "other.parquet").write_text("none of it")
    monkeypatch.chdir(worker.data_dir)
    with duckdb.connect() as connection:
        assert sorted(connection.execute(shown).fetchall()) == [(1, "a b"), (2, None)]
