"""Postgres tables: each load once, killed wherever, cut off at its commit, ordered twice, or at once with others."""

import time
from pathlib import Path

import pytest
from support.cutting_proxy import CuttingProxy
from support.warehouse import CONNECTION, warehouse_worker
from support.worker_process import INLINE, order

from orc_executor.frames import Loaded, NoReceipt, Stop, Stopped
from orc_executor.worker import EXIT_UNCERTAIN

MORTAL = ("-m", "support.mortal_worker")
TABLE, LEDGER = "orc_executor.loaders.postgres.table:PostgresTable", "orc_executor.loaders.postgres.ledger"
POINTS = {
    "orc_executor.loaders.postgres.spool:Spooler.spool:after:1": False,
    f"{LEDGER}:PostgresLedger.lock:after:1": False,
    "orc_executor.loaders.postgres.landing:Landing.land:after:1": False,
    f"{LEDGER}:PostgresLedger.write:after:1": False,
    f"{TABLE}._commit:before:1": False,
    f"{TABLE}._commit:after:1": True,
}
"""Where the worker is killed, and whether it has committed there."""
LOCK = "SELECT pg_advisory_lock(hashtextextended('orc:public.t', 0))"
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
)
WAIT_SECONDS_MAX = 30.0


@pytest.fixture
def worker(tmp_path, warehouse):
    with warehouse_worker(tmp_path, warehouse.url) as worker:
        yield worker


def postgres(disposition="append", **more):
    return {
        "type": "postgres", "connection": CONNECTION, "table_name": "t", "write_disposition": disposition, **more,
    }  # fmt: skip


LOADERS = [
    postgres("replace"),
    postgres("append"),
    postgres("merge", primary_key=["a"]),
    postgres("merge", primary_key=["a"], merge={"strategy": "delete-insert"}),
    postgres("insert-only", primary_key=["a"]),
]


def rows(warehouse):
    return warehouse.run("SELECT * FROM t ORDER BY a")


@pytest.mark.parametrize("loader", LOADERS, ids=lambda loader: loader["write_disposition"])
@pytest.mark.parametrize(("point", "is_loaded"), POINTS.items())
def test_killed_anywhere_and_ordered_again_it_is_loaded_once(  # noqa: PLR0917
    worker, warehouse, tmp_path, loader, point, is_loaded
):  # fmt: skip
    """The second attempt finds the receipt or loads; of the first there is all or nothing."""
    worker.load({"type": "inline", "rows": [{"a": 7}]}, loader)
    first = order(INLINE, loader)
    with warehouse_worker(
        tmp_path, warehouse.url, program=MORTAL, KILL_AT=point, PYTHONPATH=str(Path(__file__).parents[1])
    ) as mortal:
        mortal.say(first)
        with pytest.raises(EOFError):
            mortal.answer()
        mortal.process.wait()
    answer = worker.perform(INLINE, loader, run_id=first.run_id, attempt=2, check_receipt=True)
    assert (type(answer), answer.already, answer.result.rows) == (Loaded, is_loaded, 2)
    kept = [] if loader["write_disposition"] == "replace" else [(7,)]
    assert rows(warehouse) == [(1,), (2,), *kept]


@pytest.mark.parametrize(("cut", "is_loaded"), [("before", False), ("after", True)])
def test_a_commit_of_which_nothing_is_heard_is_asked_for_again(warehouse, database, tmp_path, cut, is_loaded):
    """On another connection, behind the lock: it happened, or it did not and may be tried again."""
    port = database.server.port
    with CuttingProxy(port, cut) as proxy:
        url = warehouse.url.replace(f":{port}/", f":{proxy.port}/")
        with warehouse_worker(tmp_path, url) as cut_off:
            answer = cut_off.perform(INLINE, postgres())
            assert proxy.cuts == 1
            if is_loaded:
                assert (answer.result.rows, answer.already) == (2, False)
            else:
                assert (answer.kind, answer.retryable) == ("target_unavailable", True)
                assert cut_off.load(INLINE, postgres()) == 2
    assert rows(warehouse) == [(1,), (2,)]


def test_a_commit_that_nobody_can_be_asked_about_ends_the_worker(worker, warehouse, database, tmp_path):
    """In doubt, and not as failed; the next attempt finds the receipt."""
    port, first = database.server.port, order(INLINE, postgres())
    with CuttingProxy(port, "after", vanishes=True) as proxy:
        url = warehouse.url.replace(f":{port}/", f":{proxy.port}/")
        with warehouse_worker(tmp_path, url) as cut_off:
            cut_off.say(first)
            with pytest.raises(EOFError) as said:
                cut_off.answer()
            assert cut_off.process.wait() == EXIT_UNCERTAIN
    assert "the commit's outcome is not known" in str(said.value)
    answer = worker.perform(INLINE, postgres(), run_id=first.run_id, attempt=2, check_receipt=True)
    assert (answer.already, rows(warehouse)) == (True, [(1,), (2,)])


