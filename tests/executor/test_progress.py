"""How far a task is, of every kind, by a real worker: it is told while it runs, and grows."""

import shutil
import threading

import duckdb
import pytest
from support.web_server import web_server
from support.worker_process import DISCARD, INLINE, order, slow_order, table, worker_process

from orc_executor.frames import Loaded, Progress, Stop, Stopped
from orc_executor.pace import Pace
from orc_executor.paths import SourceFile
from orc_executor.underway import Underway

ROWS = 3_000_000
PAGES = 4


@pytest.fixture
def worker(tmp_path):
    with worker_process(tmp_path, ORC_EGRESS_ALLOW="loopback") as worker:
        yield worker


def told(worker, wanted):
    """Return the next progress that is wanted; what else comes fails."""
    while isinstance(frame := worker.frame(), Progress):
        if wanted(frame):
            return frame
    pytest.fail(f"the worker answered before: {frame}")


def grows(worker, source, total):
    """Load, hear twice how far it is, each time farther, and stop."""
    worker.say(order(source, table()))
    first = told(worker, lambda one: one.percent is not None)
    second = told(worker, lambda one: one.percent > first.percent)
    worker.say(Stop())
    while isinstance(answer := worker.frame(), Progress):
        pass
    assert answer == Stopped()
    for one in (first, second):
        assert (one.phase, 0 < one.percent <= 100) == ("load", True)
        assert one.bytes == int(total * one.percent / 100)


def test_a_csv_file(worker, tmp_path):
    """A file tells its share by what was read of it, compressed as it is, and the bytes with it."""
    path = tmp_path / "a.csv.gz"
    with duckdb.connect() as connection:
        wide = f"SELECT n, repeat('x', 300) || (n % 7) AS x FROM range({ROWS}) AS rows(n)"
        connection.execute(f"COPY ({wide}) TO '{path}' (FORMAT csv, COMPRESSION gzip)")
    grows(worker, {"type": "csv", "path": "a.csv.gz"}, path.stat().st_size)


def test_a_parquet_file(worker, tmp_path):
    """So does a Parquet file, and several together."""
    slow_order(tmp_path)
    first = tmp_path / "slow.parquet"
    for number in range(5):
        shutil.copy(first, tmp_path / f"slow{number}.parquet")
    grows(worker, {"type": "parquet", "path": "slow*.parquet"}, 6 * first.stat().st_size)


@pytest.mark.parametrize("total", [None, "$.pages"])
def test_an_api(worker, total):
    """Rows and bytes grow page by page; the share is known where an answer tells how many pages there are."""
    turn = [threading.Event() for _ in range(PAGES + 1)]

    def answer(asked):
        page = int(asked.query["page"])
        # Beyond the last there is nothing to wait for.
        turn[min(page, PAGES)].wait(30)
        records = [{"id": 5 * page + n} for n in range(5)] if page <= PAGES else []
        return {"pages": PAGES, "data": records}

    pagination = {"type": "page_number", "page_param": "page", **({"total_pages": total} if total else {})}
    with web_server(answer) as server:
        config = {"type": "api", "url": server.url, "records": "$.data", "pagination": pagination}
        worker.say(order(config, DISCARD))
        seen = []
        for page in range(1, PAGES):
            turn[page].set()
            rows = 5 * page
            seen.append(told(worker, lambda one, rows=rows: one.rows == rows))
        for left in turn:
            left.set()
        while isinstance(answer := worker.frame(), Progress):
            pass
    assert isinstance(answer, Loaded)
    assert {one.phase for one in seen} == {"gather"}
    assert seen[0].bytes < seen[1].bytes < seen[2].bytes
    assert [one.percent for one in seen] == ([25.0, 50.0, 75.0] if total else [None] * 3)


def underway():
    return Underway(order(INLINE, DISCARD), reach=None)


def test_files_that_are_brought_near():
    """The share of a download is known once every file's size is, and one that need not come counts no more."""
    task = underway()
    task.expect({"a": 100, "b": None})
    task.bytes = 30
    assert task.progress() == Progress(rows=0, bytes=30, percent=None)
    task.expect({"b": 200})
    assert task.progress() == Progress(rows=0, bytes=30, percent=10.0)
    task.expect({"a": 0})
    assert task.progress() == Progress(rows=0, bytes=30, percent=15.0)
    task.found([SourceFile("/b", "b", 200, "m")])
    assert (task.files, task.bytes_total) == (1, 200)


def test_a_load_of_several_statements():
    """What was read stays read when a later statement begins at 0 again, and while nothing tells."""
    task, shares = underway(), iter([40.0, 10.0, None])
    task.found([SourceFile("/b", "b", 200, "m")])
    with task.interruptible(lambda: None, lambda: next(shares)):
        seen = [task.progress() for _ in range(3)]
    assert seen == [Progress(rows=0, bytes=80, percent=40.0, phase="load")] * 3
    assert task.progress() == seen[0]


def test_pace():
    """Growth over the last seconds: none at first, none when nothing came, none of a count that began anew."""
    pace = Pace()
    assert [pace.add(*one) for one in ((0.0, 0), (1.0, 100), (2.0, 300), (8.0, 300), (20.0, 300))] == [
        None, 100.0, 150.0, None, None,
    ]  # fmt: skip
    assert [pace.add(*one) for one in ((21.0, 5), (22.0, 10))] == [None, 5.0]
