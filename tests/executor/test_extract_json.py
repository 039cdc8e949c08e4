"""JSON files: arrays, objects and lines, with the types of all their records."""

import gzip
import json
from decimal import Decimal

import pyarrow as pa
import pytest
from support.worker_process import DISCARD, table, worker_process


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    with worker_process(tmp_path_factory.mktemp("json")) as worker:
        yield worker


def write(worker, name, content):
    path = worker.data_dir / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


def test_an_array_an_object_and_lines_are_records(worker):
    """Each file of a glob may be another; an empty array has none."""
    write(worker, "mix/a.json", '\n [{"a": 1},\n{"a": 2, "b": "x"}]')
    write(worker, "mix/b.json", '{"a":\n3.5}')
    write(worker, "mix/c.json", '{"a": 4}\n{"a": 5}\n')
    write(worker, "mix/d.json", " [ ] ")
    write(worker, "mix/e.json", '[{"a": 6}]')
    assert worker.load({"type": "json", "path": "mix/*.json"}, table()) == 6
    assert worker.rows() == [(1.0, None), (2.0, "x"), (3.5, None), (4.0, None), (5.0, None), (6.0, None)]
    assert worker.load({"type": "json", "path": "mix/d.json"}, DISCARD) == 0


def test_types_come_from_every_record_of_every_file(worker):
    """A fraction, a key and a large number in the last of many files count as much as in the first."""
    for number in range(40):
        write(worker, f"many/{number:02}.jsonl", lines({"a": 1, "n": number}) * 50)
    write(worker, "many/99.jsonl", lines({"a": 0.5, "n": 2**63, "late": {"x": [1]}}))
    assert worker.load({"type": "jsonl", "path": "many/*.jsonl"}, table()) == 2001
    assert worker.types() == {"a": "DOUBLE", "n": "HUGEINT", "late": "STRUCT(x BIGINT[])"}
    assert worker.rows("SELECT max(n), min(a) FROM t") == [(2**63, 0.5)]


def test_whole_numbers_beyond_a_double_stay_exact(worker):
    """Up to where the type of all of them is a whole one."""
    write(worker, "x.jsonl", lines({"n": -1}, {"n": 2**64 - 1}, {"n": 2**53 + 1}))
    worker.load({"type": "jsonl", "path": "x.jsonl"}, table())
    assert worker.rows() == [(-1,), (2**64 - 1,), (2**53 + 1,)]


def test_declared_types_hold_what_is_written(worker):
    """Where a number would have been read as a fraction it comes from its text; an absent column is null."""
    write(
        worker,
        "x.jsonl",
        '{"h": 18446744073709551616, "d": 0.10, "t": "2026-01-02", "j": {"a": [1]}, "s": 1.0}\n',
    )
    columns = {
        "h": "HUGEINT",
        "d": "DECIMAL(30,2)",
        "T": "TIMESTAMP",
        "j": "JSON",
        "s": "STRING",
        "gone": "INT8",
    }
    worker.load({"type": "jsonl", "path": "x.jsonl", "columns": columns}, table())
    assert worker.types() == {
        "h": "HUGEINT", "d": "DECIMAL(30,2)", "t": "TIMESTAMP", "j": "JSON", "s": "VARCHAR", "gone": "BIGINT",
    }  # fmt: skip
    assert worker.rows("SELECT h, d, CAST(t AS VARCHAR), j, s, gone FROM t") == [
        (2**64, Decimal("0.10"), "2026-01-02 00:00:00", '{"a":[1]}', "1.0", None)
    ]


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        (1.5, "BIGINT"), ("1.5", "BIGINT"), ("x", "BIGINT"), (300, "TINYINT"), (1.239, "DECIMAL(10,2)"),
        ("2026-01-02 10:00:00", "DATE"), ([1.5], "BIGINT[]"), (True, "INTEGER"), (2**64, "UBIGINT"),
        ("2026-01-02 10:00:00.1234567", "TIMESTAMP"),
    ],
)  # fmt: skip
def test_a_value_that_its_type_cannot_hold_is_told_and_never_rounded(worker, value, type_):
    """With file, line, column and value, of lines; the empty ones count."""
    write(worker, "x.jsonl", "\n" + lines({"v": None}, {"v": value}))
    config = {"type": "jsonl", "path": "x.jsonl", "columns": {"v": type_}}
    kind, message = worker.fail(config, table())
    assert kind == "source_malformed"
    assert message.startswith("x.jsonl, line 3: column v: ")
    write(worker, "x.json", json.dumps([{"v": value}]))
    kind, message = worker.fail({**config, "type": "json", "path": "x.json"}, table())
    assert kind in {"source_malformed", "wrong_shape"}
    assert "x.json" in message


