"""Receipts and fences: a load happens once, whatever dies in the middle of it."""

from uuid import uuid4

import pytest
from support.worker_process import INLINE, SLOW_ROWS, TASK, order, slow_order, table, worker_process

from orc_executor.frames import Failed, Loaded, NoReceipt, Progress

APPEND = table(write_disposition="append")


@pytest.fixture
def worker(tmp_path):
    with worker_process(tmp_path) as worker:
        yield worker


def receipts(worker):
    return worker.rows("SELECT root_run_id, task_id, attempt, rows FROM _orc.receipts")


def test_a_load_leaves_its_receipt_and_is_not_repeated(worker):
    """The second attempt learns from the file what the first one did."""
    run = uuid4()
    first = worker.perform(INLINE, APPEND, run_id=run)
    again = worker.perform(INLINE, APPEND, run_id=run, attempt=2, check_receipt=True)
    assert again == Loaded(first.result, already=True)
    assert worker.rows() == [(1,), (2,)]
    assert receipts(worker) == [(run, TASK, 1, 2)]


def test_an_order_that_does_not_ask_for_the_receipt_meets_it_all_the_same(worker):
    """The check stands in the load, too: a repeated order loads nothing twice."""
    run = uuid4()
    worker.perform(INLINE, APPEND, run_id=run)
    assert worker.perform(INLINE, APPEND, run_id=run).already
    assert worker.rows() == [(1,), (2,)]


def test_receipts_are_of_a_task_in_a_root(worker):
    """A retry by hand is another run of the same root; another task, or another root, loads."""
    root = uuid4()
    worker.load(INLINE, APPEND, run_id=root)
    assert worker.perform(INLINE, APPEND, root_id=root, check_receipt=True).already
    assert not worker.perform(INLINE, APPEND, root_id=root, task_id=uuid4(), check_receipt=True).already
    assert not worker.perform(INLINE, APPEND, check_receipt=True).already


def test_a_settle_order_loads_nothing(worker):
    """It says what the receipt says."""
    run = uuid4()
    assert worker.perform(INLINE, table(), run_id=run, attempt=2, settle=True) == NoReceipt()
    loaded = worker.perform(INLINE, table(), run_id=run, attempt=3)
    assert worker.perform(INLINE, table(), run_id=run, attempt=4, settle=True) == Loaded(
        loaded.result, already=True
    )


@pytest.mark.parametrize("look", [{"settle": True}, {"check_receipt": True}])
def test_an_attempt_that_slept_may_not_load_after_a_later_one_has_looked(worker, look):
    """The later one was told that nothing is loaded, so it must stay so, though its own source failed."""
    run = uuid4()
    worker.perform({"type": "csv", "path": "gone.csv"}, table(), run_id=run, attempt=3, **look)
    assert worker.perform(INLINE, table(), run_id=run, attempt=2) == Failed(
        "internal", "attempt 2 may not load any more: attempt 3 has begun", retryable=False
    )
    assert worker.rows("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'") == []
    assert worker.load(INLINE, table(), run_id=run, attempt=3) == 2


def test_a_failed_load_leaves_no_receipt(worker):
    """So the next attempt loads."""
    run = uuid4()
    (worker.data_dir / "x.csv").write_text("a,b\n1,2\n3\n")
    assert worker.fail({"type": "csv", "path": "x.csv"}, table(), run_id=run)[0] == "source_malformed"
    (worker.data_dir / "x.csv").write_text("a,b\n1,2\n3,4\n")
    assert (
        worker.load({"type": "csv", "path": "x.csv"}, table(), run_id=run, attempt=2, check_receipt=True) == 2
    )


def test_a_worker_killed_in_the_middle_of_a_load_loads_once(tmp_path):
    """After kill -9 the table is as before, no receipt is there, and the second attempt loads every row once."""
    run, (big, _) = uuid4(), slow_order(tmp_path)
    with worker_process(tmp_path) as victim:
        victim.load(INLINE, table())
        victim.say(order(big, table(), run_id=run))
        assert isinstance(victim.frame(), Progress), "the load must not be over before the kill"
        victim.kill()
    with worker_process(tmp_path) as worker:
        assert worker.rows() == [(1,), (2,)]
        assert worker.perform(big, table(), run_id=run, attempt=2, settle=True) == NoReceipt()
        assert worker.load(big, table(), run_id=run, attempt=3, check_receipt=True) == SLOW_ROWS
        assert worker.rows("SELECT count(*), count(DISTINCT n) FROM t") == [(SLOW_ROWS, SLOW_ROWS)]
        assert (run, TASK, 3, SLOW_ROWS) in receipts(worker)


@pytest.mark.parametrize("number", range(4))
def test_a_worker_killed_while_it_makes_the_file_leaves_none_that_is_broken(tmp_path, number):
    """Whatever moment the kill hits, the next attempt can open the file, and receipt and rows agree."""
    run = uuid4()
    with worker_process(tmp_path) as victim:
        victim.load(INLINE, table(db_path="other.duckdb"))
        victim.say(order(INLINE, APPEND, run_id=run))
        while not {path.name for path in tmp_path.glob("out.duckdb*")} - {"out.duckdb.orc-lock"}:
            pass
        victim.kill()
    with worker_process(tmp_path) as worker:
        assert worker.load(INLINE, APPEND, run_id=run, attempt=2, check_receipt=True) == 2
        assert worker.rows() == [(1,), (2,)]
        assert len(receipts(worker)) == 1
