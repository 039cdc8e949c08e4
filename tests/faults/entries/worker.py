"""
`python -m orc_executor.worker` for fault tests: points inside a load, and the guards that a negative control removes.

    before-lock    before-begin    mid-load (rows moved)    before-commit    after-commit    load-ended
"""

import os
import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from reach import reach

from orc_executor import engine, receipts, worker
from orc_executor.loaders.duckdb.file import DuckdbFile
from orc_executor.loaders.parquet import folder as parquet_folder
from orc_executor.loaders.parquet.folder import ParquetFolder
from orc_executor.loaders.postgres.table import PostgresTable

BREAKS = set(filter(None, os.environ.get("FAULTS_BREAKS", "").split(",")))
EXECUTOR = os.getppid()
loading: list[object] = []
"""The run whose load is under way."""

_run, _attached, _attach = engine.Engine.run, engine.Engine.attached, engine.Engine._attach


def point(name: str) -> None:
    if loading:
        reach(name, executor=EXECUTOR, run_id=loading[0])


def watched(load: Any) -> Any:
    """Return a loader's `load` that says which run is under way, and stops at its end."""

    def watching(self: Any, source: Any, state: Any) -> Any:
        loading.append(self._order.run_id)
        try:
            return load(self, source, state)
        finally:
            point("load-ended")
            loading.clear()

    return watching


def around_commit(commit: Any) -> Any:
    """Return what commits a load, with a point before and after it."""

    def committing(*arguments: Any) -> Any:
        point("before-commit")
        done = commit(*arguments)
        point("after-commit")
        return done

    return committing


def run(self: Any, sql: str, parameters: Any = None) -> Any:
    if sql in {"BEGIN", "COMMIT"}:
        point(f"before-{sql.lower()}")
    rows = _run(self, sql, parameters)
    if sql == "COMMIT":
        point("after-commit")
    elif sql.startswith(("CREATE OR REPLACE TABLE target.", "INSERT INTO target.main")):
        point("mid-load")
    return rows


@contextmanager
def attached(self: Any, place: Any, underway: Any, **more: Any) -> Any:
    point("before-lock")
    with _attached(self, place, underway, **more):
        yield


def attach_carelessly(self: Any, file: Any, *rest: Any) -> None:
    """Do what a checksum or a size probe in this process would do: DuckDB's own lock is gone afterwards."""
    _attach(self, file, *rest)
    with open(file.path, "rb") as opened:  # noqa: PTH123
        opened.read(1)


def write_nothing(_self: Any, result: Any) -> receipts.Receipt:
    return receipts.Receipt(result)


for loader in (DuckdbFile, ParquetFolder, PostgresTable):
    loader.load = watched(loader.load)  # type: ignore[attr-defined]
parquet_folder.write_manifest = around_commit(parquet_folder.write_manifest)
PostgresTable._commit = around_commit(PostgresTable._commit)  # type: ignore[method-assign]
engine.Engine.run = run  # type: ignore[method-assign]
engine.Engine.attached = attached  # type: ignore[method-assign]
if "careless" in BREAKS:
    engine.Engine._attach = attach_carelessly  # type: ignore[method-assign]
if "receipt" in BREAKS:
    receipts.Ledger.write = write_nothing  # type: ignore[method-assign]
if "fence" in BREAKS:
    receipts.Ledger.hold_back_earlier = lambda _self: None  # type: ignore[method-assign]
if "lock" in BREAKS:
    engine.file_lock = lambda *_: nullcontext()  # type: ignore[assignment]
worker.main(sys.argv[1:])