def test_records_are_where_a_path_leads(worker):
    """By names, or by any JSONPath; the file is kept apart from others of the glob."""
    write(worker, "p1.json", '{"data": {"items": [{"a": 1}, {"a": 2}], "n": 2}}')
    write(worker, "p2.json", '{"data": {"items": []}}')
    write(worker, "p3.json", '\ufeff{"data": {"items": [{"a": 3.5}]}}')
    config = {"type": "json", "path": "p?.json", "file_name_column": "file"}
    for path in ("$.data.items", "$.data.items[*]", "$..items[?@.a]"):
        assert worker.load({**config, "records": path}, table()) == 3
        assert worker.rows() == [(1.0, "p1.json"), (2.0, "p1.json"), (3.5, "p3.json")]
    write(worker, "p2.json", '{"data": 5}')
    kind, message = worker.fail({**config, "records": "$.data.items"}, table())
    assert (kind, message[:8]) == ("source_malformed", "p2.json:")


def test_compressed_files_and_other_encodings_are_read(worker):
    """By the end of the name, or as the config says."""
    text = lines({"a": "é"}, {"a": "日"})
    for name, content, more in (
        ("c.jsonl.gz", gzip.compress(text.encode()), {}),
        ("c.jsonl.zst", pa.Codec("zstd").compress(text.encode(), asbytes=True), {}),
        ("c.packed", gzip.compress(text.encode()), {"compression": "gzip"}),
        ("c16.jsonl", json_16 := "".join(text).encode("utf-16"), {"encoding": "utf-16"}),
        ("c16.jsonl.gz", gzip.compress(json_16), {"encoding": "utf-16"}),
        ("bom.jsonl", b"\xef\xbb\xbf" + text.encode().replace(b"\n", b"\r\n"), {}),
    ):
        write(worker, name, content)
        assert worker.load({"type": "jsonl", "path": name, **more}, table()) == 2
        assert worker.rows() == [("é",), ("日",)]


def test_columns_are_chosen_and_renamed_and_tell_their_file(worker):
    """The file's column comes without being selected."""
    write(worker, "s/1.jsonl", lines({"a": 1, "b": 2, "c": 3}))
    write(worker, "s/2.jsonl", lines({"a": 4, "b": 5, "c": 6}))
    config = {
        "type": "jsonl",
        "path": ["s/2.jsonl", "s/*.jsonl"],
        "select": ["c", "A"],
        "rename": {"c": "C 3"},
    }
    worker.load({**config, "file_name_column": "file"}, table())
    assert list(worker.types()) == ["C 3", "a", "file"]
    assert worker.rows() == [(6, 4, "s/2.jsonl"), (3, 1, "s/1.jsonl")]
    kind, message = worker.fail({**config, "file_name_column": "a"}, table())
    assert (kind, "file_name_column" in message) == ("wrong_shape", True)


def test_a_table_that_is_appended_to_keeps_its_texts(worker):
    """A value is read as the table's type where that loses nothing."""
    worker.load({"type": "inline", "rows": [{"when": "x", "a": 0.5}]}, table("kept"))
    write(worker, "x.jsonl", lines({"day": "2026-01-02", "a": 1}))
    config = {"type": "jsonl", "path": "x.jsonl", "rename": {"day": "when"}}
    worker.load(config, table("kept", write_disposition="append"))
    assert worker.rows("SELECT * FROM kept") == [("x", 0.5), ("2026-01-02", 1.0)]


