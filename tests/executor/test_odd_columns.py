"""Columns as sources have them: many keys, few in common, names that look like comments."""

import json

import pytest
from support.worker_process import table, worker_process

MANY = 300


@pytest.fixture
def worker(tmp_path):
    with worker_process(tmp_path) as worker:
        yield worker


def write(worker, name, *records):
    (worker.data_dir / name).write_text("\n".join(map(json.dumps, records)))


@pytest.mark.parametrize("type_", ["json", "jsonl", "inline"])
@pytest.mark.parametrize(
    "records",
    [
        [{f"k{key}": key for key in range(MANY)}],
        [{f"k{key}": "text" for key in range(MANY)}] * 2,
        [{f"k{key}": key} for key in range(30)],
        [{f"k{key}": key} for key in range(MANY)],
    ],
)
def test_records_are_records_however_many_keys_they_have(worker, type_, records):
    """Each key is a column, also where DuckDB would take records of one type, or with little in common, for maps."""
    write(worker, "x", *records)
    extractor = {"type": "inline", "rows": records} if type_ == "inline" else {"type": type_, "path": "x"}
    assert worker.load(extractor, table()) == len(records)
    keys = list(dict.fromkeys(key for record in records for key in record))
    assert list(worker.types()) == keys
    assert worker.rows() == [tuple(record.get(key) for key in keys) for record in records]


def test_what_are_no_records_is_told_all_the_same(worker):
    """A file of numbers, or of records and numbers, is refused; one of empty records has no key."""
    write(worker, "numbers", 1, 2)
    write(worker, "mixed", {"a": 1}, 2)
    write(worker, "empty", {}, {})
    faults = (("numbers", "line 1"), ("mixed", "line 2"), ("empty", "no record has a key"))
    for path, said in faults:
        kind, message = worker.fail({"type": "jsonl", "path": path}, table())
        assert kind in {"wrong_shape", "source_malformed"}
        assert said in message


@pytest.mark.parametrize("mode", ["fail", "skip"])
@pytest.mark.parametrize(
    ("text", "columns", "rows"),
    [
        ('"#",b\n1,#x\n#3,4\n', ["#", "b"], [("1", "#x"), ("#3", "4")]),
        ("a,b\n#1,2\n#3,4\n", ["a", "b"], [("#1", 2), ("#3", 4)]),
        ('id,"# of\nunits"\n1,2\n3,4\n', ["id", "# of\nunits"], [(1, 2), (3, 4)]),
        ('"a#","b\n#c",d\n1,2,3\n', ["a#", "b\n#c", "d"], [(1, 2, 3)]),
    ],
)
def test_no_line_of_a_csv_file_is_a_comment(worker, text, columns, rows, mode):
    """`#` is a character like others, in names and in values."""
    (worker.data_dir / "x.csv").write_text(text)
    extractor = {"type": "csv", "path": "x.csv"}
    if mode != "fail":
        extractor["on_bad_rows"] = {"mode": mode}
    assert worker.load(extractor, table()) == len(rows)
    assert (list(worker.types()), worker.rows()) == (columns, rows)
