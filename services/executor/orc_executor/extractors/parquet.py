"""Parquet files: they hold their own types, so one scan is enough."""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Iterator, Sequence

import duckdb

from orc_domain.extractors.parquet import ParquetExtract
from orc_executor import sql_names
from orc_executor.engine import Engine
from orc_executor.engine_errors import source_error
from orc_executor.errors import SourceMalformed, TaskError, TaskStopped
from orc_executor.extractors.files import find_files
from orc_executor.extractors.source import Columns, Scan
from orc_executor.paths import SourceFile
from orc_executor.state import NOTHING_LEARNED, Learned, TaskState
from orc_executor.underway import Underway

_MAGIC = b"PAR1"
_SHORTEST_BYTES = 12
"""Magic, length of the footer, magic."""


class ParquetSource:
    """One Parquet file or several of the same columns."""

    def __init__(self, config: ParquetExtract, underway: Underway, state: TaskState) -> None:
        self._config, self._underway, self._state = config, underway, state
        self._files: Sequence[SourceFile] = ()
        self._names: dict[str, str] = {}

    def learned(self) -> Learned:
        """Nothing yet."""
        return NOTHING_LEARNED

    def gather(self) -> None:
        """Look whether each file has both its ends; raises SourceMalformed naming one that has not."""
        self._files = find_files(self._config.path, self._config.files, self._underway, self._state).files
        self._names = {file.path: file.name for file in self._files}
        for file in self._files:
            _check_ends(file)

    def scans(self, engine: Engine, wanted: Columns | None) -> Iterator[Scan]:
        """Yield the one scan; raises duckdb.Error for what DuckDB finds in a footer."""
        del wanted
        paths = sql_names.texts(file.pattern for file in self._files)
        sql = f"SELECT * FROM read_parquet({paths}, hive_partitioning = false)"
        size = sum(file.bytes for file in self._files)
        yield Scan(sql=sql, columns=engine.describe(sql), bytes=size)

    def explain(self, engine: Engine, scan: Scan, error: duckdb.Error) -> TaskError | TaskStopped:
        """Say which file it was."""
        del engine, scan
        return source_error(error, self._names)


def _check_ends(file: SourceFile) -> None:
    if file.bytes == 0:
        raise SourceMalformed(file.name, "the file is empty")
    with open(file.path, "rb") as opened:  # noqa: PTH123
        begins = opened.read(len(_MAGIC))
        opened.seek(max(0, file.bytes - len(_MAGIC)))
        ends = opened.read(len(_MAGIC))
    if begins != _MAGIC:
        raise SourceMalformed(file.name, "is not a Parquet file: it does not begin as one")
    if ends != _MAGIC or file.bytes < _SHORTEST_BYTES:
        raise SourceMalformed(
            file.name, f"is a truncated Parquet file: it breaks off after {file.bytes} bytes"
        )
