"""The rows at an incremental run's boundary: recognised whatever their types are in the next run, and never taken for another."""

from datetime import datetime

import pytest
from support.loads import Loads

from orc_domain.run_messages import CursorSet, RunWindow
from orc_executor.errors import WrongShape
from orc_executor.state import set_by

APPEND = {"cursor": "ts", "write_disposition": "append"}


@pytest.fixture
def loads(tmp_path):
    loads = Loads(tmp_path)
    yield loads
    loads.scratch.remove()


@pytest.mark.parametrize("nested", ["json", "flatten", "child_tables", None])
def test_nested_rows_are_recognised(loads, nested):
    """Also where objects and arrays come apart or become JSON, and where another row has a key that they lack."""
    loads.load("SELECT 1 AS ts, {'x': 1} AS m, [{'y': 1}] AS l", nested=nested, **APPEND)
    rows = "SELECT 1 AS ts, {'x': 1, 'z': NULL} AS m, [{'y': 1, 'w': NULL}] AS l UNION ALL SELECT 1, {'x': 2, 'z': 3}, []"
    assert loads.load(rows, nested=nested, **APPEND).rows == 1
    assert loads.run("SELECT count(*) FROM t") == [(2,)]
    if nested == "child_tables":
        assert loads.run("SELECT count(*) FROM t__l") == [(1,)]


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ("5", "5.0::DOUBLE"), ("5", "5.00::DECIMAL(5,2)"), ("1.5::DECIMAL(3,1)", "1.50::DECIMAL(5,2)"), ("10", "10.0::DECIMAL(5,1)"),
        ("DATE '2026-01-01'", "TIMESTAMP '2026-01-01'"), ("{'a': 5}", "{'b': NULL, 'a': 5.0::DOUBLE}"),
        ("[1, NULL]", "[1.0::DOUBLE, NULL]"), ("MAP {'a': 1}", "MAP {'a': 1}"), ("100000000000000000000", "1e20"),
    ],
)  # fmt: skip
def test_a_row_is_the_same_whatever_type_its_column_has(loads, first, later):
    """Types are found anew each run, so another row can change that of a column; no row is doubled by that."""
    loads.load(f"SELECT 1 AS ts, {first} AS v", **APPEND)
    contract = {"columns": "evolve", "data_type": "discard_value"}
    assert loads.load(f"SELECT 1 AS ts, {later} AS v", schema_contract=contract, **APPEND).rows == 0


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ("'a' || chr(31) || 'w=b' AS v, NULL::VARCHAR AS w", "'a' AS v, 'b' AS w"),
        ("['a', 'bc'] AS v", "['ab', 'c'] AS v"),
        ("['a', NULL] AS v", "['a', '-'] AS v"),
        ("{'a': '1', 'b': '2'} AS v", "{'a': '12', 'b': ''} AS v"),
        ("10 AS v", "1 AS v"),
    ],
)
def test_no_row_is_taken_for_another(loads, first, later):
    """Where one value ends and the next begins is part of what tells a row."""
    loads.load(f"SELECT 1 AS ts, {first}", **APPEND)
    assert loads.load(f"SELECT 1 AS ts, {later}", **APPEND).rows == 1


def test_a_cursor_is_ordered_as_it_was(loads):
    """A column of numbers that comes as texts once goes on as numbers: as texts, 10 would come before 9 and be lost."""
    keeps = {"data_type": "discard_value"}
    loads.load("SELECT unnest([8, 9]) AS ts, 1 AS v", **APPEND)
    result = loads.load("SELECT unnest(['8', '10']) AS ts, 1 AS v", schema_contract=keeps, **APPEND)
    assert (result.rows, result.cursor["value"]) == (1, "10")


@pytest.mark.parametrize("endless", ["'nan'::DOUBLE", "'infinity'::DOUBLE", "'infinity'::TIMESTAMP", "'infinity'::DATE"])  # fmt: skip
def test_nothing_comes_after_infinity(loads, endless):
    """A row that has it as its cursor fails the load: every later one would be left out, for ever."""
    with pytest.raises(WrongShape, match="1 rows have infinity, or what is no number, in ts"):
        loads.load(f"SELECT {endless} AS ts, 1 AS v", **APPEND)


def test_a_lag_may_lead_below_what_the_type_can_hold(loads):
    """Going back 10 from 5 is no fault of a column without negative numbers."""
    loads.load("SELECT 5::UBIGINT AS ts, 1 AS v", lag="10", **APPEND)
    assert loads.load("SELECT 4::UBIGINT AS ts, 2 AS v", lag="10", **APPEND).rows == 1


def test_a_lag_may_be_short(loads):
    """Microseconds are written without an exponent."""
    loads.load("SELECT TIMESTAMP '2026-01-01' AS ts, 1 AS v", lag="0.00001s", **APPEND)
    late = "SELECT unnest([TIMESTAMP '2025-12-31 23:59:59.999991', TIMESTAMP '2025-12-31 23:59:59.9']) AS ts, 2 AS v"
    assert loads.load(late, lag="0.00001s", **APPEND).rows == 1


def test_a_cursor_that_was_set_with_an_offset_means_that_instant(loads):
    """Times without a zone are UTC, so two in the morning in Berlin is midnight there: no two hours are skipped."""
    loads.load("SELECT TIMESTAMP '2026-07-01 05:00' AS ts, 1 AS v", **APPEND)
    rows = "SELECT unnest([TIMESTAMP '2026-06-30 23:00', TIMESTAMP '2026-07-01 00:30']) AS ts, 2 AS v"
    chosen = CursorSet(9, "2026-07-01T02:00:00+02:00")
    assert loads.load(rows, set_to=lambda state: set_by(chosen, state), **APPEND).rows == 1


def test_a_window_is_a_span_of_instants(loads):
    """Whatever zone its ends are written in; texts are compared as the times that they tell."""
    window = RunWindow(
        *map(datetime.fromisoformat, ("2026-01-01T02:00:00+02:00", "2026-01-02T02:00:00+02:00"))
    )
    said = "unnest(['2025-12-31 23:59', '2026-01-01 00:00', '2026-01-01T23:00:00Z', '2026-01-02 01:00:00+02:00'])"
    assert loads.load(f"SELECT {said} AS ts", window=window, **APPEND).rows == 3
    said = "unnest([TIMESTAMP '2026-01-01 00:30', TIMESTAMP '2026-01-02 00:30'])"
    assert loads.load(f"SELECT {said} AS ts", table_name="other", window=window, **APPEND).rows == 1
    with pytest.raises(WrongShape, match="the cursor ts is INTEGER, which is no time"):
        loads.load("SELECT 1 AS ts", window=window, **APPEND)


def test_a_column_with_a_name_of_ours_is_refused(loads):
    """It would be lost among those that loading adds."""
    with pytest.raises(WrongShape, match="a column _ORC_CURSOR, a name that loading needs itself"):
        loads.load("SELECT 1 AS ts, 2 AS _ORC_CURSOR", **APPEND)
