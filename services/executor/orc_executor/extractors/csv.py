"""
CSV files, plain or compressed, scanned by DuckDB in one pass.

    gather    read each file's header by ourselves: they must agree
    scans     1. types from a sample of the first file (all of it when it is small), later values checked against them
              2. only when one did not fit: types from every row of every file

With `columns` in the config, or a table to append to, types are given and a value that does not fit is an error.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Iterator, Sequence

import duckdb

from orc_domain.extractors.csv import CsvExtract
from orc_executor import sql_names
from orc_executor.engine import Engine
from orc_executor.engine_errors import source_error
from orc_executor.errors import SourceMalformed, TaskError, TaskStopped
from orc_executor.extractors.csv_header import read_header
from orc_executor.extractors.csv_types import Dialect, Types, misfit_sql, read_sql, scan_sql, sniff, united
from orc_executor.extractors.files import find_files
from orc_executor.extractors.source import Columns, Scan
from orc_executor.paths import SourceFile
from orc_executor.state import NOTHING_LEARNED, Learned, TaskState
from orc_executor.underway import Underway

SMALL_BYTES_MAX = 1024 * 1024
"""A file up to here is looked at whole for its types: that takes milliseconds."""


class CsvSource:
    """One CSV file or several of the same columns."""

    def __init__(self, config: CsvExtract, underway: Underway, state: TaskState) -> None:
        self._config, self._underway, self._state = config, underway, state
        self._dialect = Dialect(config.delimiter, config.null_values)
        self._files: Sequence[SourceFile] = ()
        self._names: dict[str, str] = {}
        self._header: list[str] = []

    def learned(self) -> Learned:
        """Nothing yet."""
        return NOTHING_LEARNED

    def gather(self) -> None:
        """Read the headers; raises SourceMalformed naming the file that differs."""
        self._files = find_files(
            self._config.path, self._config.files, self._underway, self._state, self._config.storage
        ).files
        self._names = {file.path: file.name for file in self._files}
        first = self._files[0]
        self._header = read_header(first, self._config.delimiter)
        for file in self._files[1:]:
            if (header := read_header(file, self._config.delimiter)) != self._header:
                raise SourceMalformed(
                    file.name,
                    f"the columns are {_listed(header)}; in {first.name} {_listed(self._header)}",
                    line=1,
                )
        if (columns := self._config.columns) is not None and _folded(columns) != _folded(self._header):
            raise SourceMalformed(
                first.name,
                f"the columns are {_listed(self._header)}; the config says {_listed(list(columns))}",
                line=1,
            )

    def scans(self, engine: Engine, wanted: Columns | None) -> Iterator[Scan]:
        """Yield the scan by sample, then the one that has seen every row; raises TaskError, duckdb.Error."""
        given = self._given(wanted)
        if len(given) == len(self._header):
            yield self._scan(Types(columns=given), sampled=False, given=given)
            return
        first = self._files[0]
        if len(self._files) > 1 or first.bytes > SMALL_BYTES_MAX or first.path.endswith((".gz", ".zst")):
            yield self._scan(self._sniffed(engine, self._files[:1], whole=False), sampled=True, given=given)
        yield self._scan(self._sniffed(engine, self._files, whole=True), sampled=False, given=given)

    def explain(self, engine: Engine, scan: Scan, error: duckdb.Error) -> TaskError | TaskStopped:
        """Say which file, row and value it was; reads the files again, as only a failed load needs it."""
        if not scan.columns:
            return source_error(error, self._names)
        for file in self._files:
            plain = read_sql([file], self._dialect, Types(columns=scan.columns), scan.columns)
            try:
                engine.run(f"SELECT count(*), bit_xor(hash(rows)) FROM {plain} AS rows")
            except duckdb.Error as clearer:
                return source_error(clearer, self._names)
        return self._misfit(engine, scan) or source_error(error, self._names)

    def _misfit(self, engine: Engine, scan: Scan) -> SourceMalformed | None:
        for file in self._files:
            for name, type_ in scan.columns.items():
                sql = misfit_sql(file, self._dialect, scan.columns, name)
                if sql and (found := engine.run(sql)):
                    row, value = found[0]
                    return SourceMalformed(file.name, f"row {row}: column {name}: {value} is not {type_}")
        return None

    def _given(self, wanted: Columns | None) -> dict[str, str]:
        """Return the types that are not for the file to say."""
        types = {**(wanted or {}), **(self._config.columns or {})}
        by_name = {name.casefold(): type_ for name, type_ in types.items()}
        return {name: by_name[name.casefold()] for name in self._header if name.casefold() in by_name}

    def _sniffed(self, engine: Engine, files: Sequence[SourceFile], *, whole: bool) -> Types:
        found = list[Types]()
        for file in files:
            try:
                types = sniff(engine, file, self._dialect, whole=whole)
            except duckdb.Error as error:
                # It says no more than that it found no dialect; reading all as text says where and why.
                self._read_as_text(engine, file)
                raise source_error(error, self._names) from error
            if len(types.columns) != len(self._header):
                self._read_as_text(engine, file)
                raise SourceMalformed(
                    file.name, f"the rows have {len(types.columns)} columns, the header {len(self._header)}"
                )
            found.append(types)
        return united(
            found, self._header, [self._nulls(engine, file) for file in files] if len(files) > 1 else []
        )

    def _nulls(self, engine: Engine, file: SourceFile) -> frozenset[str]:
        """Return the columns that are null in the whole file: they look like text and say nothing."""
        texts = dict.fromkeys(self._header, "VARCHAR")
        counts = ", ".join(f"count({sql_names.identifier(name)})" for name in self._header)
        (row,) = engine.run(
            f"SELECT {counts} FROM {read_sql([file], self._dialect, Types(columns=texts), texts)}"
        )
        return frozenset(name for name, count in zip(self._header, row, strict=True) if not count)

    def _read_as_text(self, engine: Engine, file: SourceFile) -> None:
        texts = dict.fromkeys(self._header, "VARCHAR")
        sql = read_sql([file], self._dialect, Types(columns=texts), texts)
        try:
            engine.run(f"SELECT count(*), bit_xor(hash(rows)) FROM {sql} AS rows")
        except duckdb.Error as error:
            raise source_error(error, self._names) from error

    def _scan(self, types: Types, *, sampled: bool, given: dict[str, str]) -> Scan:
        columns = {**types.columns, **given}
        complete = Types(
            columns=columns, date_format=types.date_format, timestamp_format=types.timestamp_format
        )
        unproven = frozenset(columns).difference(given) if sampled else frozenset[str]()
        return Scan(
            sql=scan_sql(self._files, self._dialect, complete, unproven, frozenset(given)),
            columns=columns,
            bytes=sum(file.bytes for file in self._files),
            is_sampled=sampled,
        )


def _folded(names: "Sequence[str] | dict[str, str]") -> list[str]:
    return [name.casefold() for name in names]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:20])
    return f"{shown} and {len(names) - 20} more" if len(names) > 20 else shown  # noqa: PLR2004
