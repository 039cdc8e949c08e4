"""Incremental tasks into Parquet folders and Postgres tables, from Postgres: cursor and rows are kept together."""

import pytest
from support.parquet_dataset import dataset, manifest, rows
from support.warehouse import CONNECTION, warehouse_worker
from support.worker_process import order

from orc_domain.run_messages import CursorSet
from orc_executor.frames import Failed, Loaded

APPENDED = {
    "parquet": dataset(write_disposition="append"),
    "postgres": {
        "type": "postgres", "connection": CONNECTION, "table_name": "t", "write_disposition": "append",
    },
}  # fmt: skip


@pytest.fixture
def worker(tmp_path, warehouse):
    with warehouse_worker(tmp_path, warehouse.url) as worker:
        yield worker


@pytest.fixture
def events(warehouse):
    """Make a table with a cursor of microseconds."""
    warehouse.run("CREATE TABLE events (n int, at timestamptz)")

    def add(*pairs):
        for n, at in pairs:
            warehouse.run("INSERT INTO events VALUES ($1, $2::text::timestamptz)", n, at)

    add((1, "2026-01-01 00:00:00.000001+00"), (2, "2026-01-01 00:00:00.000002+00"))
    return add


@pytest.fixture(params=["parquet", "postgres"])
def loader(request):
    return APPENDED[request.param]


def events_from(**more):
    return {
        "type": "sql",
        "connection": CONNECTION,
        "table": "events",
        "incremental": {"cursor": "at", **more},
    }


def loaded(worker, warehouse, loader):
    if loader["type"] == "parquet":
        return [n for (n,) in rows(worker, "SELECT n FROM found ORDER BY n")]
    return [n for (n,) in warehouse.run("SELECT n FROM t ORDER BY n")]


def test_a_run_goes_on_where_the_last_one_ended(worker, warehouse, events, loader):
    """To the microsecond; rows at the cursor itself come again and are recognised."""
    first = worker.perform(events_from(), loader)
    assert first.result.cursor == {"column": "at", "value": "2026-01-01 00:00:00.000002+00"}
    events(
        (3, "2026-01-01 00:00:00.000002+00"),
        (4, "2026-01-01 00:00:00.000003+00"),
        (0, "2025-12-31 00:00:00+00"),
    )
    assert worker.load(events_from(), loader) == 2
    assert worker.load(events_from(), loader) == 0
    assert loaded(worker, warehouse, loader) == [1, 2, 3, 4]


def test_a_lag_takes_rows_that_come_late_once(worker, warehouse, events, loader):
    """Back from the cursor, those that were loaded before left out."""
    config = events_from(lag="1h")
    worker.load(config, loader)
    events((3, "2025-12-31 23:30:00+00"), (4, "2025-12-31 22:30:00+00"))
    assert worker.load(config, loader) == 1
    assert loaded(worker, warehouse, loader) == [1, 2, 3]


def test_a_first_run_begins_where_the_config_says(worker, warehouse, events, loader):
    """And one whose cursor was set, there."""
    worker.load(events_from(initial="2026-01-01 00:00:00.000002+00"), loader)
    assert loaded(worker, warehouse, loader) == [2]
    worker.load(events_from(), loader, cursor_set=CursorSet(2, "2026-01-01 00:00:00.000001+00"))
    assert loaded(worker, warehouse, loader) == [1, 2, 2]


def test_the_server_is_asked_for_no_more_than_is_new(worker, warehouse, events, loader):
    """What was loaded does not even cross the wire."""
    warehouse.run(
        "INSERT INTO events SELECT n, '2025-01-01'::timestamptz FROM generate_series(10, 20000) AS s(n)"
    )
    whole = worker.perform(events_from(), loader).result.bytes
    assert worker.perform(events_from(), loader).result.bytes < whole / 1000


def test_two_runs_at_once_load_every_row_once(worker, warehouse, events, loader, tmp_path):
    """The one that comes second begins again from what the first has saved, the very first run of all included."""
    with warehouse_worker(tmp_path, warehouse.url) as other:
        for number in range(3, 8):
            for each in (worker, other):
                each.say(order(events_from(), loader))
            for each in (worker, other):
                assert isinstance(each.answer(), Loaded)
            assert loaded(worker, warehouse, loader) == list(range(1, number))
            events((number, f"2026-01-{number:02} 00:00:00+00"))


def test_a_load_that_fails_leaves_the_cursor(worker, warehouse, events, loader):
    """A row without one is told, and nothing of the run is kept."""
    worker.load(events_from(), loader)
    warehouse.run("INSERT INTO events VALUES (9, NULL)")
    assert worker.fail(events_from(), loader) == (
        "wrong_shape",
        "1 rows have no value in at, the cursor of incremental",
    )
    warehouse.run("DELETE FROM events WHERE n = 9")
    events((3, "2026-01-02"))
    assert worker.load(events_from(), loader) == 1
    assert loaded(worker, warehouse, loader) == [1, 2, 3]


def test_states_are_counted(worker, warehouse, events, loader):
    """One more with each load."""
    for _ in range(3):
        worker.load(events_from(), loader)
    if loader["type"] == "parquet":
        (state,) = manifest(worker)["states"].values()
        assert state["version"] == 3
    else:
        assert warehouse.run("SELECT version FROM _orc.states") == [(3,)]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (events_from(cursor="x"), "incremental.cursor names x, the columns are n, at"),
        (events_from(cursor="n", lag="1h"), "incremental.lag is 1h"),
    ],
)
def test_a_cursor_that_cannot_be_is_named(worker, events, loader, config, said):
    """The column, or the lag that is none of its type."""
    worker.perform(events_from(cursor="n"), loader)
    failed = worker.perform(config, loader)
    assert isinstance(failed, Failed), failed
    assert (failed.kind, said in failed.message) == ("wrong_shape", True), failed


def test_rows_that_cannot_be_read_are_skipped_and_counted(worker, warehouse, loader):
    """As many as the config allows; one more, and nothing is loaded."""
    (worker.data_dir / "x.jsonl").write_text('{"n": 1}\n{"n"\n{"n": 3}\n')
    source = {"type": "jsonl", "path": "x.jsonl", "on_bad_rows": {"mode": "skip", "max": 1}}
    result = worker.perform(source, loader).result
    assert (result.rows, result.bad_rows) == (2, 1)
    assert worker.fail({**source, "on_bad_rows": {"mode": "skip", "max": 0}}, loader)[0] == "bad_rows"
    assert loaded(worker, warehouse, loader) == [1, 3]
