"""What becomes of a table whose rows come with other columns or types."""

import pytest
from support.worker_process import table, worker_process

APPEND = table(write_disposition="append")


@pytest.fixture
def worker(tmp_path):
    with worker_process(tmp_path) as worker:
        yield worker


def inline(*rows):
    return {"type": "inline", "rows": list(rows)}


def contract(loader=APPEND, **modes):
    return {**loader, "schema_contract": modes}


def changes(worker, *rows, loader=APPEND):
    return worker.perform(inline(*rows), loader).result.schema_changes


def test_a_table_evolves_and_tells(worker):
    """A new column is null in the old rows, an absent one in the new rows, a number widens to what holds both."""
    assert changes(worker, {"a": 1, "b": "x"}) == ("t: made with 2 columns",)
    assert changes(worker, {"a": 2, "c": True}) == ("t: added column c BOOLEAN",)
    assert changes(worker, {"a": 2.5, "b": "y"}) == ("t: column a BIGINT became DOUBLE",)
    assert changes(worker, {"a": 3}) == ()
    assert worker.rows() == [(1, "x", None), (2, None, True), (2.5, "y", None), (3, None, None)]


def test_nested_columns_evolve_by_their_fields(worker):
    """A new field of an object is null in the old rows."""
    worker.load(inline({"o": {"a": 1}}), APPEND)
    assert len(changes(worker, {"o": {"a": 2.5, "b": "x"}})) == 1
    assert worker.rows() == [({"a": 1.0, "b": None},), ({"a": 2.5, "b": "x"},)]


def test_a_widening_that_would_lose_a_value_is_refused(worker):
    """A whole number that a fraction's type cannot hold stays what it is, and the load fails."""
    worker.load(inline({"a": 2**53 + 1}), APPEND)
    kind, message = worker.fail(inline({"a": 0.5}), APPEND)
    assert (kind, message) == (
        "wrong_shape",
        "the rows do not fit table t: column a as DOUBLE would lose 1 of its values",
    )
    assert worker.types() == {"a": "BIGINT"}


def test_a_number_never_becomes_a_text(worker):
    """Who reads the table counts on it; the message names both types."""
    worker.load(inline({"a": 1}), APPEND)
    assert worker.fail(inline({"a": "x"}), APPEND) == (
        "wrong_shape",
        "the rows do not fit table t: column a is VARCHAR, in the table it is BIGINT",
    )


def test_csv_evolves_too(worker):
    """Types are sampled again when the table's do not fit; texts stay texts all the same."""
    for content in ("a,zip\n1,x\n", "a,zip\n1.5,007\n"):
        (worker.data_dir / "x.csv").write_text(content)
        worker.load({"type": "csv", "path": "x.csv"}, APPEND)
    assert worker.rows() == [(1.0, "x"), (1.5, "007")]


def test_discarded_values_are_counted(worker):
    """The row gets in without them, and the result warns."""
    loader = contract(columns="discard_value", data_type="discard_value")
    worker.load(inline({"a": 1}), loader)
    loaded = worker.perform(inline({"a": "x", "b": 1}, {"a": "7", "b": None}), loader).result
    assert worker.rows() == [(1,), (None,), (7,)]
    assert loaded.warnings == (
        "t: 1 times a value of column a does not fit BIGINT: the value was left out",
        "t: 1 times there is no column b: the value was left out",
    )


def test_discarded_rows_go_to_quarantine(worker):
    """With the reason, each once; the others are loaded."""
    loader = contract(columns="discard_row", data_type="discard_row")
    worker.load(inline({"a": 1}), loader)
    loaded = worker.perform(
        inline({"a": 2, "b": 1}, {"a": "x", "b": None}, {"a": "y", "b": 2}, {"a": 3, "b": None}), loader
    )
    assert loaded.result.bad_rows == 3
    assert worker.rows() == [(1,), (3,)]
    kept = worker.rows('SELECT table_name, reason, "row" FROM _orc.quarantine ORDER BY "row"')
    assert [row[0] for row in kept] == ["t"] * 3
    assert [row[1:] for row in kept] == [
        ("a value of column a does not fit BIGINT", '{"a":"x","b":null}'),
        ("a value of column a does not fit BIGINT", '{"a":"y","b":2}'),
        ("the table has no column b", '{"a":2,"b":1}'),
    ]


def test_replace_keeps_a_frozen_table(worker):
    """Its columns and types stay; rows that do not fit leave the old rows where they are."""
    loader = contract(table(), tables="freeze", columns="freeze", data_type="freeze")
    assert worker.fail(inline({"a": 1}), loader) == (
        "contract_broken",
        "there is no table t, and schema_contract.tables is freeze",
    )
    worker.load(inline({"a": 1.5}), table())
    worker.load(inline({"a": 2}), loader)
    assert (worker.rows(), worker.types()) == ([(2.0,)], {"a": "DOUBLE"})
    assert worker.fail(inline({"a": 1, "b": 2}), loader)[0] == "contract_broken"
    assert worker.rows() == [(2.0,)]


def test_replace_tells_what_it_changed(worker):
    """Columns that came, went, or are of another type."""
    worker.load(inline({"a": 1, "b": "x"}), table())
    assert changes(worker, {"a": "one", "c": 1}, loader=table()) == (
        "t: added column c BIGINT", "t: dropped column b", "t: column a BIGINT became VARCHAR",
    )  # fmt: skip