def test_keys_that_differ_only_in_case_are_refused(worker):
    """DuckDB would read nothing for the second."""
    write(worker, "x.jsonl", lines({"a": 1, "A": 2}))
    assert worker.fail({"type": "jsonl", "path": "x.jsonl"}, table()) == (
        "wrong_shape", "the records have a field A in two spellings that differ in case alone",
    )  # fmt: skip
    write(worker, "x.jsonl", lines({"a": 1, "a_1": 2}))
    assert worker.load({"type": "jsonl", "path": "x.jsonl"}, table()) == 1


@pytest.mark.parametrize(
    ("type_", "content", "said"),
    [
        ("json", "", "x: the file is empty"), ("json", " \n", "x: the file is empty"),
        ("json", "<html>", "x: begins as neither an array nor an object"), ("json", "5", "x: begins as neither"),
        ("json", '[{"a": 1}, 5]', "x"), ("json", '[{"a": 1}', "x"), ("json", '[{"a": 1} {"a": 2}]', "x"),
        ("json", '{"a": 1', "x"), ("json", "[[1]]", "x"),
        ("jsonl", '{"a": 1}\n\n{"a": 2', "x, line 3: is not JSON"), ("jsonl", '{"a": 1}\n5\n', "x, line 2: is UBIGINT, not"),
        ("jsonl", '{"a": 1}\n{"a": 1, "a": 2}\n', "x, line 2: has a key twice"), ("jsonl", "[1]\n", "x, line 1: is ARRAY"),
        ("jsonl", b'{"a": 1}\n{"a": "\xff"}\n', "x, line 2: is not UTF-8"), ("jsonl", "{}\n", "x: no record has a key"), ("json", "[{}, {}]", "x: no record has a key"),
    ],
)  # fmt: skip
def test_what_is_no_record_is_named(worker, type_, content, said):
    """With its file and, of lines, the line as an editor counts it; the table stays."""
    worker.load({"type": "inline", "rows": [{"before": 1}]}, table())
    write(worker, "x", content)
    for loader in (table(), DISCARD):
        kind, message = worker.fail({"type": type_, "path": "x"}, loader)
        assert kind in {"source_malformed", "wrong_shape"}
        assert message.startswith(said) or (said == "x" and "x" in message), message
    assert worker.rows() == [(1,)]


def test_files_of_lines_without_any_hold_no_rows(worker):
    """Empty, or of empty lines; others beside them are read."""
    write(worker, "e/1.jsonl", "")
    write(worker, "e/2.jsonl", "\n \n\r\n")
    assert worker.load({"type": "jsonl", "path": "e/*.jsonl"}, table()) == 0
    write(worker, "e/3.jsonl", lines({"a": 1}))
    write(worker, "e/4.jsonl", "{}\nnull\n")
    assert worker.load({"type": "jsonl", "path": "e/*.jsonl"}, table()) == 3
    assert worker.rows() == [(1,), (None,), (None,)]


def test_objects_of_several_files_get_the_keys_of_both(worker):
    """At any depth; what is a number in one file and a text in another stays as it was written."""
    for number in range(1, 6):
        write(worker, f"u/{number}.jsonl", lines({"o": {"a": 1, "l": [{"x": 1}]}, "v": 1, "d": "2026-01-02"}))
    write(
        worker, "u/6.jsonl", lines({"o": {"a": 0.5, "l": [{"y": "z"}]}, "v": "x", "d": "2026-01-02 10:00:00"})
    )
    write(worker, "u/7.jsonl", lines({"o": None, "v": True, "d": None}))
    assert worker.load({"type": "jsonl", "path": "u/*.jsonl"}, table()) == 7
    assert worker.types() == {
        "o": "STRUCT(a DOUBLE, l STRUCT(x BIGINT, y VARCHAR)[])", "v": "JSON", "d": "VARCHAR",
    }  # fmt: skip
    assert worker.rows("SELECT v, o.l[1].y FROM t")[4:] == [("1", None), ('"x"', "z"), ("true", None)]
