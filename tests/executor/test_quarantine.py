"""Rows that a load leaves out: counted, and kept beside it where that is asked for."""

import pytest
from support.target_engine import target_engine
from support.worker_process import DISCARD, INLINE, order

from orc_domain.extractors.files import BadRows
from orc_executor.errors import TooManyBadRows
from orc_executor.extractors.source import Rejects
from orc_executor.loaders.quarantine import (
    ROW_CHARACTERS_MAX,
    count_rejects,
    keep_rejects,
    keep_rows,
    prepare,
)

ORDER = order(INLINE, DISCARD)
KEPT = "SELECT load_id, table_name, file, line, reason, row FROM target._orc.quarantine ORDER BY line"


@pytest.fixture
def engine(tmp_path):
    """Attach an empty target, a transaction open."""
    with target_engine(tmp_path) as engine:
        engine.run("BEGIN")
        yield engine


def rejects(*rows, mode="quarantine", most=2):
    """Stand for what a scan could not read: (file, line, reason, text)."""
    given = ", ".join(str(row).replace("None", "NULL") for row in rows) or "(NULL, NULL, NULL, NULL)"
    sql = f"SELECT * FROM (VALUES {given}) AS given(f, l, why, raw)" + ("" if rows else " WHERE false")
    return Rejects(sql=sql, clear="", policy=BadRows(mode, most))


BAD = [("b.csv", 9, "no number", "x;y"), ("a.csv", 3, "too few", "x")]


def test_rejects_are_kept(engine):
    """With the load, the run, the place and the reason of each."""
    assert keep_rejects(engine, ORDER, "load", "t", rejects(*BAD)) == 2
    assert engine.run(KEPT) == [
        ("load", "t", "a.csv", 3, "too few", "x"),
        ("load", "t", "b.csv", 9, "no number", "x;y"),
    ]
    assert engine.run("SELECT DISTINCT run_id, task_id FROM target._orc.quarantine") == [
        (ORDER.run_id, ORDER.task_id)
    ]


@pytest.mark.parametrize(("given", "count"), [(rejects(*BAD, mode="skip"), 2), (rejects(), 0)])
def test_nothing_is_written_without_need(engine, given, count):
    """Skipped rows are only counted, and where there are none no table is made."""
    assert keep_rejects(engine, ORDER, "load", "t", given) == count
    assert engine.run("SELECT * FROM duckdb_schemas() WHERE schema_name = '_orc'") == []


@pytest.mark.parametrize(
    "count", [count_rejects, lambda *given: keep_rejects(given[0], ORDER, "", "t", given[1])]
)
@pytest.mark.parametrize("mode", ["skip", "quarantine"])
def test_more_than_allowed(engine, count, mode):
    """The load fails whatever becomes of the rows, and the first by file and line is told."""
    with pytest.raises(TooManyBadRows) as refusal:
        count(engine, rejects(*BAD, mode=mode, most=1))
    assert str(refusal.value) == (
        "2 rows cannot be read, on_bad_rows.max is 1; the first: a.csv, line 3: too few"
    )


def test_an_example_is_short_and_may_have_no_line(engine):
    """However long the reason is."""
    with pytest.raises(TooManyBadRows) as refusal:
        count_rejects(engine, rejects(("a.json", None, "x" * 5000, None), most=0))
    assert str(refusal.value).endswith(f"the first: a.json: {'x' * 499}…")


def test_rows_that_a_contract_discards(engine):
    """They are kept as JSON, with the one reason; a reason is a text, whatever is in it."""
    sql = "SELECT to_json(one) FROM (SELECT unnest([1, 2]) AS a) AS one"
    reason = "orders: column a'; DROP TABLE x; -- is BIGINT"
    assert keep_rows(engine, ORDER, "load", "t", sql, reason=reason) == 2
    assert engine.run(KEPT) == [
        ("load", "t", None, None, reason, '{"a":1}'),
        ("load", "t", None, None, reason, '{"a":2}'),
    ]


def test_long_rows_are_cut(engine):
    """What is kept of a row has a limit."""
    keep_rows(engine, ORDER, "load", "t", "SELECT repeat('é', 100000)", reason="too long")
    assert engine.run("SELECT row FROM target._orc.quarantine") == [("é" * ROW_CHARACTERS_MAX,)]


def test_old_rows_are_forgotten(engine):
    """After a year, when others come."""
    keep_rejects(engine, ORDER, "old", "t", rejects(*BAD))
    engine.run("UPDATE target._orc.quarantine SET quarantined_at = now() - INTERVAL 366 DAY WHERE line = 3")
    keep_rejects(engine, ORDER, "new", "t", rejects(("c.csv", 1, "no", "z")))
    assert [row[0] for row in engine.run(KEPT)] == ["new", "old"]


def test_a_load_that_is_rolled_back_leaves_none(engine):
    """They belong to the load's transaction; preparing twice is as once."""
    engine.run("COMMIT")
    engine.run("BEGIN")
    prepare(engine)
    prepare(engine)
    engine.run("COMMIT")
    engine.run("BEGIN")
    keep_rejects(engine, ORDER, "load", "t", rejects(*BAD))
    engine.roll_back()
    assert engine.run(KEPT) == []
