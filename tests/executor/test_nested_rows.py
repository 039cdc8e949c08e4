"""What nested rows become: columns, JSON, and tables of their own."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.nested_model import Scalar, tables_of, type_sql, types, value_sql, values
from support.target_engine import target_engine

from orc_executor.errors import WrongShape
from orc_executor.loaders.duckdb import nested
from orc_executor.loaders.duckdb.fields import OBJECT_DEPTH_MAX
from orc_executor.loaders.duckdb.nested import unfold

ORDERS = (
    "SELECT * FROM (VALUES"
    " (1, {'name': 'Ann', 'home': {'city': 'Bern'}}, [{'sku': 'x', 'tags': ['new', NULL]}, {'sku': 'y', 'tags': []}]),"
    " (2, NULL, []), (3, {'name': 'Bo', 'home': NULL}, NULL)) AS given(id, customer, items)"
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """Attach an empty target."""
    with target_engine(tmp_path_factory.mktemp("nested")) as engine:
        yield engine


def stage(engine, sql):
    """Stage rows as the loader does, numbered; return the query and its columns."""
    engine.run(
        f"CREATE OR REPLACE TEMP TABLE staged AS SELECT *, row_number() OVER () AS _orc_row FROM ({sql})"
    )
    return "SELECT * FROM staged", engine.describe("SELECT * EXCLUDE (_orc_row) FROM staged")


def unfolded(engine, sql, how, *, key=None, load_id="load", table="orders"):
    """Return the tables with their rows as lists of dicts; what a query gives is what it says it gives."""
    query, columns = stage(engine, sql)
    found = {}
    for rows in unfold(table, query, columns, how, engine, key=key, load_id=load_id):
        if how is not None:
            assert engine.describe(rows.sql) == rows.columns
        found[rows.table] = [dict(zip(rows.columns, row, strict=False)) for row in engine.run(rows.sql)]
    return found


def test_none_leaves_rows_as_they_are(engine):
    """The engine's own nested types stay."""
    (rows,) = unfold("t", "SELECT 1", {"a": "INTEGER[]"}, None, engine, key=None, load_id="load")
    assert (rows.table, rows.sql, rows.columns, rows.parent) == ("t", "SELECT 1", {"a": "INTEGER[]"}, None)


def test_json(engine):
    """Objects and arrays are columns of JSON; null stays null."""
    assert unfolded(engine, ORDERS, "json") == {
        "orders": [
            {
                "id": 1,
                "customer": '{"name":"Ann","home":{"city":"Bern"}}',
                "items": '[{"sku":"x","tags":["new",null]},{"sku":"y","tags":[]}]',
            },
            {"id": 2, "customer": None, "items": "[]"},
            {"id": 3, "customer": '{"name":"Bo","home":null}', "items": None},
        ]
    }


def test_flatten(engine):
    """Objects are columns, whatever their depth, and null ones are columns of null; arrays are JSON."""
    items = '[{"sku":"x","tags":["new",null]},{"sku":"y","tags":[]}]'
    assert unfolded(engine, ORDERS, "flatten") == {
        "orders": [
            {"id": 1, "customer__name": "Ann", "customer__home__city": "Bern", "items": items},
            {"id": 2, "customer__name": None, "customer__home__city": None, "items": "[]"},
            {"id": 3, "customer__name": "Bo", "customer__home__city": None, "items": None},
        ]
    }


