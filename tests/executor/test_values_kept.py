"""No value gets into a table as another: what a column cannot hold fails the load, and the table stays as it was."""

import pytest
from support.loads import Loads
from support.worker_process import table, worker_process

from orc_executor.errors import TaskError, WrongShape

APPEND = {"write_disposition": "append"}


@pytest.fixture
def loads(tmp_path):
    loads = Loads(tmp_path)
    yield loads
    loads.scratch.remove()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("DOUBLE", "9007199254740993"), ("FLOAT", "16777217"), ("DOUBLE", "0.12345678901234567890::DECIMAL(38,20)"),
        ("STRUCT(a DOUBLE, b INTEGER)", "{'a': 9007199254740993}"), ("DOUBLE[]", "[9007199254740993]"), ("FLOAT[]", "[16777217]"),
        ("DECIMAL(38,0)", "1.5::DECIMAL(10,5)"), ("DECIMAL(38,0)", "0.1::DECIMAL(38,10)"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["evolve", "freeze", "discard_value", "discard_row"])
def test_a_number_is_not_rounded(loads, column, value, mode):
    """A type that is taken for wider holds fewer digits, though: a number that has more is told, or is discarded."""
    loads.run(f"CREATE TABLE t (a {column})")
    contract = {"data_type": mode}
    if mode.startswith("discard"):
        assert loads.load(f"SELECT {value} AS a", schema_contract=contract, **APPEND).bad_rows == (
            mode == "discard_row"
        )
        assert loads.column("SELECT a FROM t") == ([None] if mode == "discard_value" else [])
    else:
        with pytest.raises(Exception, match=r"column a: .* is not"):
            loads.load(f"SELECT {value} AS a", schema_contract=contract, **APPEND)
        assert loads.column("SELECT a FROM t") == []
    assert loads.types() == {"a": column}


@pytest.mark.parametrize(("column", "value"), [("DOUBLE", "9007199254740992"), ("FLOAT", "16777216"), ("DOUBLE", "0.1::DECIMAL(38,20)"), ("DECIMAL(38,0)", "2.0::DECIMAL(10,5)"),
     ("STRUCT(a DOUBLE, b INTEGER)", "{'a': NULL::BIGINT}"), ("STRUCT(a DOUBLE, b INTEGER)", "NULL::STRUCT(a BIGINT)"), ("MAP(VARCHAR, DOUBLE)", "MAP {'a': 1::BIGINT, 'b': NULL}")])  # fmt: skip
def test_a_number_that_is_the_same_is_taken(loads, column, value):
    """It is not the type that counts."""
    loads.run(f"CREATE TABLE t (a {column})")
    assert loads.load(f"SELECT {value} AS a", **APPEND).rows == 1


def test_a_column_widens_only_where_it_keeps_its_values(loads):
    """The greatest of a type may have no place in the wider one; that is told of the table, not of the rows."""
    loads.run("CREATE TABLE t AS SELECT 9223372036854775807 AS a")
    with pytest.raises(WrongShape, match="column a as DOUBLE would lose 1 of its values"):
        loads.load("SELECT 1.5::DOUBLE AS a", **APPEND)


@pytest.mark.parametrize("mode", ["evolve", "freeze"])
def test_true_is_no_number(loads, mode):
    """A column of numbers does not take it for 1."""
    loads.run("CREATE TABLE t (a BIGINT)")
    with pytest.raises(TaskError, match="column a is BOOLEAN, in the table it is BIGINT"):
        loads.load("SELECT true AS a", schema_contract={"data_type": mode}, **APPEND)


def test_the_order_of_keys_is_no_difference(loads):
    """An object with its keys in another order fits a frozen table, each value under its key, and changes nothing."""
    loads.load("SELECT {'a': 1, 'b': 2} AS s", **APPEND)
    for contract in ({"data_type": "freeze"}, {}):
        assert (
            loads.load("SELECT {'b': 1, 'a': 2} AS s", schema_contract=contract, **APPEND).schema_changes
            == ()
        )
    assert loads.column("SELECT s.a FROM t") == [1, 2, 2]


def test_names_differ_as_duckdb_has_them(loads):
    """To it É is another column than é, and ß another than ss: neither takes the other's place, load after load."""
    for disposition in (APPEND, {"write_disposition": "merge", "primary_key": ["É"]}):
        loads.load('SELECT 1 AS "É", 2 AS "é", 3 AS "straße", 4 AS strasse', **disposition)
    assert loads.run('SELECT "É", "é", "straße", strasse FROM t') == [(1, 2, 3, 4)]


def test_a_row_in_quarantine_is_whole(loads):
    """Also one with a column that is called as the row could be."""
    loads.load("SELECT 1 AS bad", **APPEND)
    loads.load("SELECT 1 AS bad, 2 AS given", schema_contract={"columns": "discard_row"}, **APPEND)
    assert loads.column('SELECT "row" FROM _orc.quarantine') == ['{"bad":1,"given":2}']


def test_what_is_discarded_is_read_whole(tmp_path):
    """A column that is called as the row could be hides no fault of another."""
    (tmp_path / "a.jsonl").write_text('{"found": 1, "b": "x"}\n')
    extractor = {"type": "json", "path": "a.jsonl", "columns": {"b": "INTEGER"}}
    with worker_process(tmp_path) as worker:
        told = worker.fail(extractor, {"type": "discard"})
        assert told[0] == "source_malformed"
        assert told == worker.fail(extractor, table())
