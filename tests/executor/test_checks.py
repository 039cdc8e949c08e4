"""Checks as a run meets them: the table as it was, or a warning in the result."""

import pytest
from support.worker_process import order, table, worker_process

ROWS = {"type": "inline", "rows": [{"id": 1, "s": "a"}, {"id": 2, "s": "b"}]}
TWICE = {"type": "inline", "rows": [{"id": 2, "s": None}]}
UNIQUE = {"type": "unique", "columns": ["id"]}


@pytest.fixture
def worker(tmp_path):
    """Start a worker whose data folder is the test's."""
    with worker_process(tmp_path) as worker:
        yield worker


def checked(*checks, **more):
    return table(checks=list(checks), **more)


@pytest.mark.parametrize("disposition", ["append", "replace"])
def test_a_load_that_fails_its_checks_leaves_the_table_as_it_was(worker, disposition):
    """Its rows, its columns, and no receipt: the same order may load later, and the worker goes on."""
    worker.load(ROWS, table())
    bad = {"type": "not_null", "columns": ["s"]}
    one = order(TWICE, checked(bad, {"type": "row_count", "min": 5}, write_disposition=disposition))
    for _ in range(2):
        worker.say(one)
        answer = worker.answer()
        assert (answer.kind, answer.retryable) == ("checks_failed", False)
        assert answer.message == (
            "the table is left as it was: checks[0] not_null(s): s is null in 1 row; "
            "checks[1] row_count: 1 row loaded, at least 5 must be"
        )
        assert worker.rows() == [(1, "a"), (2, "b")]
        assert worker.rows("SELECT count(*) FROM _orc.receipts") == [(1,)]
    assert worker.load(ROWS, checked(UNIQUE, bad)) == 2


def test_a_first_load_that_fails_its_checks_makes_no_table(worker):
    """Not even an empty one."""
    assert worker.fail(ROWS, checked({"type": "row_count", "max": 1}))[0] == "checks_failed"
    assert worker.rows("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'") == []


def test_a_check_looks_at_the_table_as_it_will_be(worker):
    """With the rows that were there before, when they stay; row_count counts those of the run alone."""
    worker.load(ROWS, checked(UNIQUE, write_disposition="append"))
    assert worker.fail(TWICE, checked(UNIQUE, write_disposition="append")) == (
        "checks_failed",
        "the table is left as it was: checks[0] unique(id): 1 key stands twice, such as id = 2",
    )
    count = {"type": "row_count", "min": 1, "max": 1}
    merged = checked(UNIQUE, count, write_disposition="merge", primary_key=["id"])
    assert worker.load(TWICE, merged) == 1
    assert worker.rows("SELECT * FROM t ORDER BY id") == [(1, "a"), (2, None)]


def test_a_warning_is_told(worker):
    """In the result, as its receipt keeps it: asked again, it says the same."""
    warn = {"type": "accepted_values", "column": "s", "values": ["a"], "severity": "warn"}
    one = order(ROWS, checked(UNIQUE, warn))
    worker.say(one)
    answer = worker.answer()
    said = ("checks[1] accepted_values(s): 1 row with another value, such as b",)
    assert answer.result.warnings == said
    assert worker.rows() == [(1, "a"), (2, "b")]
    worker.say(order(ROWS, checked(UNIQUE, warn), run_id=one.run_id, attempt=2, check_receipt=True))
    again = worker.answer()
    assert (again.already, again.result.warnings) == (True, said)


def test_a_query_over_two_tables(worker):
    """It names them plainly; once it is met, the load goes through."""
    worker.load({"type": "inline", "rows": [{"id": 1}]}, table("known"))
    query = "SELECT t.id FROM t ANTI JOIN known USING (id)"
    known = {"type": "sql", "name": "known", "query": query}
    assert worker.fail(ROWS, checked(known)) == (
        "checks_failed",
        "the table is left as it was: checks[0] sql(known): it returns rows, such as {'id': 2}",
    )
    worker.load({"type": "inline", "rows": [{"id": 1}, {"id": 2}]}, table("known"))
    assert worker.load(ROWS, checked(known)) == 2


@pytest.mark.parametrize("query", ["SELECT nope FROM t", "SELECT CAST(s AS INTEGER) FROM t"])
def test_a_query_that_fails_leaves_the_worker_well(worker, query):
    """Binding and running alike, and though it may only warn; the same worker loads the next order."""
    worker.load(ROWS, table())
    failing = {"type": "sql", "query": query, "severity": "warn"}
    kind, message = worker.fail(ROWS, checked(failing))
    assert (kind, message.partition(": checks[0] sql: the query fails: ")[1] != "") == ("checks_failed", True)
    assert worker.rows() == [(1, "a"), (2, "b")]
    pid = worker.process.pid
    assert worker.load(TWICE, table()) == 1
    assert (worker.process.pid, worker.process.poll()) == (pid, None)


def test_a_query_without_end_is_stopped_with_the_task(worker):
    """It is bounded by the task's time as the load is."""
    endless = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0"
    answer = worker.perform(ROWS, checked({"type": "sql", "query": endless}), task_timeout_seconds=1.0)
    assert (answer.kind, answer.retryable) == ("task_timeout", True)
    assert worker.load(ROWS, table()) == 2