def test_child_tables(engine):
    """Arrays are tables whose rows know their parent and their place; null and empty ones have no rows."""
    found = unfolded(engine, ORDERS, "child_tables")
    orders, items, tags = found["orders"], found["orders__items"], found["orders__items__tags"]
    assert [(row["id"], row["customer__home__city"]) for row in orders] == [(1, "Bern"), (2, None), (3, None)]
    first = orders[0]["_orc_id"]
    assert [(row["sku"], row["_orc_parent_id"], row["_orc_list_index"]) for row in items] == [
        ("x", first, 0),
        ("y", first, 1),
    ]
    assert [(row["value"], row["_orc_parent_id"], row["_orc_list_index"]) for row in tags] == [
        ("new", items[0]["_orc_id"], 0),
        (None, items[0]["_orc_id"], 1),
    ]
    query, columns = stage(engine, ORDERS)
    assert [
        (rows.table, rows.parent, list(rows.columns))
        for rows in unfold("orders", query, columns, "child_tables", engine, key=None, load_id="load")
    ] == [
        ("orders", None, ["id", "customer__name", "customer__home__city", "_orc_id"]),
        ("orders__items", "orders", ["sku", "_orc_id", "_orc_parent_id", "_orc_list_index"]),
        ("orders__items__tags", "orders__items", ["value", "_orc_id", "_orc_parent_id", "_orc_list_index"]),
    ]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_against_a_model(engine, data):
    """Whatever the rows are, the tables hold what a slow walk through them finds: all of it, at its place, once."""
    columns = [("n", Scalar("INTEGER"))]
    columns += [(f"c{number}", data.draw(types())) for number in range(data.draw(st.integers(1, 3)))]
    rows = data.draw(
        st.lists(st.fixed_dictionaries({name: values(kind) for name, kind in columns}), max_size=4)
    )
    for number, row in enumerate(rows):
        row["n"] = number
    listed = ", ".join(
        "(" + ", ".join(value_sql(row[name], kind) for name, kind in columns) + ")" for row in rows
    )
    nulls = "SELECT " + ", ".join(f'CAST(NULL AS {type_sql(kind)}) AS "{name}"' for name, kind in columns)
    sql = f"{nulls} WHERE false" + (f" UNION ALL SELECT * FROM (VALUES {listed})" if rows else "")
    for how, depth in (("flatten", 0), ("child_tables", nested.TABLE_DEPTH_MAX)):
        found = {table: rows for table, rows in unfolded(engine, sql, how).items() if rows}
        assert _by_path(found, columns_of_json(engine, sql, how)) == tables_of(
            "orders", rows, columns, depth_max=depth
        )


def columns_of_json(engine, sql, how):
    """Return (table, column) of each that is JSON."""
    query, columns = stage(engine, sql)
    return {
        (rows.table, name)
        for rows in unfold("orders", query, columns, how, engine, key=None, load_id="load")
        for name, type_ in rows.columns.items()
        if type_ == "JSON"
    }


def _by_path(found, jsons):
    """Return the tables as the model has them: the ids, which must be different, followed up to the number of the row."""
    paths, tables = {}, {}
    for table, rows in found.items():
        for row in rows:
            parent, index = row.pop("_orc_parent_id", None), row.pop("_orc_list_index", None)
            path = (row["n"],) if parent is None else (*paths[parent], index)
            if "_orc_id" in row:
                assert row["_orc_id"] not in paths
                paths[row.pop("_orc_id")] = path
            tables.setdefault(table, {})[path] = {
                name: ("json", json.dumps(json.loads(value), sort_keys=True))
                if value is not None and (table, name) in jsons
                else value
                for name, value in row.items()
            }
    return tables


def ids(found):
    return {table: [row["_orc_id"] for row in rows] for table, rows in found.items()}


def test_ids_by_key(engine):
    """The same key is the same row, whatever else is in it, load after load; another key or table is not."""
    one = "SELECT 'a' AS k, {'l': 'b:c'} AS o, [1, 2] AS xs"
    key = ["K", "o__l"]
    first = ids(unfolded(engine, one, "child_tables", key=key))
    assert ids(unfolded(engine, one.replace("1, 2", "8, 9"), "child_tables", key=key, load_id="b")) == first
    other = ids(unfolded(engine, "SELECT 'a:b' AS k, {'l': 'c'} AS o, [1, 2] AS xs", "child_tables", key=key))
    elsewhere = ids(unfolded(engine, one, "child_tables", key=key, table="t"))
    every = [id_ for found in (first, other, elsewhere) for table in found.values() for id_ in table]
    assert len(set(every)) == len(every) == 9


def test_ids_by_key_do_not_hang_on_the_zone(engine):
    """A time with a zone is the same key wherever it is loaded."""
    ids_of = []
    for type_, instant in (("TIMESTAMPTZ", "2026-01-01 02:00:00+02"), ("TIMESTAMP", "2026-01-01 00:00:00")):
        query, columns = stage(engine, f"SELECT {type_} '{instant}' AS k")
        (rows,) = unfold("t", query, columns, "child_tables", engine, key=["k"], load_id="load")
        ids_of += engine.run(f"SELECT _orc_id FROM ({rows.sql})")
    assert ids_of[0] == ids_of[1]


def test_ids_without_key(engine):
    """They are the load's own: the same when its rows are read again, others in another load."""
    first = ids(unfolded(engine, ORDERS, "child_tables"))
    assert ids(unfolded(engine, ORDERS, "child_tables")) == first
    other = ids(unfolded(engine, ORDERS, "child_tables", load_id="other"))
    assert all(not set(other[table]) & set(found) for table, found in first.items())


