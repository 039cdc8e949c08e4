"""Tables of DuckDB files: what a load leaves there, and what it refuses to touch."""

import hashlib
import subprocess
import sys

import duckdb
import pytest
from support.worker_process import INLINE, order, table, worker_process

APPEND = table(write_disposition="append")
FREEZE = {"tables": "freeze", "columns": "freeze", "data_type": "freeze"}
FROZEN = {**APPEND, "schema_contract": FREEZE}


@pytest.fixture
def worker(tmp_path):
    with worker_process(tmp_path) as worker:
        yield worker


def inline(*rows):
    return {"type": "inline", "rows": list(rows)}


def test_replace_swaps_the_whole_table(worker):
    """Other columns, other rows; neighbours stay."""
    worker.load(INLINE, table())
    worker.load(INLINE, table("neighbour"))
    worker.load(inline({"b": "x"}), table())
    assert worker.rows() == [("x",)]
    assert worker.rows("SELECT * FROM neighbour") == [(1,), (2,)]


def test_append_makes_the_table_and_then_adds_by_name(worker):
    """The order of columns is the table's."""
    worker.load(inline({"a": 1, "b": "x"}), APPEND)
    worker.load(inline({"b": "y", "A": 2}), APPEND)
    assert worker.rows() == [(1, "x"), (2, "y")]


def test_append_reads_a_text_file_as_the_table_is(worker):
    """What looks like a number or a date stays the text that the column holds; a fraction is not rounded into it."""
    for content in ("a,b\n1,x\n", "a,b\n2,007\n", "a,b\n3,2026-01-02\n"):
        (worker.data_dir / "x.csv").write_text(content)
        worker.load({"type": "csv", "path": "x.csv"}, APPEND)
    assert worker.rows() == [(1, "x"), (2, "007"), (3, "2026-01-02")]
    (worker.data_dir / "x.csv").write_text("a,b\n1.5,y\n")
    assert worker.fail({"type": "csv", "path": "x.csv"}, FROZEN) == (
        "source_malformed",
        "x.csv: row 1: column a: 1.5 is not BIGINT",
    )


def test_append_keeps_the_text_of_json_as_it_came(worker):
    """A text that looks like a date is not rewritten as DuckDB would print that date."""
    worker.load(inline({"at": "soon"}), APPEND)
    worker.load(inline({"at": "2026-01-02T03:04:05Z"}), APPEND)
    assert worker.rows() == [("soon",), ("2026-01-02T03:04:05Z",)]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"a": 1}, "the rows do not fit table t: the rows have no column b"),
        ({"a": 1, "b": "x", "c": 1}, "the rows do not fit table t: the table has no column c"),
        ({"a": 1.5, "b": "x"}, "the rows do not fit table t: column a is DOUBLE, in the table it is BIGINT"),
    ],
)
def test_a_frozen_table_refuses_rows_that_do_not_fit(worker, row, message):
    """Nothing is dropped, invented or rounded."""
    worker.load(inline({"a": 1, "b": "x"}), APPEND)
    assert worker.fail(inline(row), FROZEN) == ("contract_broken", message)
    assert worker.rows() == [(1, "x")]


def test_no_rows_at_all(worker):
    """A replaced table keeps its columns, an appended one everything, and none is made out of nothing."""
    assert worker.load(inline(), table("none")) == 0
    worker.load(INLINE, table())
    assert worker.load(inline(), APPEND) == 0
    assert worker.rows() == [(1,), (2,)]
    assert worker.load(inline(), table()) == 0
    assert worker.types() == {"a": "BIGINT"}
    assert worker.rows("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'") == [("t",)]


def test_rows_are_tagged_with_their_run(worker):
    """By the column that the config names, also when appending."""
    tagged = {**APPEND, "load_id_column": "_run"}
    first, second = order(INLINE, tagged), order(INLINE, tagged)
    for one in (first, second):
        worker.say(one)
        worker.answer()
    assert worker.rows("SELECT a, _run FROM t") == [
        (a, one.run_id) for one in (first, second) for a in (1, 2)
    ]
    assert worker.fail(inline({"_RUN": 1}), {**table(), "load_id_column": "_run"}) == (
        "wrong_shape",
        "the rows have a column _run already, which load_id_column names",
    )


