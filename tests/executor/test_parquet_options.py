"""What a config asks of Parquet files: which columns, of which types, from which of many files."""

import re
from decimal import Decimal

import duckdb
import pytest
from support.worker_process import DISCARD, table, worker_process
from support.worker_reach import reach_of, underway_of

from orc_domain.extract import parse_extractor
from orc_executor.engine import Engine
from orc_executor.extractors.opening import open_source
from orc_executor.extractors.source import NO_SCAN
from orc_executor.state import NO_STATE, TaskState
from orc_executor.worker_settings import WorkerSettings


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    with worker_process(tmp_path_factory.mktemp("parquet")) as worker:
        yield worker


def write(folder, name, query, *, groups=122_880):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE {groups})")


@pytest.fixture
def opened(tmp_path):
    """Open a source over the data folder; returns it with an engine."""
    reach = reach_of(tmp_path)
    engine = Engine(WorkerSettings(data_dir=tmp_path, worker_threads=2), reach.folders.all, reach.scratch)

    def open_it(state=NO_STATE, **config):
        extractor = parse_extractor({"type": "parquet", "path": "*.parquet", **config})
        source = open_source(extractor, underway_of(reach), state)
        source.gather()
        return source, engine

    yield open_it
    reach.scratch.remove()


def test_without_options_the_scan_is_duckdbs_own(opened, tmp_path):
    """Nothing stands between the files and the table."""
    for number in range(20):
        write(tmp_path, f"{number:02}.parquet", f"SELECT {number} AS n")
    source, engine = opened()
    (scan,) = source.scans(engine, None)
    paths = ", ".join(f"'…/{number:02}.parquet'" for number in range(20))
    shown = re.sub(r"'/[^']*/file-\d+-", "'…/", scan.sql)
    assert shown == f"SELECT * FROM read_parquet([{paths}], hive_partitioning = false)"


def test_columns_are_chosen_renamed_cast_and_tell_their_file(worker):
    """In the order that was asked for; the paths' order is the rows'."""
    write(worker.data_dir, "c/1.parquet", "SELECT 1 AS a, '07' AS b, 2.50 AS c, DATE '2026-01-02' AS d")
    write(worker.data_dir, "c/2.parquet", "SELECT 2 AS a, '8' AS b, 3.00 AS c, NULL::DATE AS d")
    config = {
        "type": "parquet", "path": ["c/2.parquet", "c/*.parquet"], "select": ["c", "B", "d"], "rename": {"b": "bee"},
        "columns": {"b": "SMALLINT", "c": "DOUBLE", "d": "TIMESTAMP"}, "file_name_column": "file",
    }  # fmt: skip
    worker.load(config, table())
    assert worker.types() == {"c": "DOUBLE", "bee": "SMALLINT", "d": "TIMESTAMP", "file": "VARCHAR"}
    assert worker.rows("SELECT c, bee, CAST(d AS VARCHAR), file FROM t") == [
        (3.0, 8, None, "c/2.parquet"), (2.5, 7, "2026-01-02 00:00:00", "c/1.parquet"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "type_", "said"),
    [
        ("1.5", "BIGINT", "1.5 is not BIGINT"), ("'x'", "BIGINT", "x is not BIGINT"), ("'1.5'", "BIGINT", "1.5 is not"),
        ("300", "TINYINT", "300 is not TINYINT"), ("1.239", "DECIMAL(10,2)", "1.239 is not DECIMAL(10,2)"),
        ("TIMESTAMP '2026-01-02 10:00'", "DATE", "2026-01-02 10:00:00 is not DATE"),
        ("9007199254740993", "FLOAT", "9007199254740993 is not FLOAT"), ("[1, 300]", "TINYINT[]", "[1, 300] is not"),
    ],
)  # fmt: skip
def test_a_cast_that_would_lose_something_names_file_and_column(worker, value, type_, said):
    """Nothing is rounded or cut off."""
    write(worker.data_dir, "l/1.parquet", f"SELECT v FROM (VALUES ({value}), (NULL)) AS t(v) WHERE v IS NULL")
    write(worker.data_dir, "l/2.parquet", f"SELECT v FROM (VALUES ({value}), (NULL)) AS t(v)")
    kind, message = worker.fail({"type": "parquet", "path": "l/*.parquet", "columns": {"v": type_}}, table())
    assert (kind, message.startswith(f"l/2.parquet: column v: {said}")) == ("source_malformed", True)