@pytest.mark.parametrize(
    ("sql", "how", "said"),
    [
        (
            "SELECT 1 AS a__b, {'B': 2} AS a",
            "flatten",
            "a__b and a.B would both be called a__B: rename one of them, or keep objects whole with nested: json",
        ),
        ("SELECT [1] AS a__b, {'b': 2} AS a", "child_tables", "a__b and a.b would both be called a__b"),
        (
            "SELECT [1] AS a__b, [{'b': [1]}] AS a",
            "child_tables",
            "two arrays would both be a table orders__a__b: rename one of them",
        ),
        (
            "SELECT 1 AS _ORC_ID",
            "child_tables",
            "orders: _ORC_ID would be called _ORC_ID, a name that child tables need",
        ),
        (
            "SELECT [{'_orc_list_index': 1}] AS a",
            "child_tables",
            "orders__a: a[]._orc_list_index would be called _orc_list_index, a name that child tables need",
        ),
    ],
)
def test_names_that_meet_are_refused(engine, sql, how, said):
    """Nothing is renamed behind the user's back, as the next load's rows might then get the other name."""
    with pytest.raises(WrongShape) as refusal:
        unfolded(engine, sql, how)
    assert str(refusal.value).startswith(said)


@pytest.mark.parametrize("key", [["nope"], ["items"], ["customer"]])
def test_a_key_is_made_of_columns(engine, key):
    """What is no column of the table, an array or a whole object among them, cannot be its key."""
    with pytest.raises(WrongShape) as refusal:
        unfolded(engine, ORDERS, "child_tables", key=key)
    assert str(refusal.value) == (
        f"primary_key names {key[0]}, the columns are id, customer__name, customer__home__city"
    )


def test_arrays_that_are_too_deep_are_json(engine):
    """Tables go so deep and no deeper."""
    depth = nested.TABLE_DEPTH_MAX
    found = unfolded(engine, f"SELECT {'[' * (depth + 2)}7{']' * (depth + 2)} AS a", "child_tables")
    assert list(found)[-1] == "orders__a" + "__value" * (depth - 1)
    assert len(found) == depth + 1
    assert found[list(found)[-1]][0]["value"] == "[[7]]"


def test_objects_that_are_too_deep_are_json(engine):
    """Columns go so deep and no deeper."""
    deep = 7
    for _ in range(OBJECT_DEPTH_MAX + 2):
        deep = f"{{'a': {deep}}}"
    ((row,),) = unfolded(engine, f"SELECT {deep} AS a", "flatten").values()
    assert row == {"a" + "__a" * OBJECT_DEPTH_MAX: '{"a":{"a":7}}'}


def test_too_many_tables(engine):
    """The number of tables has a limit, too."""
    sql = "SELECT " + ", ".join(f"[1] AS a{number}" for number in range(nested.TABLES_MAX))
    with pytest.raises(WrongShape) as refusal:
        unfolded(engine, sql, "child_tables")
    assert str(refusal.value) == "the rows would become more than 200 tables: use nested: flatten"


def test_arrays_of_nothing_and_of_arrays(engine):
    """Arrays in arrays are tables in turn; one of nothing known is a table whose values are JSON."""
    found = unfolded(engine, "SELECT {'1': [[1, 2], []], 'none': CAST([] AS JSON[])} AS o", "child_tables")
    assert [row["value"] for row in found["orders__o__1__value"]] == [1, 2]
    assert [len(found[table]) for table in ("orders__o__1", "orders__o__none")] == [2, 0]


def test_a_field_without_a_name(engine):
    """There is no column that it could be."""
    with pytest.raises(WrongShape) as refusal:
        unfold("t", "", {"o": 'STRUCT("" INTEGER)'}, "flatten", engine, key=None, load_id="load")
    assert str(refusal.value) == 'o is STRUCT("" INTEGER), which cannot be taken apart'


def test_types_beside_objects_and_arrays(engine):
    """Maps, unions and unnamed tuples are JSON, and what is JSON or a variant already stays that."""
    sql = "SELECT MAP {'k': [1]} AS m, union_value(a := 1) AS u, row(1, 'x') AS r, '[1]'::JSON AS j, 1::VARIANT AS v"
    ((row,),) = unfolded(engine, sql, "flatten").values()
    assert row == {"m": '{"k":[1]}', "u": '{"a":1}', "r": '[1,"x"]', "j": "[1]", "v": 1}
