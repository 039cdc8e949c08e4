"""Where a run of an incremental task begins, and that no row is loaded twice or lost on the way."""

from datetime import UTC, datetime

import duckdb
import pytest
from support.loads import Loads
from support.worker_process import INLINE, order, table

from orc_domain.loaders.duckdb import DuckdbLoad
from orc_domain.run_messages import CursorSet, RunWindow
from orc_executor.errors import WrongShape
from orc_executor.extractors.shaping import shape
from orc_executor.extractors.source import Scan
from orc_executor.loaders.duckdb.file import DuckdbFile
from orc_executor.loaders.target import StateMoved
from orc_executor.state import NO_STATE, NOTHING_LEARNED, Learned, set_by
from orc_executor.underway import Underway


class Rows:
    """A source of literal rows with columns `at` and `v`."""

    def __init__(self, rows, type_="TIMESTAMP", learned=NOTHING_LEARNED):
        self.rows, self.type, self.kept = rows, type_, learned

    def learned(self):
        return self.kept

    def scans(self, _engine, _wanted):
        values = ", ".join(f"({'NULL' if at is None else repr(str(at))}, {v!r})" for at, v in self.rows)
        sql = f"SELECT said::{self.type} AS at, v, said FROM (VALUES {values}) AS rows(said, v)"
        columns = {"at": self.type, "v": "VARCHAR"}
        shaped = shape(sql, columns, cursor="at", cursor_text="said")
        yield Scan(sql=shaped.sql, columns=columns, bytes=1, cursor=shaped.cursor)

    def explain(self, _engine, _scan, error):
        raise error


class World(Loads):
    """Runs of one task that can be interleaved."""

    def target(self, *, disposition="append", key=None, window=None, **incremental):
        extractor = {**INLINE, "incremental": {"cursor": "at", **incremental}}
        underway = Underway(order(extractor, table(), window=window), self.reach)
        config = DuckdbLoad("out.duckdb", "t", disposition, primary_key=key)
        return DuckdbFile(config, self.engine, underway)

    def run(self, *rows, type_="TIMESTAMP", cursor_set=None, learned=NOTHING_LEARNED, **more):
        target = self.target(**more)
        state = target.look().state
        if cursor_set is not None:
            state = set_by(cursor_set, state)
        receipt, already = target.load(Rows(rows, type_, learned), None if more.get("window") else state)
        assert not already
        return receipt.result

    def rows(self, sql="SELECT v FROM t ORDER BY v"):
        with duckdb.connect(str(self.folder / "out.duckdb")) as connection:
            return [row[0] for row in connection.execute(sql).fetchall()]


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.scratch.remove()


def at(second, fraction=""):
    return f"2026-01-01T00:00:{second:02d}{fraction}Z"


def test_a_run_goes_on_where_the_last_one_ended(world):
    """Rows before the cursor are left out, whatever the source sends; the cursor is told as the source wrote it."""
    result = world.run((at(1), "a"), (at(3), "c"), (at(2), "b"))
    assert result.cursor == {"column": "at", "value": at(3)}
    result = world.run((at(1), "x"), (at(3), "c"), (at(4), "d"))
    assert (result.rows, result.cursor["value"]) == (1, at(4))
    assert world.rows() == ["a", "b", "c", "d"]


def test_rows_at_the_boundary_are_loaded_once_and_none_is_lost(world):
    """A later row with the very same cursor is new; the one that was loaded is recognised, column by column."""
    world.run((at(1), "a"), (at(2), "b"))
    world.run((at(2), "b"), (at(2), "late"))
    world.run((at(2), "late"), (at(2), "b"), (at(2), "later"))
    assert world.rows() == ["a", "b", "late", "later"]


def test_late_rows_within_the_lag_are_found(world):
    """Those that were loaded are not loaded again; what lies before the lag is left out."""
    for rows in (
        [(at(1), "a"), (at(20), "b")],
        [(at(9), "too late"), (at(10), "edge"), (at(15), "late"), (at(20), "b")],
        [(at(15), "late"), (at(15), "later"), (at(20), "b"), (at(10), "edge")],
        [(at(11), "x"), (at(30), "c"), (at(20), "b")],
        [(at(20), "b"), (at(30), "c")],
    ):
        world.run(*rows, lag="10s")
    assert world.rows() == ["a", "b", "c", "edge", "late", "later", "x"]


def test_the_cursor_never_goes_back(world):
    """A run that brings late rows alone leaves it where it is."""
    world.run((at(20), "b"))
    assert world.run((at(15), "late"), lag="10s").cursor["value"] == at(20)
    assert world.run((at(1), "none"), lag="10s").cursor["value"] == at(20)


