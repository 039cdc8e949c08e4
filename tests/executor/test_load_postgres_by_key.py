"""Tables of a Postgres database whose rows have keys: merged, or only added to."""

import pytest
from support.warehouse import CONNECTION, warehouse_worker

from orc_domain.run_messages import TableLoad


def postgres(**more):
    return {"type": "postgres", "connection": CONNECTION, "table_name": "t", **more}


def inline(*rows):
    return {"type": "inline", "rows": list(rows)}


@pytest.fixture
def worker(tmp_path, warehouse):
    with warehouse_worker(tmp_path, warehouse.url) as worker:
        yield worker


@pytest.mark.parametrize("strategy", ["upsert", "delete-insert"])
def test_merge_changes_adds_and_deletes_by_key(worker, warehouse, strategy):
    """Of several rows with a key the last counts; the result tells what became of them."""
    loader = postgres(
        write_disposition="merge", primary_key=["ID"], merge={"strategy": strategy, "delete_column": "gone"}
    )
    worker.load(inline({"id": 1, "v": "a", "gone": False}, {"id": 2, "v": "b", "gone": None}), loader)
    assert warehouse.run("SELECT attname::text FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0") == [
        ("id",), ("v",),
    ]  # fmt: skip
    source = inline(
        {"id": 1, "v": "x", "gone": False}, {"id": 3, "v": "c", "gone": False}, {"id": 2, "v": "b", "gone": True},
        {"id": 1, "v": "z", "gone": False}, {"id": 9, "v": "b", "gone": True},
    )  # fmt: skip
    result = worker.perform(source, loader).result
    assert warehouse.run("SELECT * FROM t ORDER BY id") == [(1, "z"), (3, "c")]
    assert (result.rows, result.tables) == (
        5,
        (TableLoad(table="t", rows=5, inserted=1, updated=1, deleted=1),),
    )


def test_merge_takes_the_highest_and_leaves_columns_it_does_not_have(worker, warehouse):
    """Texts are ordered by their characters; a table that others made needs no index."""
    warehouse.run(
        "CREATE TABLE t (id int, v text, own text DEFAULT 'own'); INSERT INTO t VALUES (1, 'old', 'mine')"
    )
    loader = postgres(write_disposition="merge", primary_key=["id"], merge={"order_by": "v"})
    worker.load(inline({"id": 1, "v": "b"}, {"id": 1, "v": "B"}, {"id": 2, "v": None}), loader)
    assert warehouse.run("SELECT * FROM t ORDER BY id") == [(1, "b", "mine"), (2, None, "own")]


def test_insert_only_leaves_keys_that_are_there(worker, warehouse):
    """Keys of several columns, of any type that can be compared."""
    loader = postgres(write_disposition="insert-only", primary_key=["a", "b"])
    worker.load(inline({"a": 1, "b": "x", "v": 1}), loader)
    result = worker.perform(inline({"a": 1, "b": "x", "v": 2}, {"a": 1, "b": "y", "v": 3}), loader).result
    assert warehouse.run("SELECT * FROM t ORDER BY b") == [(1, "x", 1), (1, "y", 3)]
    assert result.tables == (TableLoad(table="t", rows=2, inserted=1),)


def test_a_key_is_never_null(worker, warehouse):
    """Such a row is no other's match."""
    loader = postgres(write_disposition="merge", primary_key=["a"])
    assert worker.fail(inline({"a": None, "b": 1}, {"a": 1, "b": 1}), loader)[0] == "wrong_shape"
    warehouse.run("CREATE TABLE t (a int, b int)")
    assert worker.fail(inline({"a": None, "b": 1}), loader) == (
        "wrong_shape",
        "1 rows have no value in the primary_key a",
    )
