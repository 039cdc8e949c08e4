"""Keys are compared as the table has them, and what is no part of a row makes no other version of it."""

import pytest
from support.loads import Loads

from orc_executor.errors import WrongShape

MERGE = {"write_disposition": "merge", "primary_key": ["id"]}
SCD2 = {"write_disposition": "scd2", "primary_key": ["id"]}


@pytest.fixture
def loads(tmp_path):
    loads = Loads(tmp_path)
    yield loads
    loads.scratch.remove()


@pytest.mark.parametrize("disposition", ["merge", "insert-only"])
def test_a_number_is_another_key_than_a_text_that_begins_with_zero(loads, disposition):
    """As texts, which they are in the table: 01 is not overwritten by 1, and a key of letters fails nothing."""
    loads.run("CREATE TABLE t AS SELECT unnest(['01', 'abc']) AS id, 1 AS v")
    for v in (2, 3):
        loads.load(f"SELECT 1 AS id, {v} AS v", write_disposition=disposition, primary_key=["id"])
    assert loads.run("SELECT id, v FROM t ORDER BY id") == [
        ("01", 1), ("1", 3 if disposition == "merge" else 2), ("abc", 1),
    ]  # fmt: skip


def test_versions_of_a_text_that_begins_with_zero(loads):
    """A value is compared as the table has it, too: 1 instead of 01 is a change."""
    loads.load("SELECT 'k' AS id, '01' AS v", **SCD2)
    told = loads.load("SELECT 'k' AS id, 1 AS v", **SCD2).tables[0]
    assert (told.inserted, told.updated, told.deleted) == (0, 1, 0)


def test_a_key_that_the_table_cannot_hold_is_no_key(loads):
    """Left out as a value it fails the load, as a row it goes to quarantine; the others are merged."""
    loads.run("CREATE TABLE t AS SELECT 1::BIGINT AS id, 1 AS v")
    rows = "SELECT * FROM (VALUES ('abc', 5), ('1', 7)) AS rows(id, v)"
    with pytest.raises(
        WrongShape, match="1 rows have a value in the primary_key id that the table's type cannot hold"
    ):
        loads.load(rows, schema_contract={"data_type": "discard_value"}, **MERGE)
    assert loads.load(rows, schema_contract={"data_type": "discard_row"}, **MERGE).bad_rows == 1
    assert loads.run("SELECT * FROM t") == [(1, 7)]


@pytest.mark.parametrize(
    ("first", "later"),
    [("'nan'::DOUBLE", "'nan'::DOUBLE"), ("-0.0::DOUBLE", "0.0::DOUBLE"), ("1.50::DECIMAL(3,2)", "1.5::DECIMAL(10,5)"), ("{'a': 1, 'b': NULL}", "{'b': NULL, 'a': 1}"), ("[1]", "[1.0]")],
)  # fmt: skip
def test_keys_that_say_the_same_are_the_same(loads, first, later):
    """Whatever their type of today is."""
    loads.load(f"SELECT {first} AS id, 1 AS v", **MERGE)
    loads.load(f"SELECT {later} AS id, 2 AS v", **MERGE)
    assert loads.column("SELECT v FROM t") == [2]


def test_the_load_that_brought_a_row_makes_no_version(loads):
    """With load_id_column every row has another id each time; only what the source says is compared."""
    for _ in range(3):
        loads.load("SELECT 1 AS id, 'a' AS v", load_id_column="loaded_by", **SCD2)
    assert loads.column("SELECT count(*) FROM t") == [1]


def test_no_rows_end_all_versions(loads):
    """Also where not even columns are known, as an empty list of an API: the keys are absent all the same."""
    loads.load("SELECT unnest([1, 2]) AS id", **SCD2)
    told = loads.load("", **SCD2).tables[0]
    assert (told.rows, told.deleted, loads.column("SELECT count(*) FROM t WHERE valid_to IS NULL")) == (
        0,
        2,
        [0],
    )
    loads.load("SELECT 1 AS id", **SCD2)
    loads.load("", scd2={"absent": "keep"}, **SCD2)
    assert loads.column("SELECT count(*) FROM t WHERE valid_to IS NULL") == [1]


