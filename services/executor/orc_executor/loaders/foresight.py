"""
Foresight: what a load would do to its target, by what the table is now; nothing is written.

Only DuckDB files are looked at. A file that a run is loading is not waited for: what would change is left open then.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import duckdb
from msgspec import Struct

from orc_domain.load import Loader
from orc_domain.loaders.duckdb import MEMORY, DuckdbLoad
from orc_events.statements import load
from orc_executor import sql_names
from orc_executor.engine import Engine
from orc_executor.engine_errors import is_foreign_lock, target_error
from orc_executor.errors import TargetLocked, TargetUnusable, TaskError, TaskStopped, WrongShape
from orc_executor.extractors.source import Columns, check_fits
from orc_executor.locks import Patience, file_lock
from orc_executor.paths import LOCK_SUFFIX
from orc_executor.underway import Underway

SECONDS_MAX = 2.0
"""How long a file is waited for that another process has open."""
_COLUMNS, _IS_VIEW = load("orc_executor", "target_columns"), load("orc_executor", "target_is_view")


class Seen(Struct, frozen=True, kw_only=True):
    """What a target is now."""

    exists: bool | None = None
    """Whether the table is there; None where that is not looked at."""
    columns: dict[str, str] = {}
    wanted: Columns | None = None
    """The columns that a load would read the source as."""
    refusal: str | None = None
    """Why nothing could be loaded, whatever the source holds."""
    warnings: tuple[str, ...] = ()


def see_table(loader: Loader | None, engine: Engine, underway: Underway) -> Seen:
    """Look at the table of a loader; raises TaskError for a path that may not be used, TaskStopped."""
    if not isinstance(loader, DuckdbLoad):
        return Seen()
    if loader.db_path == MEMORY:
        return Seen(exists=False)
    path = underway.reach.folders.target(loader.db_path, make_parent=False)
    if not os.path.exists(path):  # noqa: PTH110
        return Seen(exists=False)
    try:
        with _attached(path, loader.db_path, engine, underway):
            if engine.run(_IS_VIEW, [loader.table_name]):
                return Seen(exists=True, refusal=f"{loader.table_name} is a view, not a table")
            columns = {row[0]: row[1] for row in engine.run(_COLUMNS, [loader.table_name])}
    except TargetLocked:
        return Seen(warnings=(f"{loader.db_path} is being loaded: what would change in it is not known now",))
    except TargetUnusable as error:
        return Seen(refusal=error.message)
    return Seen(
        exists=bool(columns),
        columns=columns,
        wanted=columns if columns and loader.write_disposition == "append" else None,
    )


def foresee(loader: Loader | None, seen: Seen, columns: Columns) -> tuple[str, ...]:
    """Say what loading rows of these columns would do to the table."""
    if seen.refusal is not None:
        return (f"refuse: {seen.refusal}",)
    if not isinstance(loader, DuckdbLoad) or seen.exists is None:
        return ()
    columns = dict(columns)
    if loader.load_id_column is not None:
        columns[loader.load_id_column] = "UUID"
    table = loader.table_name
    if not seen.exists:
        return (f"make table {table} with {', '.join(f'{name} {type_}' for name, type_ in columns.items())}",)
    if loader.write_disposition == "replace":
        return (f"replace the rows of table {table}", *_differences(columns, seen.columns))
    try:
        check_fits(columns, seen.columns, table)
    except WrongShape as error:
        return (f"refuse: {error.message}",)
    return ()


def _differences(columns: Columns, now: Columns) -> Iterator[str]:
    theirs = {name.casefold(): type_ for name, type_ in now.items()}
    for name, type_ in columns.items():
        was = theirs.pop(name.casefold(), None)
        if was is None:
            yield f"add column {name} {type_}"
        elif was != type_:
            yield f"make column {name} {type_}, it is {was}"
    ours = {name.casefold() for name in columns}
    yield from (f"drop column {name}" for name in now if name.casefold() not in ours)


@contextmanager
def _attached(path: str, name: str, engine: Engine, underway: Underway) -> Iterator[None]:
    """Have the file as `target`, to read; raises TargetLocked when others have it, TargetUnusable."""
    until = min(time.monotonic() + SECONDS_MAX, underway.wait_until)
    patience = Patience(until, underway.check_stop)
    # Without a lock file no load has ever been here: none is made, and DuckDB's own lock tells of anybody else.
    is_ours = os.path.exists(path + LOCK_SUFFIX)  # noqa: PTH110
    with file_lock(path, name, patience) if is_ours else nullcontext():
        try:
            engine.run(f"ATTACH {sql_names.text(path)} AS target (TYPE duckdb, READ_ONLY)")
        except duckdb.Error as error:
            raise _trouble(error, name) from error
        try:
            yield
        except duckdb.Error as error:
            raise _trouble(error, name) from error
        finally:
            engine.run("DETACH target")


def _trouble(error: duckdb.Error, name: str) -> TaskError | TaskStopped:
    return TargetLocked(name) if is_foreign_lock(error) else target_error(error, name)
