"""What each write disposition makes of the rows that are there."""

import random
from datetime import datetime
from uuid import uuid4

import pytest
from support.worker_process import table, worker_process

MERGE = table(write_disposition="merge", primary_key=["id"])
DISPOSITIONS = {
    "replace": table(),
    "append": table(write_disposition="append"),
    "merge": MERGE,
    "delete-insert": {**MERGE, "merge": {"strategy": "delete-insert"}},
    "insert-only": table(write_disposition="insert-only", primary_key=["id"]),
    "scd2": table(write_disposition="scd2", primary_key=["id"]),
}


@pytest.fixture
def worker(tmp_path):
    with worker_process(tmp_path) as worker:
        yield worker


def inline(*rows):
    return {"type": "inline", "rows": list(rows)}


def result(worker, extractor, loader, **more):
    return worker.perform(extractor, loader, **more).result


def counts(loaded):
    (told,) = loaded.tables
    return told.inserted, told.updated, told.deleted


def test_merge_changes_adds_and_counts(worker):
    """Keys that are there get the new row, the others are added, and the receipt tells how many of each."""
    worker.load(inline({"id": 1, "v": "a"}, {"id": 2, "v": "b"}), MERGE)
    loaded = result(worker, inline({"id": 2, "v": "B"}, {"id": 3, "v": "c"}), MERGE)
    assert sorted(worker.rows()) == [(1, "a"), (2, "B"), (3, "c")]
    assert counts(loaded) == (1, 1, 0)


def test_upsert_leaves_columns_alone_that_the_rows_have_not(worker):
    """A change of one column is no loss of the others; delete-insert puts the row in place of the old one."""
    worker.load(inline({"id": 1, "v": "a", "w": 1}), MERGE)
    worker.load(inline({"id": 1, "v": "A"}, {"id": 2, "v": "b"}), MERGE)
    assert sorted(worker.rows()) == [(1, "A", 1), (2, "b", None)]
    worker.load(inline({"id": 1, "v": "AA"}), DISPOSITIONS["delete-insert"])
    assert sorted(worker.rows()) == [(1, "AA", None), (2, "b", None)]


@pytest.mark.parametrize(("order_by", "kept"), [(None, "last"), ("at", "latest")])
def test_of_rows_with_the_same_key_one_counts(worker, order_by, kept):
    """The highest by order_by, else the last that came."""
    loader = {**MERGE, "merge": {"order_by": order_by}} if order_by else MERGE
    rows = [
        {"id": 1, "at": 9, "v": "latest"},
        {"id": 1, "at": 1, "v": "first"},
        {"id": 1, "at": 5, "v": "last"},
    ]
    worker.load(inline(*rows), loader)
    assert worker.rows("SELECT v FROM t") == [(kept,)]


def test_marked_rows_delete_their_key(worker):
    """By true, a text or a number but 0; the mark is no column of the table."""
    loader = {**MERGE, "merge": {"delete_column": "gone"}}
    worker.load(inline(*({"id": n, "v": n, "gone": None} for n in range(6))), loader)
    marks = [True, 1, "deleted", 0, False, None]
    for number, mark in enumerate(marks):
        loaded = result(worker, inline({"id": number, "v": -1, "gone": mark}), loader)
        assert counts(loaded) == ((0, 0, 1) if number < 3 else (0, 1, 0))
    assert sorted(worker.rows()) == [(3, -1), (4, -1), (5, -1)]


def test_insert_only_never_changes_a_row(worker):
    """New keys are added, what is there stays."""
    loader = DISPOSITIONS["insert-only"]
    worker.load(inline({"id": 1, "v": "a"}, {"id": None, "v": "x"}), table())
    loaded = result(worker, inline({"id": 1, "v": "A"}, {"id": 2, "v": "b"}), loader)
    assert sorted(worker.rows("SELECT v FROM t")) == [("a",), ("b",), ("x",)]
    assert counts(loaded) == (1, 0, 0)