@pytest.mark.parametrize("rows", ["", "SELECT 1 AS id"])
def test_a_table_without_validity_holds_no_versions(loads, rows):
    """It is told by name, and is left as it was."""
    loads.run("CREATE TABLE t AS SELECT 1 AS id")
    with pytest.raises(WrongShape, match="table t has no column valid_from, valid_to, in which scd2"):
        loads.load(rows, **SCD2)
    assert loads.types() == {"id": "INTEGER"}


@pytest.mark.parametrize(
    ("mark", "is_gone"),
    [("0.00::DECIMAL(3,2)", False), ("'-0.0'::DOUBLE", False), ("'False'", False), ("false", False), ("NULL", False), ("''", False), ("'0.0'", False),
     ("0.01::DECIMAL(3,2)", True), ("true", True), ("'D'", True), ("1", True)],
)  # fmt: skip
def test_nothing_that_is_no_or_zero_deletes(loads, mark, is_gone):
    """However the zero is written."""
    loads.load("SELECT 1 AS id, 'x' AS v", **MERGE)
    told = loads.load(f"SELECT 1 AS id, 'y' AS v, {mark} AS gone", merge={"delete_column": "gone"}, **MERGE)
    assert told.tables[0].deleted == int(is_gone)
    assert loads.column("SELECT v FROM t") == ([] if is_gone else ["y"])


@pytest.mark.parametrize("later", ["1", "1.0::DOUBLE", "1.00::DECIMAL(5,2)"])
def test_nested_rows_go_with_their_parent_whatever_its_key_is_today(loads, later):
    """The rows under a key are found again when the key's type, or the case of the table's name, became another."""
    loads.load("SELECT 1 AS id, [1, 2] AS items", nested="child_tables", **MERGE)
    rows = f"SELECT {later} AS id, [3] AS items"
    loads.load(rows, nested="child_tables", table_name="T", **MERGE)
    assert loads.run("SELECT value, _orc_parent_id FROM t__items") == [
        (3, loads.column("SELECT _orc_id FROM t")[0])
    ]


def test_tables_that_a_user_made_keep_what_they_ask_for(loads):
    """A primary key, a default and a value that must be there hold in every merge."""
    loads.run("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER NOT NULL DEFAULT 3, w INTEGER)")
    loads.run("INSERT INTO t VALUES (1, 1, 1)")
    loads.load("SELECT * FROM (VALUES (1, 2, 3), (2, 3, 4)) AS rows(id, v, w)", **MERGE)
    loads.load("SELECT * FROM (VALUES (1, 9), (3, 3)) AS rows(id, w)", **MERGE)
    assert loads.run("SELECT * FROM t ORDER BY id") == [(1, 2, 9), (2, 3, 4), (3, 3, 3)]


def test_an_object_with_a_key_more_in_another_row_is_the_same(loads):
    """As JSON it is written with a null then; that makes no version of it."""
    loads.load("SELECT 1 AS id, {'x': 1} AS m, NULL AS n, [1] AS l", nested="json", **SCD2)
    rows = "SELECT 1 AS id, {'x': 1, 'y': NULL} AS m, NULL AS n, [1] AS l UNION ALL SELECT 2, {'x': 1, 'y': 2}, NULL, []"
    told = loads.load(rows, nested="json", **SCD2).tables[0]
    assert (told.inserted, told.updated) == (1, 0)
    told = loads.load("SELECT 1 AS id, {'x': 2} AS m, NULL AS n, [1] AS l", nested="json", **SCD2).tables[0]
    assert (told.updated, told.deleted) == (1, 1)


def test_an_object_is_no_key_once_it_is_text(loads):
    """Its text changes with the keys of other rows; its fields are keys."""
    with pytest.raises(
        WrongShape, match=r"primary_key names m, which is STRUCT\(x INTEGER\): name a field of it"
    ):
        loads.load("SELECT {'x': 1} AS m", nested="json", write_disposition="merge", primary_key=["m"])
    loads.load("SELECT {'x': 1} AS m", nested="flatten", write_disposition="merge", primary_key=["m__x"])
    loads.load(
        "SELECT {'x': 1, 'y': 2} AS m", nested="flatten", write_disposition="merge", primary_key=["m__x"]
    )
    assert loads.run("SELECT * FROM t") == [(1, 2)]
