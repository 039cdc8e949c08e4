"""
Preview: the first rows of a source, and what a load of it would do; nothing is written.

    see       the target's tables, read-only, under the file's lock
    gather    as a first run would, from no state; an API only until there are rows enough
    scan      the first rows: DuckDB stops reading there, and settles types as for a load
    rehearse  load them into memory, and tell what that changed
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

import duckdb
from msgspec import Raw, Struct

from orc_domain.extract import Extractor
from orc_domain.load import Loader
from orc_domain.previews import PreviewColumn, PreviewSource, PreviewTarget, TaskPreview
from orc_executor.engine import Engine
from orc_executor.engine_errors import is_type_doubt
from orc_executor.extractors.opening import open_source
from orc_executor.extractors.source import NO_SCAN, Scan, Source
from orc_executor.frames import Previewed
from orc_executor.loaders.duckdb.foresight import Rehearsal, Told, rehearsal, see
from orc_executor.preview_cells import cell_sql, row_json
from orc_executor.preview_secrets import without_secrets
from orc_executor.sql_names import identifier
from orc_executor.state import NO_STATE
from orc_executor.underway import Underway

COLUMNS_MAX = 1_000
CELLS_MAX = 100_000
ROWS_BYTES_MAX = 512 * 1024
"""Of the rows' JSON."""
CHANGES_MAX = 100


class _Read(Struct, frozen=True):
    """What was read of a source."""

    scan: Scan
    rows: list[Raw]
    is_complete: bool
    warnings: list[str]


def preview(extractor: Extractor, loader: Loader | None, engine: Engine, underway: Underway) -> Previewed:
    """Look at a source; raises TaskError, TaskStopped."""
    seen = see(loader, engine, underway)
    with rehearsal(loader, seen, engine, underway) as target:
        source = open_source(extractor, underway, NO_STATE)
        source.gather()
        underway.check_stop()
        read, told = _read(source, engine, underway, target), Told()
        columns = read.scan.columns
        if target is not None and columns:
            told = target.load(read.scan, underway.order.limits.rows_wanted or 1)
    would = told.would if seen.refusal is None else (f"refuse: {seen.refusal}",)
    more = len(would) - CHANGES_MAX
    shown = TaskPreview(
        columns=tuple(PreviewColumn(name, type_) for name, type_ in list(columns.items())[:COLUMNS_MAX]),
        rows=tuple(read.rows),
        is_complete=read.is_complete,
        source=PreviewSource(
            rows_seen=max(underway.rows, len(read.rows)), bytes=max(underway.bytes, read.scan.bytes),
            files=underway.files, requests=underway.requests, seconds=underway.seconds(),
        ),
        target=PreviewTarget(
            seen.exists, would if more <= 0 else (*would[:CHANGES_MAX], f"{more} changes more")
        ),
        warnings=(*read.warnings, *seen.warnings, *told.warnings),
    )  # fmt: skip
    return Previewed(without_secrets(shown, underway.reach.secrets.redact))


def _read(source: Source, engine: Engine, underway: Underway, target: Rehearsal | None) -> _Read:
    scan, may_widen = NO_SCAN, target is not None and target.may_widen
    scans = source.scans(engine, None if target is None else target.wanted())
    while True:
        try:
            with underway.interruptible(engine.interrupt):
                scan = next(scans)
                return _first_rows(scan, engine, underway)
        except duckdb.Error as error:
            is_doubt = is_type_doubt(error)
            if target is not None and may_widen and is_doubt and not scan.is_sampled:
                # What the rows are by themselves may be what the table can become.
                scans, may_widen = source.scans(engine, target.wanted(wider=True)), False
            elif not (scan.is_sampled and is_doubt):
                with underway.interruptible(engine.interrupt):
                    raise source.explain(engine, scan, error) from error


def _first_rows(scan: Scan, engine: Engine, underway: Underway) -> _Read:
    if not scan.columns:
        return _Read(scan, [], not underway.is_cut, ["the source has no rows"])
    warnings = list[str]()
    names = list(scan.columns)[:COLUMNS_MAX]
    if len(names) < len(scan.columns):
        warnings.append(f"there are {len(scan.columns)} columns; the first {COLUMNS_MAX} are shown")
    rows_max = min(underway.order.limits.rows_wanted or 1, max(1, CELLS_MAX // len(names)))
    if scan.rejects is not None:
        engine.run(scan.rejects.clear)
    chosen = ", ".join(map(identifier, names))
    cells = ", ".join(cell_sql(name, scan.columns[name]) for name in names)
    found = engine.run(f"SELECT {cells} FROM (SELECT {chosen} FROM ({scan.sql}) LIMIT {rows_max + 1})")
    if scan.rejects is not None:
        ((bad,),) = engine.run(f"SELECT count(*) FROM ({scan.rejects.sql})")
        warnings += (
            [f"{bad} rows up to there cannot be read: on_bad_rows says what becomes of them"] if bad else []
        )
    rows, size = list[Raw](), 0
    for cells_of_row in found[:rows_max]:
        row = row_json(names, cells_of_row)
        size += len(row)
        if size > ROWS_BYTES_MAX:
            warnings.append(f"the rows are long: {len(rows)} of them fit {ROWS_BYTES_MAX // 1024} KiB")
            break
        rows.append(Raw(row))
    return _Read(scan, rows, len(rows) == len(found) and not underway.is_cut, warnings)
