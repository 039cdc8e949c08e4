"""Columns of JSON records: declared types, and cursors whose text stays as it was written."""

import json

import duckdb
import pytest

from orc_executor.engine import Engine
from orc_executor.errors import WrongShape
from orc_executor.extractors.json.lines import json_scans
from orc_executor.scratch import Scratch
from orc_executor.worker_settings import WorkerSettings

NANO = "2026-05-13T09:00:00.123456789Z"


@pytest.fixture
def engine(tmp_path):
    scratch = Scratch(tmp_path / "scratch")
    yield Engine(WorkerSettings(data_dir=tmp_path), (str(tmp_path),), scratch)
    scratch.remove()


@pytest.fixture
def scan(engine, tmp_path):
    """Scan records, which may be JSON texts of their own."""

    def scan(records, wanted=None, **more):
        lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
        (tmp_path / "records.ndjson").write_text("\n".join(lines) + "\n")
        (found,) = json_scans(engine, tmp_path / "records.ndjson", 1, wanted, **more)
        return found

    return scan


def values(engine, found, column="*"):
    return engine.run(f"SELECT {column} FROM ({found.sql})")


def cursors(engine, found):
    """Return value and text of the cursor, the value as DuckDB writes it."""
    return engine.run(f"SELECT CAST({found.cursor.value} AS VARCHAR), {found.cursor.text} FROM ({found.sql})")


@pytest.mark.parametrize(
    ("record", "cursor", "type_", "value", "said"),
    [
        ({"at": NANO}, "AT", "TIMESTAMP WITH TIME ZONE", "2026-05-13 09:00:00.123456+00", NANO),
        ({"at": "2026-05-13"}, "at", "DATE", "2026-05-13", "2026-05-13"),
        ({"at": 17}, "at", "BIGINT", "17", "17"),
        ({"at": 1700000000.25}, "at", "DOUBLE", "1700000000.25", "1700000000.25"),
        ({"at": "x-1"}, "at", "VARCHAR", "x-1", "x-1"),
        ({"at": None}, "at", "VARCHAR", None, None),
        ({"a": {"b": {"at": NANO}}}, "a.b.at", "TIMESTAMP WITH TIME ZONE", "2026-05-13 09:00:00.123456+00", NANO),
        ({"a": {"at": None, "b": 1}}, "a.at", "VARCHAR", None, None),
        ({"a": {"at": 5, "c": [1]}}, "A.At", "BIGINT", "5", "5"),
        ({"a.b": NANO, "a": {"b": 1}}, "a.b", "TIMESTAMP WITH TIME ZONE", "2026-05-13 09:00:00.123456+00", NANO),
        ({"it's": {'"q"': "2026-05-13"}}, "it's.\"q\"", "DATE", "2026-05-13", "2026-05-13"),
    ],
)  # fmt: skip
def test_a_cursor_has_a_value_that_orders_and_the_text_of_the_source(  # noqa: PLR0917
    engine, scan, record, cursor, type_, value, said
):
    """A column or a field inside one; the table's columns are what they are without it."""
    found = scan([record], cursor=cursor)
    assert (found.cursor.type, cursors(engine, found)) == (type_, [(value, said)])
    names = ", ".join('"' + name.replace('"', '""') + '"' for name in found.columns)
    plain = scan([record])
    assert found.columns == plain.columns
    assert values(engine, found, f"CAST(({names}) AS VARCHAR)") == values(
        engine, plain, f"CAST(({names}) AS VARCHAR)"
    )


@pytest.mark.parametrize("cursor", ["b", "a.b.c", "a.c", "x.y"])
def test_a_cursor_that_is_not_there_is_named(scan, cursor):
    """With the columns that are."""
    with pytest.raises(WrongShape, match=rf"incremental.cursor names {cursor}, the records have a, x"):
        scan([{"a": {"b": 1}, "x": 5}], cursor=cursor)


def test_a_cursor_need_not_be_selected_and_keeps_its_name_when_it_is_renamed(engine, scan):
    """It is a name of the source."""
    found = scan([{"id": 1, "at": NANO}], cursor="at", select=["id"], rename={"id": "n"})
    assert (found.columns, cursors(engine, found)[0][1]) == ({"n": "BIGINT"}, NANO)
    found = scan([{"id": 1, "at": NANO}], cursor="at", rename={"at": "moment"})
    assert (found.cursor.name, list(found.columns)) == ("at", ["id", "moment"])


def test_a_declared_cursor_has_both_its_type_and_its_text(engine, scan):
    """The declared type counts for the value."""
    found = scan([{"at": NANO}], cursor="at", columns={"at": "TIMESTAMP_NS"})
    assert found.cursor.type == "TIMESTAMP_NS"
    assert cursors(engine, found) == [("2026-05-13 09:00:00.123456789", NANO)]


