"""Rows of a plugin: what it yields is loaded as it is, and whatever it does ends the task at most."""

import gzip
from datetime import UTC, datetime

import pytest
from support.plugins import MANY_WAYS, MODULES, announce
from support.scratch_left import left_of_tasks
from support.web_server import web_server
from support.worker_process import DISCARD, order, table, worker_process

from orc_domain.run_messages import CursorSet, RunWindow
from orc_executor.frames import Loaded, LoadLimits, Progress, Stop, Stopped


@pytest.fixture
def worker(tmp_path):
    announce(tmp_path / "site", MANY_WAYS)
    path = f"{tmp_path / 'site'}:{MODULES}"
    with worker_process(
        tmp_path, PYTHONPATH=path, ORC_SECRET_PASS="s3cr3t", ORC_EGRESS_ALLOW="loopback"
    ) as one:
        yield one


def ways(do, **more):
    return {"type": "ways", "do": do, **more}


def test_dicts_have_the_types_that_all_of_them_tell(worker):
    """A key and a fraction that come late have their column, whatever the first batch was."""
    assert worker.load(ways("rows"), table()) == 2
    assert worker.rows() == [(1.0, "a", None), (2.5, None, [1, 2])]
    assert worker.types() == {"n": "DOUBLE", "note": "VARCHAR", "more": "BIGINT[]"}


def test_arrow_keeps_its_types(worker):
    """Tables and record batches are one sequence of rows; how texts are encoded makes no difference."""
    assert worker.load(ways("arrow"), table()) == 3
    assert worker.rows() == [(1, "a"), (2, "b"), (3, "c")]
    assert worker.types() == {"n": "INTEGER", "s": "VARCHAR"}


def test_a_schema_that_grows_is_widened(worker):
    """New columns, wider types and columns that were null so far leave every row as it was, in order."""
    assert worker.load(ways("widening"), table()) == 5
    assert worker.types() == {
        "nothing": "VARCHAR", "n": "DOUBLE", "at": "TIMESTAMP", "l": "BIGINT[]", "late": "VARCHAR",
    }  # fmt: skip
    assert worker.rows('SELECT nothing, n, epoch_us("at"), l, late FROM t') == [
        (None, None, None, None, None), (None, 1.0, None, [], None), (None, float(2**40), None, None, "x"),
        (None, 0.5, 5, [7], None), (None, 9.0, None, None, None),
    ]  # fmt: skip


def test_the_words_about_columns_come_with_the_base(worker):
    """Types, selection and names are applied to what the plugin gave."""
    shaped = ways("rows", columns={"n": "DECIMAL(6,2)"}, select=["note", "n"], rename={"n": "number"})
    assert worker.load(shaped, table()) == 2
    assert worker.types() == {"note": "VARCHAR", "number": "DECIMAL(6,2)"}
    for word in ({"select": ["x"]}, {"columns": {"x": "DATE"}}):
        assert worker.fail(ways("rows", **word), table())[0] == "wrong_shape"


def test_no_batch_is_no_row(worker):
    """A table that is replaced is empty then."""
    worker.load(ways("rows"), table())
    assert worker.load(ways("nothing"), table()) == 0
    assert worker.rows() == []


@pytest.mark.parametrize(
    ("do", "kind", "message"),
    [
        ("clash", "wrong_shape", "batch 2 of the plugin ways: Field n has incompatible types: int64 vs string"),
        ("twins", "wrong_shape", "batch 1 of the plugin ways: two columns are called N"),
        ("mixed", "internal", "the plugin ways gave both Arrow and dicts: a task has one of them"),
        ("nonsense", "internal", "the plugin ways gave a dict as batch 1: valid are a RecordBatch, a Table, a list of dicts"),
        ("failing", "internal", "the plugin ways failed: ValueError: no more: ***"),
        ("unavailable", "source_unavailable", "the well is dry"),
        ("exiting", "internal", "the plugin ways failed: SystemExit: 4"),
    ],
)  # fmt: skip
def test_what_a_plugin_does_wrong_ends_the_task_alone(worker, do, kind, message):
    """The error names the plugin and tells no secret, nothing is loaded, and the worker takes the next order."""
    worker.load(ways("rows"), table())
    assert worker.fail(ways(do, secret={"secret": "pass"}), table()) == (kind, message)
    assert worker.load(ways("printing"), table(table_name="other")) == 1
    assert len(worker.rows()) == 2


