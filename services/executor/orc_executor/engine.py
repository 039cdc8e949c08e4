"""
Engine: the worker's DuckDB, opened once and locked down; target files are attached for a load and detached after it.

An engine in memory that attaches a file costs a fifth of opening the file as a database of its own. It may touch the
data folder, the file roots and the scratch folder, nothing else, and no setting can be changed any more.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb

from orc_domain.loaders.duckdb import MEMORY
from orc_executor import sql_names
from orc_executor.engine_errors import is_fatal, is_foreign_lock, target_error
from orc_executor.errors import TargetUnusable
from orc_executor.locks import Patience, file_lock
from orc_executor.scratch import Scratch
from orc_executor.underway import Underway
from orc_executor.worker_settings import WorkerSettings

if TYPE_CHECKING:
    import pyarrow as pa

UNFINISHED_SUFFIX = ".orc-unfinished"
ENGINE_MEMORY_SHARE = 0.7
"""Of the worker's memory; the rest is for what DuckDB does not count, and Python."""


class Engine:
    """A locked-down DuckDB; one statement at a time, from one thread."""

    def __init__(self, settings: WorkerSettings, folders: tuple[str, ...], scratch: Scratch) -> None:
        self.is_broken = False
        """Whether the process must be replaced: what it holds can no longer be trusted."""
        self.memory_bytes = int(settings.worker_memory_bytes_max * ENGINE_MEMORY_SHARE)
        self.threads = settings.threads
        self._connection = duckdb.connect(
            config={
                "memory_limit": f"{self.memory_bytes}B",
                "threads": self.threads,
                "temp_directory": str(scratch.folder / "engine"),
                "max_temp_directory_size": f"{settings.worker_scratch_bytes_max}B",
                "autoload_known_extensions": False,
                "autoinstall_known_extensions": False,
                "allow_community_extensions": False,
            }
        )
        # A commit writes the file itself, atomically, in place of a log that the detaching would carry over: half the
        # syncs, and no `.wal` beside the file that a crash could leave and a copy could miss.
        self.run("SET checkpoint_threshold = '1B'")
        # A time without a zone is UTC, whatever zone the machine is in.
        self.run("SET TimeZone = 'UTC'")
        self.run("SET enable_progress_bar = true")
        self.run("SET enable_progress_bar_print = false")
        allowed = sql_names.texts(f"{folder}/" for folder in (*folders, scratch.folder))
        self.run(f"SET allowed_directories = {allowed}")
        self.run("SET enable_external_access = false")
        self.run("SET lock_configuration = true")

    def run(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """Execute to the end and return the rows; raises duckdb.Error."""
        # Fetching is part of executing: a result streams, and its errors come with its rows.
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except duckdb.Error as error:
            self.is_broken = self.is_broken or is_fatal(error)
            raise

    def arrow(self, query: str, batch_rows: int) -> "pa.RecordBatchReader":
        """
        Return the rows of a query as Arrow, to be read to the end before anything else is run; raises duckdb.Error.

        What goes wrong while it is read comes as OSError, DuckDB's text in it.
        """
        return self._connection.sql(query).to_arrow_reader(batch_rows)

    def describe(self, query: str) -> dict[str, str]:
        """Return the columns of a query and their types; raises duckdb.Error."""
        return {row[0]: row[1] for row in self.run(f"DESCRIBE {query}")}

    def is_one_select(self, sql: str) -> bool:
        """Tell whether a text is one SELECT statement; raises duckdb.Error when it is no SQL."""
        found = self._connection.extract_statements(sql)
        return len(found) == 1 and found[0].type == duckdb.StatementType.SELECT

    def type_of(self, text: str) -> duckdb.sqltypes.DuckDBPyType:
        """Return the structure of a type that DuckDB wrote as text; raises duckdb.Error."""
        return self._connection.dtype(text)

    def supertype(self, one: str, other: str) -> str | None:
        """Return the type that two types are taken to where they meet, None where they cannot."""
        query = f"DESCRIBE SELECT NULL::{one} AS found UNION ALL SELECT NULL::{other}"
        # A question that fails would abort the open transaction, so it is asked beside it.
        with self._connection.cursor() as beside:
            try:
                ((_, found, *_),) = beside.execute(query).fetchall()
            except duckdb.Error:
                return None
        return str(found)

    def roll_back(self) -> None:
        """End the open transaction, if there still is one."""
        try:
            self.run("ROLLBACK")
        except duckdb.TransactionException:
            return
        except duckdb.Error:
            self.is_broken = True

    def interrupt(self) -> None:
        """End the statement under way, from another thread."""
        self._connection.interrupt()

    def percent(self) -> float | None:
        """Tell how far the statement under way is, where DuckDB knows."""
        percent = self._connection.query_progress()
        return round(percent, 1) if percent >= 0 else None

    @contextmanager
    def attached(
        self, path: str, name: str, underway: Underway, *, storage_version: str | None = None
    ) -> Iterator[None]:
        """
        Have the database file as `target`, alone, for the block.

        Raises TargetLocked when it is held by others for as long as the task may take, TargetUnusable when it is no
        database of ours. Leaving writes what was committed into the file.
        """
        if path == MEMORY:
            self.run("ATTACH ':memory:' AS target")
            try:
                yield
            finally:
                self._detach()
            return
        patience = Patience(underway.wait_until, underway.check_stop)
        with file_lock(path, name, patience):
            if not os.path.exists(path):  # noqa: PTH110
                self._create(path, name, storage_version)
            self._attach(path, name, patience)
            try:
                yield
            finally:
                self._detach()

    def _create(self, path: str, name: str, storage_version: str | None) -> None:
        """Make an empty database, whole or not at all: a process killed while DuckDB makes one leaves a broken file."""
        unfinished = path + UNFINISHED_SUFFIX
        try:
            if os.path.exists(unfinished):  # noqa: PTH110
                os.unlink(unfinished)  # noqa: PTH108
            version = (
                "" if storage_version is None else f", STORAGE_VERSION {sql_names.text(storage_version)}"
            )
            self.run(f"ATTACH {sql_names.text(unfinished)} AS target (TYPE duckdb{version})")
            self._detach()
            os.rename(unfinished, path)  # noqa: PTH104
        except OSError as error:
            raise TargetUnusable(f"{name}: cannot be made: {error.strerror}") from error
        except duckdb.Error as error:
            raise target_error(error, name) from error

    def _attach(self, path: str, name: str, patience: Patience) -> None:
        while True:
            try:
                self.run(f"ATTACH {sql_names.text(path)} AS target (TYPE duckdb)")
                return
            except duckdb.Error as error:
                if not is_foreign_lock(error):
                    raise target_error(error, name) from error
                holder = str(error).partition("held in ")[2].partition(". See")[0]
            patience.pause(f"{name}: another process has it open ({holder or 'unknown'})")

    def _detach(self) -> None:
        # Whatever fails here, what was committed is in the file.
        try:
            self.run("DETACH target")
        except duckdb.Error:
            self.is_broken = True
