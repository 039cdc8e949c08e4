"""
A table of a DuckDB file, loaded in one transaction.

    look     (an order whose task may have been loaded before) receipt? else a fence, so that no earlier attempt,
             however long it slept, loads after we have looked
    load     receipt? → fence → stage and swap, or append → receipt → commit, which is a checkpoint

DuckDB stages for us: `CREATE OR REPLACE TABLE … AS` writes the new rows beside the old table, which stays what it was,
for everyone and after any crash, until the commit. The lock is held for the load alone, not while an API is fetched.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from orc_domain.loaders.duckdb import MEMORY, DuckdbLoad
from orc_domain.run_messages import TaskResult
from orc_events.statements import load
from orc_executor.engine import Engine
from orc_executor.engine_errors import is_type_doubt, target_error
from orc_executor.errors import TargetUnusable, WrongShape
from orc_executor.extractors.source import NO_SCAN, Columns, Scan, Source, check_fits
from orc_executor.loaders.target import NOTHING_KNOWN, Known
from orc_executor.receipts import Ledger, Receipt
from orc_executor.sql_names import identifier, text
from orc_executor.state import TaskState
from orc_executor.underway import Underway

_COLUMNS, _IS_VIEW = load("orc_executor", "target_columns"), load("orc_executor", "target_is_view")


class DuckdbFile:
    """Loads a source into its table, once."""

    def __init__(self, config: DuckdbLoad, engine: Engine, underway: Underway) -> None:
        self._config, self._engine, self._underway = config, engine, underway
        self._order = underway.order
        self._table = f"target.main.{identifier(config.table_name)}"
        self._path = MEMORY if config.db_path == MEMORY else underway.reach.folders.target(config.db_path)

    def look(self) -> Known:
        """Return the receipt or the state, and hold back earlier attempts; raises TaskError."""
        if self._path == MEMORY:
            return NOTHING_KNOWN
        with self._target():
            ledger = Ledger(self._engine, self._order)
            if ledger.receipt is None:
                with self._transaction():
                    ledger.hold_back_earlier()
            return Known(ledger.receipt)

    def load(self, source: Source, state: TaskState) -> tuple[Receipt, bool]:
        """Return the receipt, and whether an earlier attempt had written it; raises TaskError, TaskStopped."""
        del state
        with self._target():
            ledger = Ledger(self._engine, self._order)
            if ledger.receipt is not None:
                return ledger.receipt, True
            wanted = self._wanted()
            scans = source.scans(self._engine, wanted)
            while True:
                try:
                    return self._load_scan(scans, source, wanted, ledger), False
                except _TypesDoubted:
                    # The rows are rolled back; the next scan has looked at every one of them.
                    continue

    def _load_scan(
        self, scans: Iterator[Scan], source: Source, wanted: Columns | None, ledger: Ledger
    ) -> Receipt:
        scan = NO_SCAN
        try:
            # Looking at the source comes before the transaction, which its faults would abort.
            with _reading(), self._underway.interruptible(self._engine.interrupt):
                scan = next(scans)
            with self._transaction():
                ledger.hold_back_earlier()
                with _reading():
                    rows = self._move(scan, wanted)
                receipt = ledger.write(
                    TaskResult(rows=rows, bytes=scan.bytes, seconds=self._underway.seconds())
                )
                self._underway.commit_begins()
        except _ReadingFailed as failed:
            if scan.is_sampled and is_type_doubt(failed.error):
                raise _TypesDoubted from failed.error
            # An explanation may read the source again, which takes as long as the load: a stop ends that too.
            with self._underway.interruptible(self._engine.interrupt):
                self._check_no_view()
                raise source.explain(self._engine, scan, failed.error) from failed.error
        return receipt

    def _move(self, scan: Scan, wanted: Columns | None) -> int:
        if not scan.columns:
            return self._move_nothing(wanted)
        columns, query = dict(scan.columns), scan.sql
        if (column := self._config.load_id_column) is not None:
            if column.casefold() in {name.casefold() for name in columns}:
                raise WrongShape(f"the rows have a column {column} already, which load_id_column names")
            query = f"SELECT *, {text(str(self._order.run_id))}::UUID AS {identifier(column)} FROM ({query})"
            columns[column] = "UUID"
        if wanted is None:
            statement = f"CREATE OR REPLACE TABLE {self._table} AS {query}"
        else:
            check_fits(columns, wanted, self._config.table_name)
            statement = f"INSERT INTO {self._table} BY NAME {query}"
        with self._underway.interruptible(self._engine.interrupt, self._engine.percent):
            ((rows,),) = self._engine.run(statement)
        self._underway.rows, self._underway.bytes = rows, scan.bytes
        return int(rows)

    def _move_nothing(self, wanted: Columns | None) -> int:
        """Load no rows, not even knowing columns: a table that is replaced keeps its own."""
        if wanted is None and self._columns():
            self._engine.run(f"DELETE FROM {self._table}")
        return 0

    def _wanted(self) -> Columns | None:
        """Return the columns of the table that is appended to, None when it is made anew."""
        return self._columns() or None if self._config.write_disposition == "append" else None

    def _check_no_view(self) -> None:
        if self._engine.run(_IS_VIEW, [self._config.table_name]):
            raise TargetUnusable(f"{self._config.db_path}: {self._config.table_name} is a view, not a table")

    def _columns(self) -> dict[str, str]:
        return {row[0]: row[1] for row in self._engine.run(_COLUMNS, [self._config.table_name])}

    @contextmanager
    def _target(self) -> Iterator[None]:
        """Have the file attached; what DuckDB says of it, the reading of the source left out, is told as its fault."""
        with self._engine.attached(self._path, self._config.db_path, self._underway):
            try:
                yield
            except duckdb.Error as error:
                raise target_error(error, self._config.db_path) from error

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
