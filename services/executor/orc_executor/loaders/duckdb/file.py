"""
A table of a DuckDB file, or several of nested rows, loaded in one transaction.

    look     receipt? else the state, and a fence, so that no earlier attempt, however long it slept, loads after us
    load     receipt? → state still the same? → stage, where rows are read more than once
             → fence → contract → move → checks → state → receipt → commit, which is a checkpoint

DuckDB stages for us where rows are read once: `CREATE OR REPLACE TABLE … AS` writes the new rows beside the old table,
which stays what it was, for everyone and after any crash, until the commit. The lock is held for the load alone, not
while an API is fetched.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
from msgspec import structs

from orc_domain.loaders.duckdb import MEMORY, DuckdbLoad
from orc_domain.run_messages import TaskResult
from orc_events.statements import load
from orc_executor.engine import Engine
from orc_executor.engine_errors import is_type_doubt, target_error
from orc_executor.errors import TargetUnusable
from orc_executor.extractors.source import NO_SCAN, Scan, Source
from orc_executor.loaders.duckdb.staging import stage, unstage
from orc_executor.loaders.duckdb.states import read_state, save_state
from orc_executor.loaders.duckdb.tables import DuckdbTables, Told, texts
from orc_executor.loaders.duckdb.traps import check_traps
from orc_executor.loaders.quarantine import keep_rejects
from orc_executor.loaders.target import NOTHING_KNOWN, Known, StateMoved, place_of
from orc_executor.receipts import Ledger, Receipt
from orc_executor.sql_names import folded
from orc_executor.state import NO_STATE, TaskState
from orc_executor.underway import Underway

_IS_VIEW = load("orc_executor", "target_is_view")


class DuckdbFile:
    """Loads a source into its table, once."""

    def __init__(self, config: DuckdbLoad, engine: Engine, underway: Underway) -> None:
        self._config, self._engine, self._underway = config, engine, underway
        self._order = underway.order
        path = config.db_path
        self._place = (
            None if path == MEMORY else place_of(underway.reach.folders.target(path), path, underway)
        )
        self._tables = DuckdbTables(config, engine, underway)

    def look(self) -> Known:
        """Return the receipt or the state, and hold back earlier attempts; raises TaskError."""
        if self._place is None:
            return NOTHING_KNOWN
        with self._target():
            ledger = Ledger(self._engine, self._order)
            if ledger.receipt is not None:
                return Known(ledger.receipt)
            with self._transaction():
                ledger.hold_back_earlier()
            state = read_state(self._engine, self._order)
            if not self._tables.is_there:
                # What did not change since is of no use without the table it was loaded into.
                state = structs.replace(state, etag=None, last_modified=None)
            return Known(state=state)

    def load(self, source: Source, state: TaskState | None) -> tuple[Receipt, bool]:
        """Return the receipt, and whether an earlier attempt had written it; raises TaskError, TaskStopped, StateMoved."""
        with self._target():
            ledger = Ledger(self._engine, self._order)
            if ledger.receipt is not None:
                return ledger.receipt, True
            if state is not None and read_state(self._engine, self._order).version != state.version:
                raise StateMoved
            self._check_no_view()
            wanted = self._tables.wanted()
            scans, may_widen = source.scans(self._engine, wanted), self._tables.may_widen
            while True:
                try:
                    return self._load_scan(scans, source, state, ledger, may_widen=may_widen), False
                except _TypesDoubted:
                    # The rows are rolled back; the next scan has looked at every one of them.
                    continue
                except _WiderWanted:
                    # What the rows are by themselves may be what the table can become.
                    scans, may_widen = source.scans(self._engine, texts(wanted)), False

    def _load_scan(
        self,
        scans: Iterator[Scan],
        source: Source,
        state: TaskState | None,
        ledger: Ledger,
        *,
        may_widen: bool,
    ) -> Receipt:
        scan, engine = NO_SCAN, self._engine
        try:
            # Looking at the source comes before the transaction, which its faults would abort.
            with _reading(), self._underway.interruptible(engine.interrupt):
                scan = next(scans)
            with self._transaction():
                ledger.hold_back_earlier()
                with _reading():
                    result = self._move(scan, source, state, ledger.load_id)
                receipt = ledger.write(result)
                self._underway.commit_begins()
        except _ReadingFailed as failed:
            is_doubt = is_type_doubt(failed.error)
            if scan.is_sampled and is_doubt:
                raise _TypesDoubted from failed.error
            if may_widen and is_doubt:
                raise _WiderWanted from failed.error
            # An explanation may read the source again, which takes as long as the load: a stop ends that too.
            with self._underway.interruptible(engine.interrupt):
                raise source.explain(engine, scan, failed.error) from failed.error
        finally:
            unstage(engine)
        return receipt

    def _move(self, scan: Scan, source: Source, state: TaskState | None, load_id: str) -> TaskResult:
        """Move the scan's rows and remember where the source is now, in the open transaction."""
        engine, order, learned = self._engine, self._order, source.learned()
        if scan.rejects is not None:
            engine.run(scan.rejects.clear)
        with self._underway.interruptible(engine.interrupt, engine.percent):
            staged = stage(scan, self._config, state or NO_STATE, engine, self._underway)
            told = Told() if learned.is_unchanged else self._tables.move(staged, load_id)
            if state is not None and staged.narrowing is not None:
                state = staged.narrowing.advance(engine, staged.relation, staged.digest)
        bad_rows = told.kept_out
        if scan.rejects is not None:
            bad_rows += keep_rejects(engine, order, load_id, self._config.table_name, scan.rejects)
        if state is not None:
            save_state(engine, order, state, learned, load_id)
        self._underway.rows, self._underway.bytes = told.rows, scan.bytes
        cursor = None
        if state is not None and scan.cursor is not None:
            cursor = {"column": scan.cursor.name, "value": state.cursor}
        return TaskResult(
            rows=told.rows, bytes=scan.bytes, seconds=self._underway.seconds(), cursor=cursor,
            schema_changes=told.changes, tables=told.tables, bad_rows=bad_rows, warnings=told.warnings,
        )  # fmt: skip

    def _check_no_view(self) -> None:
        if self._engine.run(_IS_VIEW, [folded(self._config.table_name)]):
            raise TargetUnusable(f"{self._config.db_path}: {self._config.table_name} is a view, not a table")

    @contextmanager
    def _target(self) -> Iterator[None]:
        """Have the file attached; what DuckDB says of it, the reading of the source left out, is told as its fault."""
        config, engine, place = self._config, self._engine, self._place
        attached = (
            engine.in_memory()
            if place is None
            else engine.attached(place, self._underway, storage_version=config.storage_version)
        )
        with attached:
            try:
                check_traps(self._engine, config.db_path)
                yield
            except duckdb.Error as error:
                raise target_error(error, config.db_path) from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._engine.run("BEGIN")
        try:
            yield
        except BaseException:
            self._engine.roll_back()
            raise
        self._engine.run("COMMIT")


@contextmanager
def _reading() -> Iterator[None]:
    """Tell what goes wrong with the source from what goes wrong with the target."""
    try:
        yield
    except duckdb.Error as error:
        raise _ReadingFailed(error) from error


class _ReadingFailed(Exception):
    """DuckDB failed while it read the source into the table."""

    def __init__(self, error: duckdb.Error) -> None:
        super().__init__(str(error))
        self.error = error


class _TypesDoubted(Exception):
    """A value did not fit the type that a sample gave its column."""


class _WiderWanted(Exception):
    """A value did not fit the table's column, which may become wider."""
