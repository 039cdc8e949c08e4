"""Nested rows loaded into tables of their own, by a worker: every disposition, and the same however often."""

import pytest
from support.worker_process import order, table, worker_process

FIRST = [
    {
        "id": 1,
        "who": {"name": "Ann"},
        "items": [{"sku": "x", "tags": ["new", "red"]}, {"sku": "y", "tags": []}],
    },
    {"id": 2, "who": {"name": "Bo"}, "items": [{"sku": "z", "tags": ["old"]}]},
]
SECOND = [
    {"id": 2, "who": {"name": "Bob"}, "items": [{"sku": "q", "tags": ["new"]}]},
    {"id": 3, "who": {"name": "Cy"}, "items": []},
]
ONE = {1: ("Ann", [("x", ["new", "red"]), ("y", [])])}
TWO = {2: ("Bo", [("z", ["old"])])}
TWO_LATER = {2: ("Bob", [("q", ["new"])])}
THREE = {3: ("Cy", [])}
TABLES = ["t", "t__items", "t__items__tags"]


@pytest.fixture
def worker(tmp_path):
    """Start a worker whose data folder is the test's."""
    with worker_process(tmp_path) as worker:
        yield worker


def inline(rows):
    return {"type": "inline", "rows": rows}


def children(**more):
    return table(nested="child_tables", **more)


def whole(worker):
    """Put the rows together again from their tables, each row of a child with the parent it says."""
    found = {}
    for id_, name, key in worker.rows("SELECT id, who__name, _orc_id FROM t ORDER BY id"):
        items = worker.rows(
            f"SELECT sku, _orc_id FROM t__items WHERE _orc_parent_id = '{key}' ORDER BY _orc_list_index"
        )
        tags = "SELECT value FROM t__items__tags WHERE _orc_parent_id = '{}' ORDER BY _orc_list_index"
        found[id_] = (
            name,
            [(sku, [tag for (tag,) in worker.rows(tags.format(item))]) for sku, item in items],
        )
    return found


def counts(worker):
    return [worker.rows(f"SELECT count(*) FROM {name}")[0][0] for name in TABLES]


def test_replace(worker):
    """Every table is replaced: what the new rows do not have is gone, children too."""
    config = children()
    assert worker.load(inline(FIRST), config) == 2
    assert (whole(worker), counts(worker)) == (ONE | TWO, [2, 3, 3])
    assert worker.load(inline(SECOND), config) == 2
    assert (whole(worker), counts(worker)) == (TWO_LATER | THREE, [2, 1, 1])


def test_replace_by_rows_without_arrays(worker):
    """Child tables that the load brings nothing for are emptied, not left with rows of parents that are gone."""
    worker.load(inline(FIRST), children())
    worker.load(inline([{"id": 7, "who": {"name": "Eve"}}]), children())
    assert (whole(worker), counts(worker)) == ({7: ("Eve", [])}, [1, 0, 0])


def test_append(worker):
    """Rows of both loads stay, each with its own children, though keys are the same."""
    config = children(write_disposition="append")
    worker.load(inline(FIRST), config)
    worker.load(inline(FIRST), config)
    assert counts(worker) == [4, 6, 6]
    assert worker.rows("SELECT count(DISTINCT _orc_id) FROM t") == [(4,)]
    lost = "SELECT count(*) FROM {} AS c ANTI JOIN {} AS p ON p._orc_id = c._orc_parent_id"
    assert worker.rows(lost.format("t__items", "t")) == [(0,)]
    assert worker.rows(lost.format("t__items__tags", "t__items")) == [(0,)]


@pytest.mark.parametrize("strategy", ["upsert", "delete-insert"])
def test_merge(worker, strategy):
    """A row that comes again has its new children and none of the old; loading it once more changes nothing."""
    config = children(write_disposition="merge", primary_key=["id"], merge={"strategy": strategy})
    worker.load(inline(FIRST), config)
    worker.load(inline(SECOND), config)
    assert (whole(worker), counts(worker)) == (ONE | TWO_LATER | THREE, [3, 3, 3])
    before = [sorted(worker.rows(f"SELECT * FROM {name}")) for name in TABLES]
    worker.load(inline(SECOND), config)
    assert [sorted(worker.rows(f"SELECT * FROM {name}")) for name in TABLES] == before