@pytest.mark.parametrize(
    "name", ['a"b', "'; DROP TABLE keep; --", "select", "naïve tàble", "x" * 128, "main.t"]
)
def test_a_table_name_is_only_a_name(worker, name):
    """Whatever is in it, one table of that name is there afterwards and nothing else changed."""
    worker.load(INLINE, table("keep"))
    worker.load(INLINE, table(name))
    tables = worker.rows("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'")
    assert sorted(tables) == sorted([("keep",), (name,)])


def test_a_dry_run_does_everything_and_keeps_nothing(worker):
    """`:memory:` extracts and loads; no file appears."""
    dry = {**table(), "db_path": ":memory:"}
    assert worker.load(INLINE, dry) == 2
    assert worker.fail({"type": "csv", "path": "gone.csv"}, dry)[0] == "source_missing"
    assert worker.load(INLINE, dry, check_receipt=True) == 2
    assert list(worker.data_dir.glob("*memory*")) == []


def test_a_name_that_is_a_view_is_refused(worker):
    """It is not ours to drop."""
    worker.load(INLINE, table())
    with duckdb.connect(str(worker.data_dir / "out.duckdb")) as connection:
        connection.execute("CREATE VIEW v AS SELECT 1 AS one")
    kind, message = worker.fail(INLINE, table("v"))
    assert (kind, "view" in message.lower()) == ("target_unusable", True)
    assert worker.rows("SELECT * FROM v") == [(1,)]


def test_a_file_that_is_no_database_of_ours_is_not_touched(worker):
    """Text, a torn file, flipped bits: the run fails saying so, and every byte stays."""
    worker.load({"type": "csv", "path": _csv(worker)}, table())
    path = worker.data_dir / "out.duckdb"
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[100], flipped[4200], flipped[8300] = 1, flipped[4200] ^ 255, flipped[8300] ^ 255
    for content in (b"hello, I am a text\n" * 500, whole[:8192], bytes(flipped)):
        path.write_bytes(content)
        kind, message = worker.fail(INLINE, table())
        assert (kind, message[:11]) == ("target_unusable", "out.duckdb:")
        assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(content).digest()
        assert list(worker.data_dir.glob("*.wal")) == []
    path.write_bytes(whole)
    assert worker.load(INLINE, table()) == 2


def test_a_new_file_is_there_whole_or_not_at_all(worker, tmp_path):
    """It is made under another name, what a killed worker left of that is thrown away, and then renamed."""
    (tmp_path / "out.duckdb.orc-unfinished").mkdir()
    assert worker.fail(INLINE, table())[0] == "target_unusable"
    assert not (tmp_path / "out.duckdb").exists()
    (tmp_path / "out.duckdb.orc-unfinished").rmdir()
    (tmp_path / "out.duckdb.orc-unfinished").write_text("half a database")
    assert worker.load(INLINE, table()) == 2
    assert not (tmp_path / "out.duckdb.orc-unfinished").exists()


def test_a_file_that_another_process_has_open_is_waited_for(worker):
    """As long as the task may take; the error names the process and the run may be tried again."""
    worker.load(INLINE, table())
    holder = subprocess.Popen(
        [sys.executable, "-c", "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); sys.stdin.read()",
         str(worker.data_dir / "out.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    holder.stdout.readline()
    answer = worker.perform(INLINE, table(), task_timeout_seconds=0.5)
    assert (answer.kind, answer.retryable) == ("target_locked", True)
    assert f"PID {holder.pid}" in answer.message
    worker.say(order(INLINE, table()))
    holder.communicate()
    assert worker.answer().result.rows == 2


def test_two_workers_take_turns_at_one_file(worker, tmp_path):
    """Each waits for the other's load; every row of both is there."""
    with worker_process(tmp_path) as other:
        for _ in range(10):
            for each in (worker, other):
                each.say(order(INLINE, APPEND))
            for each in (worker, other):
                assert each.answer().result.rows == 2
    assert worker.rows("SELECT count(*) FROM t") == [(40,)]
    assert worker.rows("SELECT count(*) FROM _orc.receipts") == [(20,)]


def test_a_lock_is_waited_for_no_longer_than_the_task_may_take(worker, tmp_path):
    """Our own lock: whoever holds it, the file is not even opened."""
    import fcntl  # noqa: PLC0415

    worker.load(INLINE, table())
    with (tmp_path / "out.duckdb.orc-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = worker.perform(INLINE, table(), task_timeout_seconds=0.3)
    assert (answer.kind, answer.retryable) == ("target_locked", True)


def _csv(worker, rows=5000):
    (worker.data_dir / "rows.csv").write_text("id,v\n" + "".join(f"{n},{n}\n" for n in range(rows)))
    return "rows.csv"
