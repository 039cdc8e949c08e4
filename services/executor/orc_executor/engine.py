"""
Engine: the worker's DuckDB, opened once and locked down; target files are attached for a load and detached after it.

An engine in memory that attaches a file costs a fifth of opening the file as a database of its own. It may touch the
scratch folder, where files of a task have names that lead to them, nothing else, and no setting can be changed any more.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import duckdb
import msgspec
from msgspec import Struct

from orc_executor import sql_names
from orc_executor.database_files import DatabaseFile
from orc_executor.engine_errors import is_fatal, is_foreign_lock, target_error
from orc_executor.errors import OutcomeUnknown, TargetUnusable
from orc_executor.locks import Patience, file_lock
from orc_executor.pins import Place
from orc_executor.scratch import Scratch
from orc_executor.underway import Underway
from orc_executor.worker_settings import WorkerSettings

if TYPE_CHECKING:
    import pyarrow as pa

ENGINE_MEMORY_SHARE = 0.7
"""Of the worker's memory; the rest is for what DuckDB does not count, and Python."""


class _Node(Struct, frozen=True):
    """An operator of a plan."""

    name: str
    children: tuple["_Node", ...] = ()


_plan = msgspec.json.Decoder(tuple[_Node, ...])


class Engine:
    """A locked-down DuckDB; one statement at a time, from one thread."""

    def __init__(self, settings: WorkerSettings, folders: tuple[str, ...], scratch: Scratch) -> None:
        """`folders` are what may be touched beside the scratch folder."""
        self._scratch = scratch
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
        # What a query reads is told by its plan as it was bound, not by what the optimizer leaves of it.
        self.run("SET explain_output = 'all'")
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

    @cached_property
    def own_types(self) -> frozenset[str]:
        """The names of DuckDB's own types, in small letters."""
        own = "SELECT DISTINCT lower(type_name) FROM duckdb_types() WHERE database_name = 'system'"
        return frozenset(name for (name,) in self.run(own))

    def is_one_select(self, sql: str) -> bool:
        """Tell whether a text is one SELECT statement; raises duckdb.Error when it is no SQL."""
        found = self._connection.extract_statements(sql)
        return len(found) == 1 and found[0].type == duckdb.StatementType.SELECT

    def reads(self, query: str) -> set[str]:
        """Return what a query reads from, as its plan calls it: SEQ_SCAN for a table, READ_CSV; raises duckdb.Error."""
        plans = dict(self.run(f"EXPLAIN (FORMAT json) {query}"))
        found, left = set[str](), list(_plan.decode(plans["logical_plan"]))
        while left:
            node = left.pop()
            left += node.children
            if not node.children:
                found.add(node.name.strip().upper())
        return found

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
    def in_memory(self) -> Iterator[None]:
        """Have an empty database as `target` for the block, which nothing is kept of."""
        self.run("ATTACH ':memory:' AS target")
        try:
            yield
        finally:
            self._detach()

    @contextmanager
    def attached(
        self, place: Place, underway: Underway, *, storage_version: str | None = None
    ) -> Iterator[None]:
        """
        Have the database file as `target`, alone, for the block; it is made where there is none.

        Raises TargetLocked when it is held by others for as long as the task may take, TargetUnusable when it is no
        database of ours, OutcomeUnknown when what was committed did not get into the file. Leaving writes what was
        committed into the file.
        """
        patience = Patience(underway.wait_until, underway.check_stop)
        with file_lock(place, patience):
            file = DatabaseFile(place, self._scratch.subfolder("target"))
            if not place.exists():
                self._create(file, storage_version)
            with file.opened():
                self._attach(file, patience)
                try:
                    self._take_in(file)
                    yield
                finally:
                    self._detach()
                if file.has_log:
                    self.is_broken = True
                    raise OutcomeUnknown(f"{file.name}: what was committed is not in the file")

    def read_only(self, place: Place) -> AbstractContextManager[None]:
        """Have the database file as `target`, to read, for the block; raises duckdb.Error, FileNotFoundError, TargetUnusable."""
        return self._read_only(DatabaseFile(place, self._scratch.subfolder("target")))

    @contextmanager
    def _read_only(self, file: DatabaseFile) -> Iterator[None]:
        with file.opened():
            self.run(f"ATTACH {sql_names.text(file.path)} AS target (TYPE duckdb, READ_ONLY)")
            try:
                yield
            finally:
                self._detach()

    def _create(self, file: DatabaseFile, storage_version: str | None) -> None:
        """Make an empty database, whole or not at all: a process killed while DuckDB makes one leaves a broken file."""
        made = f"{file.path}.new"
        try:
            version = (
                "" if storage_version is None else f", STORAGE_VERSION {sql_names.text(storage_version)}"
            )
            self.run(f"ATTACH {sql_names.text(made)} AS target (TYPE duckdb{version})")
            self._detach()
            file.put(made)
        except OSError as error:
            raise TargetUnusable(f"{file.name}: cannot be made: {error.strerror}") from error
        except duckdb.Error as error:
            raise target_error(error, file.name) from error

    def _take_in(self, file: DatabaseFile) -> None:
        """Have the file hold what a log of others beside it holds: ours is elsewhere."""
        if not file.has_foreign_log:
            return
        try:
            self.run("CHECKPOINT target")
        except duckdb.Error as error:
            raise target_error(error, file.name) from error
        file.drop_foreign_log()

    def _attach(self, file: DatabaseFile, patience: Patience) -> None:
        while True:
            try:
                self.run(f"ATTACH {sql_names.text(file.path)} AS target (TYPE duckdb)")
                return
            except duckdb.Error as error:
                if not is_foreign_lock(error):
                    raise target_error(error, file.name) from error
                holder = str(error).partition("held in ")[2].partition(". See")[0]
            patience.pause(f"{file.name}: another process has it open ({holder or 'unknown'})")

    def _detach(self) -> None:
        # Whatever fails here, what was committed is in the file.
        try:
            self.run("DETACH target")
        except duckdb.Error:
            self.is_broken = True
