"""Extract everything, count it, keep nothing."""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

import duckdb

from orc_domain.run_messages import TaskResult
from orc_executor.engine import Engine
from orc_executor.engine_errors import is_type_doubt
from orc_executor.extractors.source import NO_SCAN, Scan, Source
from orc_executor.sql_names import identifier
from orc_executor.underway import Underway


def discard(source: Source, engine: Engine, underway: Underway) -> TaskResult:
    """Return what was extracted; raises TaskError, TaskStopped."""
    scan = NO_SCAN
    scans = source.scans(engine, None)
    while True:
        try:
            with underway.interruptible(engine.interrupt):
                scan = next(scans)
            rows = _count(scan, engine, underway)
            break
        except duckdb.Error as error:
            if not (scan.is_sampled and is_type_doubt(error)):
                with underway.interruptible(engine.interrupt):
                    raise source.explain(engine, scan, error) from error
    return TaskResult(rows=rows, bytes=scan.bytes, seconds=underway.seconds())


def _count(scan: Scan, engine: Engine, underway: Underway) -> int:
    if not scan.columns:
        return 0
    with underway.interruptible(engine.interrupt, engine.percent):
        columns = ", ".join(map(identifier, scan.columns))
        # The hash has DuckDB make every value; a plain count would leave columns unread and their faults unseen.
        ((rows, _),) = engine.run(f"SELECT count(*), bit_xor(hash({columns})) FROM ({scan.sql})")
    return int(rows)