def test_a_constraint_that_is_checked_at_the_commit_fails_the_load(worker, warehouse):
    """The server said no, so nothing is in doubt."""
    warehouse.run("CREATE TABLE t (a bigint UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO t VALUES (1)")
    kind, message = worker.fail(INLINE, postgres())
    assert (kind, "duplicate key" in message) == ("wrong_shape", True)
    assert rows(warehouse) == [(1,)]


def test_an_earlier_attempt_loads_no_more_once_a_later_one_has_looked(worker, warehouse):
    """However long it slept."""
    worker.load(INLINE, postgres())
    first = order(INLINE, postgres())
    again = {"run_id": first.run_id, "attempt": 2, "check_receipt": True, "settle": True}
    assert worker.perform(INLINE, postgres(), **again) == NoReceipt()
    worker.say(first)
    answer = worker.answer()
    assert (answer.kind, answer.message) == (
        "internal",
        "attempt 1 may not load any more: attempt 2 has begun",
    )
    assert rows(warehouse) == [(1,), (2,)]


def test_a_receipt_is_found_and_settled_by(worker, warehouse):
    """By whoever asks for the same root run and task."""
    one = order(INLINE, postgres())
    worker.say(one)
    result = worker.answer().result
    again = {"run_id": one.run_id, "attempt": 2, "check_receipt": True}
    assert worker.perform(INLINE, postgres(), **again) == Loaded(result, already=True)
    assert worker.perform(INLINE, postgres(), **again, settle=True) == Loaded(result, already=True)
    assert worker.perform(INLINE, postgres(), settle=True) == NoReceipt()
    assert rows(warehouse) == [(1,), (2,)]


@pytest.mark.parametrize("disposition", ["replace", "append"])
def test_two_workers_take_turns_at_one_table(worker, warehouse, tmp_path, disposition):
    """Each waits for the other's load, the making of the table and of our schema included."""
    with warehouse_worker(tmp_path, warehouse.url) as other:
        for _ in range(5):
            for each in (worker, other):
                each.say(order(INLINE, postgres(disposition)))
            for each in (worker, other):
                assert each.answer().result.rows == 2
    assert warehouse.run("SELECT count(*) FROM t") == [(2 if disposition == "replace" else 20,)]
    assert warehouse.run("SELECT count(*) FROM _orc.receipts") == [(10,)]


def test_one_run_ordered_at_two_workers_is_loaded_once(worker, warehouse, tmp_path):
    """Whoever comes second finds the receipt of the first."""
    one = order(INLINE, postgres(), check_receipt=True)
    with warehouse_worker(tmp_path, warehouse.url) as other:
        for each in (worker, other):
            each.say(one)
        answers = [each.answer() for each in (worker, other)]
    assert sorted(answer.already for answer in answers) == [False, True]
    assert rows(warehouse) == [(1,), (2,)]


def test_readers_see_the_old_rows_until_the_new_ones_are_all_there(worker, warehouse, tmp_path):
    """A load that waits with its rows staged, for one who reads, changes nothing for others."""
    worker.load({"type": "inline", "rows": [{"a": 7}]}, postgres("replace"))
    with warehouse.session() as reader:
        reader("BEGIN")
        assert [tuple(row) for row in reader("SELECT * FROM t")] == [(7,)]
        answer = worker.perform(INLINE, postgres("replace"), task_timeout_seconds=1.5)
        assert answer.retryable, answer
        assert [tuple(row) for row in reader("SELECT * FROM t")] == [(7,)]
        reader("COMMIT")
    assert rows(warehouse) == [(7,)]
    assert worker.load(INLINE, postgres("replace")) == 2


def test_a_lock_is_waited_for_no_longer_than_the_task_may_take(worker, warehouse):
    """The run may be tried again."""
    with warehouse.session() as holder:
        holder(LOCK)
        answer = worker.perform(INLINE, postgres(), task_timeout_seconds=2)
    assert (answer.kind, answer.retryable, answer.message) == (
        "target_locked",
        True,
        "public.t: another task has been loading into it, for as long as the task may take",
    )


def test_a_stop_ends_what_the_server_does(worker, warehouse):
    """It waits for nothing any more, and the worker goes on."""
    with warehouse.session() as holder:
        holder(LOCK)
        worker.say(order(INLINE, postgres()))
        until = time.monotonic() + WAIT_SECONDS_MAX
        while warehouse.run(WAITING) == [(0,)]:
            assert time.monotonic() < until, "the worker did not come to the lock"
        worker.say(Stop())
        assert worker.answer() == Stopped()
        assert warehouse.run(WAITING) == [(0,)]
    assert worker.load(INLINE, postgres()) == 2
