"""
Foresight: what a load would do to its target; nothing is written.

    see       the columns of its tables, read-only, under the file's lock
    try       the load itself, of the first rows, in memory, into empty tables of these columns
    tell      how the tables' columns differ afterwards, or why the load is refused

Only DuckDB files are looked at. A file that a run is loading is not waited for: what would change is left open then.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext

import duckdb
from msgspec import Struct, structs

from orc_domain.load import Loader
from orc_domain.loaders.duckdb import MEMORY, DuckdbLoad
from orc_events.statements import load
from orc_executor.engine import Engine
from orc_executor.engine_errors import is_foreign_lock, source_error, target_error
from orc_executor.errors import TargetLocked, TargetUnusable, TaskError, TaskStopped
from orc_executor.extractors.source import Columns, Scan
from orc_executor.loaders.duckdb.staging import stage, unstage
from orc_executor.loaders.duckdb.tables import DuckdbTables, texts
from orc_executor.locks import Patience, file_lock
from orc_executor.paths import LOCK_SUFFIX
from orc_executor.pins import Place
from orc_executor.sql_names import folded, identifier
from orc_executor.state import NO_STATE
from orc_executor.underway import Underway

SECONDS_MAX = 2.0
"""How long a file is waited for that another process has open."""
_FAMILY, _IS_VIEW = load("orc_executor", "target_family"), load("orc_executor", "target_is_view")
_LOAD_ID = ""

Tables = Mapping[str, Columns]


class Seen(Struct, frozen=True, kw_only=True):
    """What a target is now."""

    exists: bool | None = None
    """Whether the table is there; None where that is not looked at."""
    tables: Tables = {}
    refusal: str | None = None
    """Why nothing could be loaded, whatever the source holds."""
    warnings: tuple[str, ...] = ()


class Told(Struct, frozen=True, kw_only=True):
    """What a load would do."""

    would: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def see(loader: Loader | None, engine: Engine, underway: Underway) -> Seen:
    """Look at the tables of a loader; raises TaskError for a path that may not be used, TaskStopped."""
    if not isinstance(loader, DuckdbLoad):
        return Seen()
    if loader.db_path == MEMORY:
        return Seen(exists=False)
    name, path = loader.db_path, underway.reach.folders.target(loader.db_path, make_parent=False)
    try:
        with _read_only(underway.pins.place(path, name), engine, underway):
            if engine.run(_IS_VIEW, [folded(loader.table_name)]):
                return Seen(exists=True, refusal=f"{name}: {loader.table_name} is a view, not a table")
            tables = _tables(engine, loader.table_name)
    except FileNotFoundError:
        return Seen(exists=False)
    except TargetLocked:
        return Seen(warnings=(f"{name} is being loaded: what would change in it is not known now",))
    except TargetUnusable as error:
        return Seen(refusal=error.message)
    return Seen(exists=any(folded(table) == folded(loader.table_name) for table in tables), tables=tables)


class Rehearsal:
    """A load into memory, of a target whose tables have the columns that were seen."""

    def __init__(self, loader: DuckdbLoad, seen: Seen, engine: Engine, underway: Underway) -> None:
        # Whether its checks are met is told by all rows, not by the first.
        self._loader = structs.replace(loader, checks=())
        self._seen, self._engine, self._underway = seen, engine, underway
        self._tables = DuckdbTables(self._loader, engine, underway)
        for name, columns in seen.tables.items():
            engine.run(f"CREATE TABLE target.main.{identifier(name)} ({_listed(columns)})")

    def wanted(self, *, wider: bool = False) -> Columns | None:
        """Return the columns that a load would read the source as; wider ones where it may make the table so."""
        return texts(self._tables.wanted()) if wider else self._tables.wanted()

    @property
    def may_widen(self) -> bool:
        """Whether a column that the source does not fit may become wider."""
        return self._tables.may_widen

    def load(self, scan: Scan, rows_max: int) -> Told:
        """Load the first rows and say what that did; raises TaskStopped."""
        few, engine = structs.replace(scan, sql=f"SELECT * FROM ({scan.sql}) LIMIT {rows_max}"), self._engine
        engine.run("BEGIN")
        try:
            with self._underway.interruptible(engine.interrupt):
                staged = stage(few, self._loader, NO_STATE, engine, self._underway)
                told = self._tables.move(staged, _LOAD_ID)
            after = _tables(engine, self._loader.table_name)
        except TaskError as error:
            return Told(would=(f"refuse: {error.message}",))
        except duckdb.Error as error:
            trouble = source_error(error, {})
            if isinstance(trouble, TaskStopped):
                raise trouble from error
            return Told(would=(f"refuse: {trouble.message}",))
        finally:
            engine.roll_back()
            unstage(engine)
        return Told(would=tuple(_differences(self._seen.tables, after)), warnings=told.warnings)


@contextmanager
def rehearsal(
    loader: Loader | None, seen: Seen, engine: Engine, underway: Underway
) -> Iterator[Rehearsal | None]:
    """Have a place to try the load in, None where there is nothing to try."""
    if not isinstance(loader, DuckdbLoad) or seen.exists is None or seen.refusal is not None:
        yield None
        return
    with engine.in_memory():
        yield Rehearsal(loader, seen, engine, underway)


def _differences(before: Tables, after: Tables) -> Iterator[str]:
    """Say how the tables differ, those that are not there any more aside: none is ever dropped."""
    for name, columns in after.items():
        if name not in before:
            yield f"make table {name} with {', '.join(f'{column} {type_}' for column, type_ in columns.items())}"
            continue
        old, new = (
            {folded(key): (key, type_) for key, type_ in one.items()} for one in (before[name], columns)
        )
        yield from (
            f"add column {column} {type_} to table {name}"
            for key, (column, type_) in new.items()
            if key not in old
        )
        yield from (
            f"drop column {column} of table {name}" for key, (column, _) in old.items() if key not in new
        )
        for key, (column, type_) in new.items():
            if key in old and old[key][1] != type_:
                yield f"make column {column} of table {name} {type_}, it is {old[key][1]}"


def _listed(columns: Columns) -> str:
    return ", ".join(f"{identifier(name)} {type_}" for name, type_ in columns.items())


def _tables(engine: Engine, name: str) -> dict[str, dict[str, str]]:
    found = dict[str, dict[str, str]]()
    for table, column, type_ in engine.run(_FAMILY, [folded(name)]):
        found.setdefault(table, {})[column] = type_
    return found


@contextmanager
def _read_only(place: Place, engine: Engine, underway: Underway) -> Iterator[None]:
    """Have the file as `target`, to read; raises FileNotFoundError, TargetLocked when others have it, TargetUnusable."""
    until = min(time.monotonic() + SECONDS_MAX, underway.wait_until)
    patience = Patience(until, underway.check_stop)
    # Without a lock file no load has ever been here: none is made, and DuckDB's own lock tells of anybody else.
    is_ours = place.beside(LOCK_SUFFIX).exists()
    try:
        with file_lock(place, patience) if is_ours else nullcontext(), engine.read_only(place):
            yield
    except duckdb.Error as error:
        raise _trouble(error, place.name) from error


def _trouble(error: duckdb.Error, name: str) -> TaskError | TaskStopped:
    return TargetLocked(name) if is_foreign_lock(error) else target_error(error, name)
