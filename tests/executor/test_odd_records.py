"""What records say is what the table gets: no field, offset or kind of value is lost on the way."""

import duckdb
import pytest
from support.worker_process import table, worker_process


@pytest.fixture
def worker(tmp_path):
    with worker_process(tmp_path) as worker:
        yield worker


def inline(*rows):
    return {"type": "inline", "rows": list(rows)}


@pytest.mark.parametrize(
    "rows", [({"Id": 1, "id": 2},), ({"Id": 1}, {"id": 2}), ({"id": 1, "id_1": 2}, {"ID": 3})]
)
def test_fields_that_differ_in_case_alone_are_told(worker, rows):
    """A table cannot have both, and the values of one would all be null."""
    kind, message = worker.fail(inline(*rows), table())
    assert kind == "wrong_shape"
    assert message.casefold() == "the records have a field id in two spellings that differ in case alone"


def test_a_number_behind_a_name_is_a_name(worker):
    """Fields that are called so are read, and É is another than é."""
    worker.load(inline({"id": 1, "id_1": 2, "É": 3}, {"é": 4, "id_2": 5}), table())
    assert worker.rows('SELECT id, id_1, id_2, "É", "é" FROM t') == [
        (1, 2, None, 3, None),
        (None, None, 5, None, 4),
    ]


@pytest.mark.parametrize("record", [{}, {"": 1}])
def test_records_without_fields_are_told(worker, record):
    """In words of ours, not of the engine's options."""
    assert worker.fail(inline(record), table()) == ("wrong_shape", "the records have no fields with a name")


def test_a_column_of_several_kinds_stays_so(worker):
    """Texts alone fit into it, and remain texts when they look like numbers."""
    append = table(write_disposition="append")
    worker.load(inline({"a": "x"}, {"a": 1}), append)
    worker.load(inline({"a": "y"}), append)
    worker.load(inline({"a": "12"}, {"a": "2026-01-01"}), append)
    assert worker.rows("SELECT a, json_type(a) FROM t") == [
        ('"x"', "VARCHAR"), ("1", "UBIGINT"), ('"y"', "VARCHAR"), ('"12"', "VARCHAR"), ('"2026-01-01"', "VARCHAR"),
    ]  # fmt: skip


@pytest.mark.parametrize("type_", ["TIMESTAMP", "TIMESTAMP_S", "DATE"])
def test_an_offset_is_not_dropped(worker, tmp_path, type_):
    """A time without a zone is UTC; what is another instant there is no value of the column."""
    lines = tmp_path / "a.jsonl"
    extractor = {"type": "jsonl", "path": "a.jsonl", "columns": {"a": type_}}
    lines.write_text('{"a": "2026-01-01T00:00:00+02:00"}\n')
    kind, message = worker.fail(extractor, table())
    assert (kind, f"2026-01-01T00:00:00+02:00 is not {type_}" in message) == ("source_malformed", True)
    lines.write_text('{"a": "2026-01-01T00:00:00Z"}\n{"a": "2026-01-01 00:00:00+00"}\n{"a": "2026-01-01"}\n')
    assert worker.load(extractor, table()) == 3


def test_a_table_that_does_not_take_a_row_is_told_as_that(worker, tmp_path):
    """It is not the source that is malformed."""
    worker.load(inline({"id": 1, "v": 2}), table())
    with duckdb.connect(str(tmp_path / "out.duckdb")) as connection:
        connection.execute("ALTER TABLE t ALTER COLUMN v SET NOT NULL")
    told = worker.fail(inline({"id": 1, "v": None}), table(write_disposition="append"))
    assert told == ("wrong_shape", "the table does not take the rows: NOT NULL constraint failed: t.v")