def test_merge_of_a_key_that_comes_twice(worker):
    """The last one counts, with its children alone."""
    config = children(write_disposition="merge", primary_key=["id"])
    worker.load(inline([FIRST[1], SECOND[0]]), config)
    assert (whole(worker), counts(worker)) == (TWO_LATER, [1, 1, 1])


def test_merge_deletes_children_with_their_parent(worker):
    """A key that is deleted leaves nothing behind in any table."""
    config = children(write_disposition="merge", primary_key=["id"], merge={"delete_column": "gone"})
    worker.load(inline([{**row, "gone": False} for row in FIRST]), config)
    worker.load(inline([{**FIRST[0], "gone": True}]), config)
    assert (whole(worker), counts(worker)) == (TWO, [1, 1, 1])


def test_merge_by_a_field_of_an_object(worker):
    """The key is named as its column is, and so are the other columns of a merge."""
    config = children(
        write_disposition="merge",
        primary_key=["who__name"],
        merge={"order_by": "at__n", "delete_column": "at__gone"},
    )
    rows = [
        {"who": {"name": "Ann"}, "id": 1, "at": {"n": 2, "gone": 0}, "items": FIRST[0]["items"]},
        {"who": {"name": "Ann"}, "id": 2, "at": {"n": 1, "gone": 0}, "items": FIRST[1]["items"]},
    ]
    worker.load(inline(rows), config)
    assert (whole(worker), counts(worker)) == (ONE, [1, 2, 2])
    worker.load(inline([{**rows[1], "at": {"n": 3, "gone": 1}}]), config)
    assert counts(worker) == [0, 0, 0]


def test_children_of_a_row_in_quarantine(worker):
    """They are left out with it, however deep."""
    contract = {"columns": "discard_row"}
    config = children(write_disposition="append", schema_contract=contract)
    worker.load(inline(FIRST), config)
    worker.load(
        inline([{**SECOND[0], "extra": 1}, {"id": 4, "who": {"name": "Di"}, "items": [{"sku": "w"}]}]), config
    )
    assert whole(worker) == ONE | TWO | {4: ("Di", [("w", [])])}
    assert counts(worker) == [3, 4, 3]
    assert worker.rows("SELECT table_name, count(*) FROM _orc.quarantine GROUP BY ALL") == [("t", 1)]


def test_children_of_a_row_that_stays_as_it_was(worker):
    """A row in quarantine changes neither the row with its key nor what is nested in that."""
    config = children(
        write_disposition="merge", primary_key=["id"], schema_contract={"columns": "discard_row"}
    )
    worker.load(inline(FIRST), config)
    worker.load(inline([{**SECOND[0], "extra": 1}, {**FIRST[0], "items": FIRST[1]["items"]}]), config)
    assert whole(worker) == {1: ("Ann", TWO[2][1])} | TWO
    assert counts(worker) == [2, 2, 2]


@pytest.mark.parametrize("disposition", ["append", "replace", "merge"])
def test_an_order_that_comes_again_loads_once(worker, disposition):
    """The receipt is of all tables together."""
    key = {"primary_key": ["id"]} if disposition == "merge" else {}
    one = order(inline(FIRST), children(write_disposition=disposition, **key))
    for _ in range(2):
        worker.say(one)
        worker.answer()
    assert (whole(worker), counts(worker)) == (ONE | TWO, [2, 3, 3])


def test_a_load_that_fails_leaves_every_table_as_it_was(worker):
    """Also those of children."""
    config = children(write_disposition="append")
    worker.load(inline(FIRST), config)
    before = [worker.rows(f"SELECT * FROM {name}") for name in TABLES]
    checks = [{"type": "row_count", "min": 100}]
    assert worker.fail(inline(SECOND), {**config, "checks": checks})[0] == "checks_failed"
    assert [worker.rows(f"SELECT * FROM {name}") for name in TABLES] == before