def test_precision_is_kept(world):
    """Nanoseconds that the type cannot hold are in the text, and rows that differ by them are all loaded once."""
    world.run((at(1, ".000000001"), "a"), (at(1, ".000000002"), "b"))
    result = world.run((at(1, ".000000002"), "b"), (at(1, ".000000003"), "c"))
    assert result.cursor["value"] == at(1, ".000000003")
    assert world.rows() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("type_", "first", "second"),
    [("BIGINT", 9, 10), ("HUGEINT", 2**70, 2**70 + 1), ("VARCHAR", "a9", "b1"), ("DATE", "2026-01-31", "2026-02-01"), ("DOUBLE", 0.1, 0.30000000000000004)],
)  # fmt: skip
def test_cursors_are_ordered_by_their_type(world, type_, first, second):
    """Numbers as numbers, dates as dates, texts as texts."""
    world.run((second, "b"), (first, "a"), type_=type_)
    assert world.run((second, "b"), (first, "x"), type_=type_).cursor["value"] == str(second)
    assert world.rows() == ["a", "b"]


def test_lag_of_a_number_is_a_number(world):
    """A lag of time needs a cursor that is a time, and says so."""
    world.run((10, "a"), type_="BIGINT", lag="3")
    world.run((6, "x"), (7, "b"), type_="BIGINT", lag="3")
    assert world.rows() == ["a", "b"]
    with pytest.raises(WrongShape, match="has no time to go back"):
        world.run((10, "a"), type_="BIGINT", lag="3h")


def test_the_first_run_begins_at_the_initial_value(world):
    """It is no cursor afterwards."""
    world.run((at(1), "x"), (at(5), "a"), initial=at(5))
    world.run((at(6), "b"), initial=at(9))
    assert world.rows() == ["a", "b"]


def test_a_row_without_a_cursor_fails_the_load(world):
    """It could be neither loaded once nor found again."""
    with pytest.raises(WrongShape, match="1 rows have no value in at"):
        world.run((None, "a"), (at(1), "b"))


def test_merge_needs_no_boundary(world):
    """The key recognises rows; nothing is kept of them."""
    for v in ("a", "b"):
        world.run((at(1), v), disposition="merge", key=("at",))
    assert world.rows() == ["b"]
    assert '"boundary":[]' in world.rows("SELECT state FROM _orc.states")[0].replace(" ", "")


def test_a_window_neither_reads_nor_moves_the_cursor(world):
    """A backfill's run takes what lies in it: its beginning, not its end."""
    world.run((at(30), "z"))
    window = RunWindow(datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC), datetime(2026, 1, 1, 0, 0, 9, tzinfo=UTC))
    result = world.run((at(4), "x"), (at(5), "a"), (at(8), "b"), (at(9), "x"), window=window)
    assert (result.rows, result.cursor) == (2, None)
    assert world.run((at(30), "z"), (at(31), "zz")).rows == 1


def test_a_cursor_that_was_set_counts_once(world):
    """The next run begins there and the one after goes on; an older setting does not come back."""
    world.run((at(30), "z"))
    world.run((at(10), "x"), (at(20), "a"), cursor_set=CursorSet(4, at(20)))
    world.run((at(20), "a"), (at(25), "b"), cursor_set=CursorSet(4, at(20)))
    assert world.rows() == ["a", "b", "z"]
    world.run((at(1), "again"), cursor_set=CursorSet(5, None))
    assert world.rows() == ["a", "again", "b", "z"]
    with pytest.raises(WrongShape, match="the cursor 'soon' is no TIMESTAMP"):
        world.run((at(1), "x"), cursor_set=CursorSet(6, "soon"))


def test_of_two_runs_at_once_one_begins_again(world):
    """Both read the same state; the second to load finds it moved, and nothing of it is loaded."""
    first, second = world.target(), world.target()
    state = first.look().state
    assert second.look().state == state == NO_STATE
    first.load(Rows([(at(1), "a")]), state)
    with pytest.raises(StateMoved):
        second.load(Rows([(at(1), "a")]), state)
    second.load(Rows([(at(1), "a"), (at(2), "b")]), second.look().state)
    assert world.rows() == ["a", "b"]


def test_files_and_validators_are_kept_with_the_rows(world):
    """A file that is loaded again, changed, is known by its new mark."""
    world.run((at(1), "a"), learned=Learned(files={"x.csv": "1", "y.csv": "1"}, etag='"1"'))
    assert world.target().look().state.etag == '"1"'
    world.run((at(2), "b"), learned=Learned(files={"x.csv": "2"}))
    assert world.target().look().state.files == {"x.csv": "2", "y.csv": "1"}


def test_what_did_not_change_leaves_the_table(world):
    """Even one that is to be replaced."""
    world.run((at(1), "a"), disposition="replace")
    result = world.run((at(2), "b"), disposition="replace", learned=Learned(is_unchanged=True))
    assert (result.rows, world.rows()) == (0, ["a"])


def test_nothing_stays_in_the_worker(world):
    """What a load staged is dropped with it, also one that failed."""
    world.run((at(1), "a"), disposition="merge", key=("at",))
    with pytest.raises(WrongShape):
        world.run((None, "b"), disposition="merge", key=("at",))
    assert world.engine.run("SELECT table_name FROM duckdb_tables() WHERE temporary") == []