def test_a_plugin_without_memory_is_told_as_that(worker):
    """The process is replaced then, like after any other such end."""
    answer = worker.perform(ways("eating"), DISCARD)
    assert (answer.kind, answer.fatal) == ("out_of_memory", True)


def test_a_stop_comes_between_two_batches(worker):
    """An endless plugin ends, its spool goes, and progress told of its rows."""
    worker.say(order(ways("endless"), DISCARD))
    # The first may come before the first batch does.
    while not (isinstance(frame := worker.frame(), Progress) and frame.rows):
        assert isinstance(frame, Progress)
    worker.say(Stop())
    assert worker.answer() == Stopped()
    assert left_of_tasks(worker.data_dir) == []


def test_an_endless_plugin_fills_no_disk(worker):
    """It fails with the limit's name in bytes."""
    limits = LoadLimits(spool_bytes_max=5_000_000)
    assert worker.fail(ways("endless"), DISCARD, limits=limits) == (
        "wrong_shape", "the plugin ways gave more than 5000000 bytes",
    )  # fmt: skip


def test_the_context_tells_where_to_go_on(worker):
    """The cursor somebody set, a backfill's window, the data folder's files, and a folder of its own."""
    (worker.data_dir / "b.txt").write_text("b")
    (worker.data_dir / "a.txt").write_text("a")
    window = RunWindow(datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 2, tzinfo=UTC))
    config = ways("telling", incremental={"cursor": "cursor", "initial": 7})
    append = table(write_disposition="append", table_name="told")
    began = "2026-01-01T00:00:00Z"
    windowed = ways("telling", incremental={"cursor": "start", "initial": began})
    assert worker.load(windowed, append, window=window) == 1
    assert worker.rows(
        "SELECT cursor::VARCHAR LIKE '2026-01-01%', start::VARCHAR LIKE '2026-05-01%', files FROM told"
    ) == [(True, True, ["a.txt", "b.txt"])]
    worker.load(config, table(table_name="set"), cursor_set=CursorSet(version=1, value="12"))
    assert worker.rows("SELECT cursor FROM set") == [("12",)]


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        ((404, {}, b"no"), "source_refused", "HTTP 404 Not Found"),
        ((503, {}, b"no"), "source_unavailable", "HTTP 503 Service Unavailable"),
        ((200, {"content-encoding": "gzip"}, gzip.compress(b"[" + b" " * 3_000_000 + b"]")), "wrong_shape",
         "the answer is larger than 1000000 bytes"),
        ((200, {"content-encoding": "gzip"}, b"no gzip"), "wrong_shape", "the answer cannot be unpacked: "),
    ],
)  # fmt: skip
def test_answers_are_judged_and_bounded(worker, answer, kind, message):
    """A status says whether another attempt is worth it, a bomb ends at the limit, and no query is quoted."""
    with web_server(lambda _asked: answer) as server:
        limits = LoadLimits(page_bytes_max=1_000_000)
        found = worker.fail(ways("fetching", url=server.url + "/x"), DISCARD, limits=limits)
    assert found[0] == kind
    assert found[1].startswith(f"{server.url}/x: {message}")
    assert "k3y" not in found[1]


def test_gzip_is_unpacked_and_streams_have_the_spools_bound(worker):
    """What one asks for at once is bounded by page_bytes_max, what is streamed is not."""
    body = gzip.compress(b'[{"n": 1}' + b" " * 3_000_000 + b"]")
    with web_server(lambda _asked: (200, {"content-encoding": "gzip"}, body)) as server:
        assert worker.load(ways("fetching", url=server.url), table()) == 1
        limits = LoadLimits(page_bytes_max=1_000_000)
        worker.load(ways("streaming", url=server.url), table(table_name="s"), limits=limits)
    assert worker.rows("FROM s") == [(3_000_010,)]


def test_a_plugin_reaches_no_address_that_is_refused(tmp_path):
    """Each connection is judged, that of a redirect too."""
    announce(tmp_path / "site", MANY_WAYS)
    with (
        web_server(lambda _asked: (200, {}, [])) as server,
        worker_process(tmp_path, PYTHONPATH=f"{tmp_path / 'site'}:{MODULES}") as worker,
    ):
        kind, message = worker.fail(ways("fetching", url=server.url), DISCARD)
        assert (kind, server.asked) == ("address_refused", [])
        assert "127.0.0.1 may not be reached" in message


def test_discard_counts_what_a_plugin_gives(worker):
    """Any loader takes any extractor."""
    answer = worker.perform(ways("arrow"), DISCARD)
    assert isinstance(answer, Loaded)
    assert answer.result.rows == 3
