"""Extract everything, count it, keep nothing."""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

import duckdb

from orc_domain.run_messages import TaskResult
from orc_executor.engine import Engine
from orc_executor.engine_errors import is_type_doubt
from orc_executor.extractors.source import NO_SCAN, Scan, Source
from orc_executor.loaders.quarantine import count_rejects
from orc_executor.sql_names import identifier
from orc_executor.underway import Underway

COLUMNS_BYTES_MAX = 64 * 1024
"""Of names and types that a result tells, as it becomes an event."""


def discard(source: Source, engine: Engine, underway: Underway) -> TaskResult:
    """Return what was extracted; raises TaskError, TaskStopped."""
    scan = NO_SCAN
    scans = source.scans(engine, None)
    while True:
        try:
            with underway.interruptible(engine.interrupt):
                scan = next(scans)
            rows, bad_rows = _count(scan, engine, underway)
            break
        except duckdb.Error as error:
            if not (scan.is_sampled and is_type_doubt(error)):
                with underway.interruptible(engine.interrupt):
                    raise source.explain(engine, scan, error) from error
    columns = _told(scan, underway)
    more = len(scan.columns) - len(columns)
    return TaskResult(
        rows=rows, bytes=scan.bytes, seconds=underway.seconds(), bad_rows=bad_rows, columns=columns,
        warnings=(f"{more} columns more than are told here",) if more else (),
    )  # fmt: skip


def _told(scan: Scan, underway: Underway) -> dict[str, str]:
    """Return the first columns, as many as an event may hold, without what a source sent back of its secrets."""
    told, size = dict[str, str](), 0
    for name, type_ in scan.columns.items():
        size += len(name.encode()) + len(type_.encode())
        if size > COLUMNS_BYTES_MAX:
            break
        # A struct's type holds the names of its fields.
        told[underway.reach.secrets.redact(name)] = underway.reach.secrets.redact(type_)
    return told


def _count(scan: Scan, engine: Engine, underway: Underway) -> tuple[int, int]:
    """Return the number of rows and of bad ones; raises TooManyBadRows."""
    rows = bad_rows = 0
    with underway.interruptible(engine.interrupt, engine.percent):
        if scan.rejects is not None:
            engine.run(scan.rejects.clear)
        if scan.columns:
            # The hash has DuckDB make every value; a plain count would leave columns unread and their faults unseen.
            columns = ", ".join(map(identifier, scan.columns))
            ((rows, _),) = engine.run(f"SELECT count(*), bit_xor(hash({columns})) FROM ({scan.sql})")
        if scan.rejects is not None:
            bad_rows = count_rejects(engine, scan.rejects)
    return int(rows), bad_rows
