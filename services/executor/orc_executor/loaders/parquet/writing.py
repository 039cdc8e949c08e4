"""
Rows of a source as Parquet files, out of readers' sight.

Types of which DuckDB writes less than they hold are written as others that lose nothing: HUGEINT as DECIMAL(38,0), which
fails for what is longer, INTERVAL as text.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

import re
from collections.abc import Sequence
from pathlib import Path

import duckdb
from msgspec import Struct

from orc_domain.loaders.parquet import ParquetLoad
from orc_executor.engine import Engine
from orc_executor.engine_errors import is_type_doubt, target_error
from orc_executor.errors import TargetUnusable, TaskError, TaskStopped, WrongShape
from orc_executor.extractors.source import NO_SCAN, Columns, Scan, Source, check_fits
from orc_executor.loaders.parquet.files import PART, Written
from orc_executor.loaders.parquet.manifest import Manifest
from orc_executor.loaders.rows import Rows, take
from orc_executor.sql_names import folded, identifier, text
from orc_executor.state import TaskState
from orc_executor.underway import Underway

PARTITIONS_MAX = 10_000
"""Of one load."""
_LOSSY = re.compile(r'"(?:[^"]|"")*"|\b(?:UHUGEINT|HUGEINT|INTERVAL)\b')
_STORED = {"HUGEINT": "DECIMAL(38,0)", "UHUGEINT": "DECIMAL(38,0)", "INTERVAL": "VARCHAR"}
_NO_FOLDER_NAME = re.compile(r".*\]|(STRUCT|MAP|UNION|BLOB|BIT|JSON|VARIANT|FLOAT|DOUBLE)\b.*", re.DOTALL)


class Output(Struct, frozen=True):
    """What was written of a source."""

    rows: Rows
    columns: dict[str, str]
    """Of the dataset, as its files hold them."""
    files: list[Written]
    bad_rows: int


class ParquetWriter:
    """Writes one load; `wanted` are the columns of the dataset that rows are added to, None when it is made anew."""

    def __init__(
        self,
        config: ParquetLoad,
        engine: Engine,
        underway: Underway,
        manifest: Manifest,
        *,
        wanted: Columns | None,
        state: TaskState | None,
    ) -> None:
        self._config, self._engine, self._underway = config, engine, underway
        self._manifest, self._wanted, self._state = manifest, wanted, state

    def write(self, source: Source, folder: Path, unfinished: Path) -> Output:
        """Return what the scan that was right about its types gave; raises TaskError, TaskStopped."""
        scan, scans, attempt = NO_SCAN, source.scans(self._engine, self._wanted), 0
        while True:
            home = unfinished / str(attempt)
            try:
                with self._underway.interruptible(self._engine.interrupt):
                    scan = next(scans)
                return self._write_scan(scan, folder, home)
            except duckdb.Error as error:
                if not (scan.is_sampled and is_type_doubt(error)):
                    raise self._explained(source, scan, error, home) from error
            # What was written so far stays out of sight; the next scan has looked at every row.
            attempt += 1

    def _write_scan(self, scan: Scan, folder: Path, home: Path) -> Output:
        rows = take(scan, self._config, self._state, self._engine, self._underway)
        if not rows.columns:
            files = self._copy_nothing(folder, home)
            return Output(rows, dict(self._manifest.columns), files, 0)
        columns = {name: _stored(type_) for name, type_ in rows.columns.items()}
        stored = dict(columns)
        if self._wanted is not None:
            check_fits(columns, self._wanted, self._config.path)
            stored = dict(self._wanted)
        partitions = self._partitions(stored)
        found = {folded(name): name for name in columns}
        parts = []
        for name, type_ in stored.items():
            old = found[folded(name)]
            is_same = rows.columns[old] == type_
            parts.append(
                f"{identifier(old) if is_same else f'CAST({identifier(old)} AS {type_})'} AS {identifier(name)}"
            )
        files = self._copy(f"SELECT {', '.join(parts)} FROM ({rows.sql})", home, partitions)
        return Output(rows, stored, files, rows.left_out(self._engine))

    def _partitions(self, columns: Columns) -> list[str]:
        """Return the columns to partition by, as they are spelled; raises WrongShape."""
        spelled = {folded(name): name for name in columns}
        for name in self._config.partition_by:
            found = spelled.get(folded(name))
            if found is None:
                raise WrongShape(
                    f"partition_by names {name}, the columns are {', '.join(list(columns)[:20])}"
                )
            if _NO_FOLDER_NAME.fullmatch(columns[found]):
                raise WrongShape(
                    f"partition_by names {name}, which is {columns[found]}: its values make no names of folders"
                )
        if self._config.partition_by and len(self._config.partition_by) == len(columns):
            raise WrongShape("partition_by names every column: the files would have none")
        return [spelled[folded(name)] for name in self._config.partition_by]

    def _copy_nothing(self, folder: Path, home: Path) -> list[Written]:
        """Write no rows, not even knowing columns: a dataset that is replaced keeps its own."""
        files = self._manifest.files
        if self._wanted is not None or not files or self._config.partition_by or self._manifest.partition_by:
            return []
        path = text(self._underway.pins.part(folder, files[0].path, self._config.path).pattern)
        return self._copy(f"SELECT * FROM read_parquet({path}) LIMIT 0", home, [])

    def _copy(self, query: str, home: Path, partitions: Sequence[str]) -> list[Written]:
        config, target = self._config, home / f"rows.{PART}"
        home.mkdir()
        options = [
            f"FORMAT parquet, COMPRESSION {config.compression}, ROW_GROUP_SIZE {config.row_group_rows}, RETURN_STATS",
            "USE_TMP_FILE false",
        ]
        if partitions:
            target = home
            options[1] = f"PARTITION_BY ({', '.join(map(identifier, partitions))}), FILE_EXTENSION '{PART}'"
        with self._underway.interruptible(self._engine.interrupt, self._engine.percent):
            found = self._engine.run(f"COPY ({query}) TO {text(str(target))} ({', '.join(options)})")
        written = [Written(row[0], int(row[1]), int(row[2])) for row in found]
        if len({Path(file.path).parent for file in written}) > PARTITIONS_MAX:
            raise TargetUnusable(
                f"{config.path}: the rows make more than {PARTITIONS_MAX} partitions: partition by less"
            )
        # No rows are no file where there are others; else one without rows holds the columns.
        return written if self._wanted is None or any(file.rows for file in written) else []

    def _explained(
        self, source: Source, scan: Scan, error: duckdb.Error, home: Path
    ) -> TaskError | TaskStopped:
        if str(home.parent) in str(error):
            hidden = type(error)(str(error).replace(str(home.parent), self._config.path))
            return target_error(hidden, self._config.path)
        with self._underway.interruptible(self._engine.interrupt):
            return source.explain(self._engine, scan, error)


def _stored(type_: str) -> str:
    """Return the type as which Parquet keeps every value."""
    return _LOSSY.sub(lambda found: _STORED.get(found[0], found[0]), type_)