def test_scd2_keeps_every_version(worker):
    """A changed row ends the old version at the instant that begins the new; an absent key ends; the same row changes nothing."""
    loader = DISPOSITIONS["scd2"]
    worker.load(inline({"id": 1, "v": "a"}, {"id": 2, "v": "b"}, {"id": 3, "v": None}), loader)
    loaded = result(worker, inline({"id": 1, "v": "A"}, {"id": 3, "v": None}, {"id": 4, "v": "d"}), loader)
    assert counts(loaded) == (1, 1, 1)
    versions = "SELECT id, v, valid_from, valid_to FROM t ORDER BY id, valid_from"
    (first, began, ended), (second, again, still), third, _, _ = (
        (row[1], row[2], row[3]) for row in worker.rows(versions)
    )
    assert (first, second, ended, still) == ("a", "A", again, None)
    assert isinstance(began, datetime)
    assert third[2] == again
    assert worker.rows("SELECT id, v FROM t WHERE valid_to IS NULL ORDER BY id") == [
        (1, "A"),
        (3, None),
        (4, "d"),
    ]
    worker.load(inline({"id": 1, "v": "A"}), {**loader, "scd2": {"absent": "keep"}})
    assert worker.rows("SELECT count(*) FROM t WHERE valid_to IS NULL") == [(3,)]


@pytest.mark.parametrize("name", ["merge", "insert-only", "scd2"])
def test_a_row_without_its_key_fails_the_load(worker, name):
    """Nothing can be told of it, and nothing is dropped in silence."""
    worker.load(inline({"id": 1, "v": "a"}), DISPOSITIONS[name])
    before = worker.rows()
    kind, message = worker.fail(inline({"id": None, "v": "b"}, {"id": 2, "v": "c"}), DISPOSITIONS[name])
    assert (kind, message) == ("wrong_shape", "1 rows have no value in the primary_key id")
    assert worker.rows() == before
    assert worker.fail(inline({"v": 1}), DISPOSITIONS[name])[1].startswith("primary_key names id")


@pytest.mark.parametrize("name", DISPOSITIONS)
def test_a_load_that_is_ordered_again_changes_nothing(worker, name):
    """Its receipt says all that the first answer said."""
    run, rows = uuid4(), inline({"id": 1, "v": "a"}, {"id": 2, "v": "b"})
    worker.load(inline({"id": 1, "v": "x"}), DISPOSITIONS[name])
    first = worker.perform(rows, DISPOSITIONS[name], run_id=run)
    before = worker.rows()
    again = worker.perform(rows, DISPOSITIONS[name], run_id=run, attempt=2, check_receipt=True)
    assert (again.already, again.result) == (True, first.result)
    assert worker.rows() == before


def test_merge_is_what_a_dictionary_does(worker):
    """Over many loads of random rows with two-part keys."""
    chance, truth = random.Random(5), {}
    loader = table(write_disposition="merge", primary_key=["a", "B"], merge={"delete_column": "gone"})
    for _ in range(12):
        rows = [
            {"a": chance.randint(0, 4), "b": chance.choice("xyz"), "v": chance.randint(0, 99), "gone": chance.random() < 0.2}
            for _ in range(chance.randint(1, 15))
        ]  # fmt: skip
        for row in {(row["a"], row["b"]): row for row in rows}.values():
            if row["gone"]:
                truth.pop((row["a"], row["b"]), None)
            else:
                truth[row["a"], row["b"]] = row["v"]
        worker.load(inline(*rows), loader)
        assert sorted(worker.rows()) == sorted((*key, value) for key, value in truth.items())


def test_an_older_file_format_is_made_on_request(worker):
    """For readers that lag behind."""
    worker.load(inline({"a": 1}), table(storage_version="v1.2.0"))
    sql = "SELECT tags['storage_version'] FROM duckdb_databases() WHERE NOT internal AND database_name <> 'memory'"
    assert "v1.2" in str(worker.rows(sql))


@pytest.mark.parametrize("name", DISPOSITIONS)
def test_a_source_that_fails_at_its_end_leaves_the_table_as_it_was(worker, name):
    """The last of many rows cannot be read: no row of the load is there, whatever the disposition."""
    lines = "".join(f"{n},v{n}\n" for n in range(50_000))
    (worker.data_dir / "x.csv").write_text(f"id,v\n{lines}")
    extractor = {"type": "csv", "path": "x.csv", "columns": {"id": "BIGINT", "v": "VARCHAR"}}
    worker.load(extractor, DISPOSITIONS[name])
    before = worker.rows("SELECT * FROM t ORDER BY ALL")
    (worker.data_dir / "x.csv").write_text(f"id,v\n{lines.replace(',v', ',changed')}broken,row\n")
    assert worker.fail(extractor, DISPOSITIONS[name])[0] == "source_malformed"
    assert worker.rows("SELECT * FROM t ORDER BY ALL") == before