@pytest.mark.parametrize(
    ("value", "type_", "kept"),
    [
        ("1.0", "INTEGER", "1"), ('"007"', "integer", "7"), ("12345678901234567890", "HUGEINT", "12345678901234567890"),
        ("1.5", "DECIMAL(10,2)", "1.50"), ('"1.10"', "numeric(10,1)", "1.1"), ("3", "DECIMAL", "3.000"),
        ('"12345678901234567.89"', "DECIMAL(20,2)", "12345678901234567.89"),
        ('"2026-05-13T00:00:00"', "DATE", "2026-05-13"), ('"2026-05-13T09:00:00.5"', "TIMESTAMP", "2026-05-13 09:00:00.5"),
        ('"1000-01-01T00:00:00"', "TIMESTAMP", "1000-01-01 00:00:00"),
        ("17", "VARCHAR", "17"), ('{"a": 1}', "JSON", '{"a":1}'), ("[1, 2.0]", "INTEGER[]", "[1, 2]"),
        ("true", "BOOLEAN", "true"), ("null", "DATE", None), ("1", "DOUBLE", "1.0"),
    ],
)  # fmt: skip
def test_a_declared_type_counts(engine, scan, value, type_, kept):
    """For every value that it keeps, however it is written."""
    found = scan([f'{{"a": {value}, "b": 1}}'], columns={"A": type_})
    assert values(engine, found, "CAST(a AS VARCHAR)") == [(kept,)]
    assert found.columns["a"] == engine.describe(f"SELECT CAST(NULL AS {type_}) AS a")["a"]


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ("1.5", "INTEGER"), ("300", "TINYINT"), ('"x"', "BIGINT"), ("1.234", "DECIMAL(10,2)"), ('"1.001"', "DECIMAL(18,2)"),
        ('"12345678901234567.891"', "DECIMAL(20,2)"), ('"2026-05-13T10:00:00"', "DATE"), (f'"{NANO}"', "TIMESTAMP"),
        (f'"{NANO}"', "TIMESTAMPTZ"), ('"2026-05-13T10:00:00.123456"', "TIMESTAMP_MS"), ('"soon"', "DATE"),
        ("[1, 2.5]", "INTEGER[]"), ('{"a": 1}', "INTEGER"), ('"maybe"', "BOOLEAN"),
    ],
)  # fmt: skip
def test_a_value_that_a_declared_type_does_not_keep_is_an_error(engine, scan, value, type_):
    """It is neither rounded nor cut; the column is named."""
    found = scan(['{"a": null}', f'{{"a": {value}}}'], columns={"a": type_})
    with pytest.raises(duckdb.Error, match=rf"column a: .* is not {type_.replace('(', '.').replace(')', '.').replace('[]', '..')}"):  # fmt: skip
        values(engine, found)


def test_a_declared_column_that_no_record_has_is_null(engine, scan):
    """So that a table has it from the first load on."""
    found = scan([{"a": 1}], columns={"late": "DATE"}, select=["late", "a"])
    assert (found.columns, values(engine, found)) == ({"late": "DATE", "a": "BIGINT"}, [(None, 1)])


def test_what_is_null_everywhere_is_text(engine, scan):
    """In a column and inside one, so that a table can take what comes later."""
    found = scan(['{"n": null, "l": [null], "s": {"NULL": null, "x": 1}}'])
    assert found.columns == {"n": "VARCHAR", "l": "VARCHAR[]", "s": 'STRUCT("NULL" VARCHAR, x BIGINT)'}
    assert values(engine, found, "CAST((n, l, s) AS VARCHAR)") == [
        ("(NULL, [NULL], {'NULL': NULL, 'x': 1})",)
    ]


def test_the_table_is_looked_at_under_new_names(engine, scan):
    """What is renamed into a text column of the table is read as text."""
    found = scan([{"Code": 7}], {"zip": "VARCHAR", "code": "BIGINT"}, rename={"code": "zip"})
    assert (found.columns, values(engine, found)) == ({"zip": "VARCHAR"}, [("7",)])


@pytest.mark.parametrize("records", [[{"a": 1, "A": 2}], [{"a": 1}, {"A": 2}], [{"A": 1, "a_1": 2, "a": 3}]])
def test_keys_that_differ_only_in_case_are_refused(scan, records):
    """Columns do not differ by case, so one of them would be lost without a word."""
    with pytest.raises(WrongShape, match="differ in case alone"):
        scan(records)


def test_names_that_only_look_renamed_are_taken(engine, scan):
    """A key of its own is read, also where it is null in every record."""
    assert values(engine, scan([{"a": 1, "a_1": 2}])) == [(1, 2)]
    assert values(engine, scan([{"a": 1, "a_1": None}])) == [(1, None)]