def test_casts_that_lose_nothing_keep_the_values(worker):
    """Texts become the numbers they spell, fractions of nothing whole numbers."""
    write(
        worker.data_dir, "k.parquet", "SELECT '12.50' AS a, 3.0::DOUBLE AS b, ' 4.0' AS c, 5 AS d, 'x' AS e"
    )
    columns = {"a": "DECIMAL(10,1)", "b": "INT8", "c": "INTEGER", "d": "DECIMAL(10,2)", "e": "TEXT"}
    worker.load({"type": "parquet", "path": "k.parquet", "columns": columns}, table())
    assert worker.rows() == [(Decimal("12.5"), 3, 4, Decimal("5.00"), "x")]


def test_files_may_differ_in_their_columns_where_that_is_asked_for(worker):
    """What a file lacks is null; unasked, it is an error that names the file."""
    write(worker.data_dir, "u/1.parquet", "SELECT 1 AS a")
    write(worker.data_dir, "u/2.parquet", "SELECT 'x' AS b, 2.5 AS a")
    config = {"type": "parquet", "path": "u/*.parquet"}
    worker.load({**config, "union_by_name": True}, table())
    assert worker.rows() == [(Decimal("1.0"), None), (Decimal("2.5"), "x")]
    write(worker.data_dir, "u/2.parquet", "SELECT 'x' AS b")
    kind, message = worker.fail(config, DISCARD)
    assert (kind, "u/2.parquet" in message) == ("source_malformed", True)


def test_folders_are_columns_only_where_that_is_asked_for(worker):
    """`name=value` folders."""
    write(worker.data_dir, "h/day=1/a.parquet", "SELECT 1 AS a")
    write(worker.data_dir, "h/day=2/a.parquet", "SELECT 2 AS a")
    config = {"type": "parquet", "path": "h/**/*.parquet"}
    assert (worker.load(config, table()), worker.rows()) == (2, [(1,), (2,)])
    assert (worker.load({**config, "hive_partitioning": True}, table()), worker.rows()) == (
        2,
        [(1, 1), (2, 2)],
    )


def test_what_names_no_column_is_refused_with_those_there_are(worker):
    """In select, rename, columns, and for the file's name."""
    write(worker.data_dir, "n.parquet", "SELECT 1 AS a, 2 AS b")
    for more, said in (
        ({"select": ["x"]}, "select names x"), ({"rename": {"x": "y"}}, "rename names x"),
        ({"columns": {"x": "BIGINT"}}, "columns names x"), ({"file_name_column": "A"}, "a column A already"),
    ):  # fmt: skip
        kind, message = worker.fail({"type": "parquet", "path": "n.parquet", **more}, table())
        assert (kind, said in message) == ("wrong_shape", True), message


def test_only_new_files_are_read_again(opened, tmp_path):
    """Told by size and time; without any there is no scan."""
    write(tmp_path, "1.parquet", "SELECT 1 AS a")
    source, engine = opened(files="new")
    state = TaskState(files=source.learned().files)
    assert list(state.files) == [str(tmp_path / "1.parquet")]
    source, engine = opened(state, files="new")
    assert (list(source.scans(engine, None)), source.learned().files) == ([NO_SCAN], {})
    write(tmp_path, "1.parquet", "SELECT 1 AS a, 2 AS b")
    write(tmp_path, "2.parquet", "SELECT 3 AS a, 4 AS b")
    source, engine = opened(state, files="new")
    (scan,) = source.scans(engine, None)
    assert engine.run(scan.sql) == [(1, 2), (3, 4)]


def test_a_condition_on_the_cursor_reaches_the_file(opened, tmp_path):
    """Row groups before it are not read, so an incremental run costs what is new."""
    write(tmp_path, "1.parquet", "SELECT range AS n, 'x' AS s FROM range(100000)", groups=2048)
    source, engine = opened(incremental={"cursor": "n"})
    (scan,) = source.scans(engine, None)
    assert (scan.cursor.name, scan.cursor.type) == ("n", "BIGINT")
    plan = engine.run(f"EXPLAIN SELECT * FROM ({scan.sql}) WHERE {scan.cursor.value} > 99990")[-1][1]
    assert "n>99990" in plan.replace(" ", "")
    assert "FILTER" not in plan.replace("Filters", "")
