"""
Parquet files: they hold their own types, so one scan is enough.

Without options the scan is DuckDB's own reading of the files and nothing around it. A cast that the config asks for
loses nothing: a value that the type cannot hold is an error.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Iterator, Sequence

import duckdb

from orc_domain.extractors.parquet import ParquetExtract
from orc_executor import sql_names
from orc_executor.engine import Engine
from orc_executor.engine_errors import source_error
from orc_executor.errors import SourceMalformed, TaskError, TaskStopped, WrongShape
from orc_executor.extractors.casting import checked_cast, named_types
from orc_executor.extractors.files.finding import find_files
from orc_executor.extractors.shaping import file_name_sql, shape
from orc_executor.extractors.source import NO_SCAN, Columns, Scan, fits
from orc_executor.paths import SourceFile
from orc_executor.sql_names import folded
from orc_executor.state import Learned, TaskState
from orc_executor.underway import Underway

_MAGIC = b"PAR1"
_SHORTEST_BYTES = 12
"""Magic, length of the footer, magic."""
_PATH = "_orc_path"


class ParquetSource:
    """One Parquet file or several."""

    def __init__(self, config: ParquetExtract, underway: Underway, state: TaskState) -> None:
        self._config, self._underway, self._state = config, underway, state
        self._files: Sequence[SourceFile] = ()
        self._learned = Learned()
        self._declared: dict[str, str] = {}

    def learned(self) -> Learned:
        """Return the marks of the files, where only new ones are read."""
        return self._learned

    def gather(self) -> None:
        """Find the files and look whether each has both its ends; raises SourceMalformed naming one that has not."""
        config = self._config
        found = find_files(config.path, config.files, self._underway, self._state, config.storage)
        self._files, self._learned = found.files, Learned(files=dict(found.marks))
        for file in self._files:
            _check_ends(file)

    def scans(self, engine: Engine, wanted: Columns | None) -> Iterator[Scan]:
        """Yield the one scan; raises WrongShape, and duckdb.Error for what DuckDB finds in a footer."""
        del wanted
        if not self._files:
            yield NO_SCAN
            return
        self._declared = named_types(engine, self._config.columns)
        config, found = self._config, engine.describe(self._read(self._files))
        sql, columns = self._cast(self._files, found)
        always = () if config.file_name_column is None else (config.file_name_column,)
        shaped = shape(
            sql,
            columns,
            select=config.select,
            rename=config.rename,
            always=always,
            cursor=None if config.incremental is None else config.incremental.cursor,
        )
        size = sum(file.bytes for file in self._files)
        yield Scan(sql=shaped.sql, columns=shaped.columns, bytes=size, cursor=shaped.cursor)

    def explain(self, engine: Engine, scan: Scan, error: duckdb.Error) -> TaskError | TaskStopped:
        """Say which file it was; reads them one by one, as only a failed load needs it."""
        names = {file.path: file.name for file in self._files}
        if scan.columns and len(self._files) > 1:
            found = engine.describe(self._read(self._files))
            for file in self._files:
                sql, _ = self._cast([file], found)
                try:
                    engine.run(f"SELECT count(*), bit_xor(hash(rows)) FROM ({sql}) AS rows")
                except duckdb.Error as clearer:
                    return source_error(clearer, {file.path: file.name})
        return source_error(error, names)

    def _read(self, files: Sequence[SourceFile]) -> str:
        config = self._config
        paths = sql_names.texts(file.pattern for file in files)
        options = f"hive_partitioning = {str(config.hive_partitioning).lower()}"
        if config.union_by_name:
            options += ", union_by_name = true"
        return f"SELECT * FROM read_parquet({paths}, {options})"

    def _cast(self, files: Sequence[SourceFile], found: Columns) -> tuple[str, dict[str, str]]:
        """Return the query with the types and the column of file names that the config asks for."""
        config, sql = self._config, self._read(files)
        by_name = {folded(name): name for name in found}
        casts = dict[str, str]()
        for name, type_ in self._declared.items():
            if folded(name) not in by_name:
                raise WrongShape(f"columns names {name}, the columns are {', '.join(list(found)[:20])}")
            casts[by_name[folded(name)]] = type_
        file_name = config.file_name_column
        if not casts and file_name is None:
            return sql, dict(found)
        if file_name is not None and folded(file_name) in by_name:
            raise WrongShape(f"the files have a column {file_name} already, which file_name_column names")
        parts, columns = list[str](), dict[str, str]()
        for name, type_ in found.items():
            column, columns[name] = sql_names.identifier(name), casts.get(name, type_)
            if fits(type_, columns[name]):
                cast = column if name not in casts else f"CAST({column} AS {columns[name]}) AS {column}"
            else:
                cast = f"{checked_cast(column, name, type_, columns[name])} AS {column}"
            parts.append(cast)
        if file_name is not None:
            names = {file.path: file.name for file in self._files}
            parts.append(f"{file_name_sql(_PATH, names)} AS {sql_names.identifier(file_name)}")
            columns[file_name] = "VARCHAR"
            sql = sql.removesuffix(")") + f", filename = {sql_names.text(_PATH)})"
        return f"SELECT {', '.join(parts)} FROM ({sql})", columns


def _check_ends(file: SourceFile) -> None:
    if file.bytes == 0:
        raise SourceMalformed(file.name, "the file is empty")
    try:
        with open(file.path, "rb") as opened:  # noqa: PTH123
            begins = opened.read(len(_MAGIC))
            opened.seek(max(0, file.bytes - len(_MAGIC)))
            ends = opened.read(len(_MAGIC))
    except OSError as error:
        raise SourceMalformed(file.name, f"cannot be read: {error.strerror}") from error
    if begins != _MAGIC:
        raise SourceMalformed(file.name, "is not a Parquet file: it does not begin as one")
    if ends != _MAGIC or file.bytes < _SHORTEST_BYTES:
        raise SourceMalformed(
            file.name, f"is a truncated Parquet file: it breaks off after {file.bytes} bytes"
        )
