"""
Rows of a source as CSV in the scratch folder, as Postgres' COPY reads them.

The source is read to its end, and is right about its types, before the database hears of it: its transaction is short.
A null is nothing between two commas, an empty text is quoted.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
from msgspec import Struct

from orc_domain.loaders.postgres import PostgresLoad
from orc_domain.loaders.tables import KEYED
from orc_executor.engine import Engine
from orc_executor.engine_errors import is_type_doubt
from orc_executor.errors import TaskError, TaskStopped, WrongShape
from orc_executor.extractors.source import NO_SCAN, Columns, Scan, Source
from orc_executor.loaders.postgres.moves import DELETED, ROW
from orc_executor.loaders.postgres.tables import check_names
from orc_executor.loaders.postgres.types import csv_value, is_quoted
from orc_executor.loaders.rows import Rows, take
from orc_executor.sql_names import folded, identifier
from orc_executor.sql_names import text as sql_text
from orc_executor.state import TaskState
from orc_executor.underway import Underway

_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "DECIMAL", "FLOAT", "DOUBLE", "UTINYINT",
            "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")  # fmt: skip
_TEXTS = ("VARCHAR", "JSON", "STRUCT", "MAP", "ENUM", "UNION")
_TOO_LARGE = "File too large"


class Spooled(Struct, frozen=True, kw_only=True):
    """What is ready to be copied."""

    path: Path
    columns: dict[str, str]
    """Of the table, with their DuckDB types; empty when nothing is known of the rows but that there are none."""
    count: int
    rows: Rows
    bad_rows: int


class Spooler:
    """Writes one load's rows; `wanted` are the columns of the table they are added to."""

    def __init__(
        self, config: PostgresLoad, engine: Engine, underway: Underway, state: TaskState | None
    ) -> None:
        self._config, self._engine, self._underway, self._state = config, engine, underway, state
        self._is_keyed = config.write_disposition in KEYED
        self._path = underway.folder() / "copy.csv"

    def spool(self, source: Source, wanted: Columns | None) -> Spooled:
        """Return what the scan that was right about its types gave; raises TaskError, TaskStopped."""
        scan, scans = NO_SCAN, source.scans(self._engine, wanted)
        while True:
            try:
                with self._underway.interruptible(self._engine.interrupt):
                    scan = next(scans)
                return self._spool_scan(scan)
            except duckdb.Error as error:
                if not (scan.is_sampled and is_type_doubt(error)):
                    raise self._explained(source, scan, error) from error

    def find_nul(self, spooled: Spooled) -> WrongShape | None:
        """Name the first column with a NUL in a text, which Postgres cannot hold; raises duckdb.Error, TaskStopped."""
        names = [name for name, type_ in spooled.rows.columns.items() if type_.startswith(_TEXTS)]
        if not names:
            return None
        counts = ", ".join(
            f"count(*) FILTER (contains({identifier(name)}::VARCHAR, chr(0)))" for name in names
        )
        with self._underway.interruptible(self._engine.interrupt):
            (row,) = self._engine.run(f"SELECT {counts} FROM ({spooled.rows.sql})")
        for name, count in zip(names, row, strict=True):
            if count:
                return WrongShape(
                    f"column {name}: {count} texts hold a NUL character, which Postgres cannot keep"
                )
        return None

    def _spool_scan(self, scan: Scan) -> Spooled:
        rows = take(scan, self._config, self._state, self._engine, self._underway)
        if not rows.columns:
            self._path.write_bytes(b"")
            return Spooled(path=self._path, columns={}, count=0, rows=rows, bad_rows=0)
        check_names(list(rows.columns))
        columns = dict(rows.columns)
        parts = {name: csv_value(name, type_) for name, type_ in columns.items()}
        if self._is_keyed:
            deleted = self._deleted(columns)
            if (column := self._config.merge.delete_column) is not None:
                for dropped in [name for name in columns if folded(name) == folded(column)]:
                    del columns[dropped], parts[dropped]
            parts |= {ROW: "row_number() OVER ()", DELETED: deleted}
        quoted = [identifier(name) for name, type_ in columns.items() if is_quoted(type_)]
        force = f", FORCE_QUOTE ({', '.join(quoted)})" if quoted else ""
        selected = ", ".join(f"{value} AS {identifier(name)}" for name, value in parts.items())
        with (
            _files_limited(self._underway.order.limits.spool_bytes_max),
            self._underway.interruptible(self._engine.interrupt, self._engine.percent),
        ):
            ((count,),) = self._engine.run(
                f"COPY (SELECT {selected} FROM ({rows.sql})) TO {sql_text(str(self._path))} "
                f"(FORMAT csv, HEADER false, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULLSTR '', USE_TMP_FILE false{force})"
            )
        self._underway.rows, self._underway.bytes = int(count), scan.bytes
        bad_rows = rows.left_out(self._engine)
        return Spooled(path=self._path, columns=columns, count=int(count), rows=rows, bad_rows=bad_rows)

    def _deleted(self, columns: Mapping[str, str]) -> str:
        """Return SQL for whether a row deletes its key; raises WrongShape."""
        word = self._config.merge.delete_column
        if word is None or self._config.write_disposition != "merge":
            return "false"
        for name, type_ in columns.items():
            if folded(name) == folded(word):
                said = identifier(name)
                if type_ == "BOOLEAN":
                    return f"coalesce({said}, false)"
                return (
                    f"coalesce({said} <> 0, false)" if type_.startswith(_NUMBERS) else f"{said} IS NOT NULL"
                )
        raise WrongShape(f"merge.delete_column names {word}, the columns are {', '.join(list(columns)[:20])}")

    def _explained(self, source: Source, scan: Scan, error: duckdb.Error) -> TaskError | TaskStopped:
        if _TOO_LARGE in str(error):
            most = self._underway.order.limits.spool_bytes_max
            return WrongShape(f"the rows take more than {most} bytes on their way to Postgres")
        with self._underway.interruptible(self._engine.interrupt):
            return source.explain(self._engine, scan, error)


@contextmanager
def _files_limited(most: int) -> Iterator[None]:
    """Let no file that this process writes meanwhile become longer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    allowed = [limit for limit in (most, soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_FSIZE, (min(allowed), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