def test_json_and_flatten(worker):
    """One table, whose columns are JSON where something has a structure, or is an array."""
    worker.load(inline(FIRST), table(nested="json"))
    assert worker.types() == {"id": "BIGINT", "who": "JSON", "items": "JSON"}
    worker.load(inline(FIRST), table(nested="flatten"))
    assert worker.types() == {"id": "BIGINT", "who__name": "VARCHAR", "items": "JSON"}
    worker.load(inline(SECOND), table(nested="flatten", write_disposition="append"))
    assert worker.rows("SELECT id, who__name FROM t ORDER BY id, who__name") == [
        (1, "Ann"),
        (2, "Bo"),
        (2, "Bob"),
        (3, "Cy"),
    ]


def test_rows_that_cannot_be_unfolded(worker):
    """Names that meet, and a key that is no column, are told; nothing is loaded."""
    assert worker.fail(inline([{"a__b": 1, "a": {"b": 2}}]), children()) == (
        "wrong_shape",
        "a__b and a.b would both be called a__b: rename one of them, or keep objects whole with nested: json",
    )
    keyed = children(write_disposition="merge", primary_key=["items"])
    assert worker.fail(inline(FIRST), keyed)[0] == "wrong_shape"


GEO = [
    {
        "type": "Feature",
        "properties": {"NAME": "A", "pop": 3, "mixed": [1, "two", {"three": 3}, None]},
        "geometry": {"type": "Polygon", "coordinates": [[[0.5, 1], [2, 3.25]], [[4, 5]]]},
    },
    {"type": "Feature", "properties": {"NAME": "B", "pop": None, "mixed": None}, "geometry": None},
]


def test_shapes_that_sources_have(worker):
    """Arrays in arrays of arrays, elements of several kinds, objects that are null: every value is there once."""
    worker.load(inline(GEO), children())
    assert worker.rows("SELECT type, properties__NAME, properties__pop, geometry__type FROM t") == [
        ("Feature", "A", 3, "Polygon"),
        ("Feature", "B", None, None),
    ]
    rings = "t__geometry__coordinates"
    assert worker.rows(
        f"SELECT r._orc_list_index, p._orc_list_index, n._orc_list_index, n.value FROM {rings} AS r"
        f" JOIN {rings}__value AS p ON p._orc_parent_id = r._orc_id"
        f" JOIN {rings}__value__value AS n ON n._orc_parent_id = p._orc_id ORDER BY ALL"
    ) == [(0, 0, 0, 0.5), (0, 0, 1, 1), (0, 1, 0, 2), (0, 1, 1, 3.25), (1, 0, 0, 4), (1, 0, 1, 5)]
    mixed = worker.rows("SELECT value FROM t__properties__mixed ORDER BY _orc_list_index")
    assert [value for (value,) in mixed] == ["1", '"two"', '{"three":3}', None]


def test_late_arrays(worker):
    """A table for an array that no row had before is made when one comes, told as a change, and follows its parents."""
    config = children(write_disposition="merge", primary_key=["id"])
    worker.load(inline([{"id": 1, "a": 1}]), config)
    answer = worker.perform(inline([{"id": 1, "a": 1, "late": ["x"]}]), config)
    assert "t__late: made with 4 columns" in answer.result.schema_changes
    worker.load(inline([{"id": 1, "a": 2}]), config)
    assert worker.rows("SELECT a FROM t") == [(2,)]
    assert worker.rows("SELECT * FROM t__late") == []


def test_a_frozen_contract_makes_no_child_table(worker):
    """It is about all tables of the load."""
    config = children(write_disposition="append", schema_contract={"tables": "freeze"})
    worker.load(inline([{"id": 1}]), children())
    kind, message = worker.fail(inline([{"id": 2, "late": ["x"]}]), config)
    assert (kind, "t__late" in message) == ("contract_broken", True)
    assert worker.rows("SELECT id FROM t") == [(1,)]
