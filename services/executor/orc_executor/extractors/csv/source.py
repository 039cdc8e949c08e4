"""
CSV files, plain or compressed, scanned by DuckDB in one pass.

    gather    find the files, write anew what is not UTF-8, read each file's header by ourselves: they must agree
    scans     1. types from a sample of the first file (all of it when it is small), later values checked against them
              2. only when one did not fit: types from every row of every file

A column that the config or the table names a type for is read as that; a value that does not fit is an error, or with
`on_bad_rows` a bad row. Where bad rows are put aside nothing is sampled: types come from all the good rows.
"""

from collections.abc import Iterator, Sequence

import duckdb
from msgspec import structs

from orc_domain.extractors.csv import CsvExtract
from orc_executor.engine import Engine
from orc_executor.engine_errors import may_be_line_ends, source_error
from orc_executor.errors import SourceMalformed, TaskError, TaskStopped
from orc_executor.extractors.casting import named_types
from orc_executor.extractors.csv.dialect import compressed_as, dialect_of
from orc_executor.extractors.csv.faults import first_fault
from orc_executor.extractors.csv.header import distinct, read_beginning
from orc_executor.extractors.csv.line_ends import has_mixed_ends, straightened
from orc_executor.extractors.csv.lines import check_unbroken
from orc_executor.extractors.csv.parts import fitting_buffer
from orc_executor.extractors.csv.rejects import find_misfits
from orc_executor.extractors.csv.scans import Asked, strict_scan, tolerant_scan
from orc_executor.extractors.csv.sniffing import (
    columns_without_values,
    read_as_text,
    sniff,
    sniff_good_rows,
    united,
)
from orc_executor.extractors.csv.types import Reading, Types, is_whole
from orc_executor.extractors.files.encodings import compression_of, is_utf8, reencoded
from orc_executor.extractors.files.finding import find_files
from orc_executor.extractors.source import NO_SCAN, Columns, Scan
from orc_executor.paths import SourceFile
from orc_executor.sql_names import folded
from orc_executor.state import Learned, TaskState
from orc_executor.underway import Underway

SMALL_BYTES_MAX = 1024 * 1024
"""A file up to here is looked at whole for its types: that takes milliseconds."""
_NAMES_SHOWN_MAX = 20


class CsvSource:
    """One CSV file or several of the same columns."""

    def __init__(self, config: CsvExtract, underway: Underway, state: TaskState) -> None:
        self._config, self._underway, self._state = config, underway, state
        self._dialect = dialect_of(config)
        self._files: list[SourceFile] = []
        self._header: list[str] = []
        self._bytes = 0
        self._learned = Learned()
        self._buffer: int | None = None
        """In bytes, where DuckDB's own would not do as well."""
        self._reading: Reading | None = None
        """Of the last scan."""

    def learned(self) -> Learned:
        """Return the marks of the files, where only new ones are read."""
        return self._learned

    def gather(self) -> None:
        """Find the files and read their headers; raises TaskError naming the file that differs."""
        config, underway = self._config, self._underway
        found = find_files(config.path, config.files, underway, self._state, config.storage)
        self._learned, self._bytes = (
            Learned(files=dict(found.marks)),
            sum(file.bytes for file in found.files),
        )
        self._files = list(found.files)
        self._dialect = compressed_as(self._dialect, config, self._files)
        if not is_utf8(config.encoding):
            self._files = [
                reencoded(file, config.encoding, underway, compression_of(file, config.compression))
                for file in self._files
            ]
        for file in self._files:
            check_unbroken(file, self._dialect.compression)
            underway.check_stop()
        if config.header:
            self._read_headers()
        else:
            self._name_columns()
        known = {folded(name) for name in self._header}
        unknown = [name for name in config.columns or {} if self._files and folded(name) not in known]
        if unknown and self._header:
            raise SourceMalformed(
                self._files[0].name,
                f"columns names {_listed(unknown)}; the columns are {_listed(self._header)}",
            )

    def scans(self, engine: Engine, wanted: Columns | None) -> Iterator[Scan]:
        """Yield scans, each knowing more than the one before; raises TaskError, duckdb.Error."""
        if not self._header:
            yield NO_SCAN
            return
        given = self._given(engine, wanted)
        if self._dialect.compression == "none":
            self._buffer = fitting_buffer(self._files, engine.memory_bytes, engine.threads)
        if self._config.on_bad_rows.mode != "fail":
            yield from self._tolerant_scans(engine, given)
            return
        if len(given) < len(self._header):
            first = self._files[0]
            if len(self._files) > 1 or first.bytes > SMALL_BYTES_MAX or self._dialect.compression != "none":
                sample = self._sniffed(engine, 1, whole=False)
                yield self._strict(sample, given, is_sampled=True)
        scan = self._strict(self._settled(engine, given), given, is_sampled=False)
        yield structs.replace(scan, is_sampled=True)
        # It was in doubt though every row was looked at for its types: a value that does not fit, or line ends.
        if self._straighten(engine):
            scan = self._strict(self._settled(engine, given), given, is_sampled=False)
        yield scan

    def explain(self, engine: Engine, scan: Scan, error: duckdb.Error) -> TaskError | TaskStopped:
        """Say which file, row and value it was; reads the files again, as only a failed load needs it."""
        fault = self._fault(engine) if scan.columns else None
        return fault or source_error(error, self._names)

    @property
    def _names(self) -> dict[str, str]:
        return {file.path: file.name for file in self._files}

    def _read_headers(self) -> None:
        first_name, skip = "", 0
        for file in self._files:
            beginning = read_beginning(file, self._dialect)
            if not beginning.fields:
                raise SourceMalformed(file.name, "the file is empty: it has no header")
            header = distinct(beginning.fields)
            if not first_name:
                first_name, skip, self._header = file.name, beginning.lines_before, header
            if header != self._header:
                raise SourceMalformed(
                    file.name,
                    f"the columns are {_listed(header)}; in {first_name} {_listed(self._header)}",
                    line=beginning.lines_before + 1,
                )
            if beginning.lines_before != skip:
                raise SourceMalformed(
                    file.name,
                    f"the header is line {beginning.lines_before + 1}; in {first_name} line {skip + 1}",
                )
        # DuckDB would take a blank line for the header, so those before it are skipped as well.
        self._dialect = structs.replace(self._dialect, skip_lines=skip)

    def _name_columns(self) -> None:
        """Name the columns of files without a header: as the config does, or by their place."""
        beginnings = [read_beginning(file, self._dialect).fields for file in self._files]
        most = next((fields for fields in beginnings if fields), [])
        self._header = list(self._config.columns or (f"column{place}" for place in range(len(most))))
        # DuckDB takes an empty file for one of a single column.
        filled = [file for file, fields in zip(self._files, beginnings, strict=True) if fields]
        self._files = filled or self._files[:1]

    def _given(self, engine: Engine, wanted: Columns | None) -> dict[str, str]:
        """Return the types that are not for the file to say."""
        renames = {folded(old): folded(new) for old, new in (self._config.rename or {}).items()}
        table = {folded(name): type_ for name, type_ in (wanted or {}).items()}
        declared = {folded(name): type_ for name, type_ in named_types(engine, self._config.columns).items()}
        given = dict[str, str]()
        for name in self._header:
            key = folded(name)
            type_ = declared.get(key) or table.get(renames.get(key, key))
            if type_ is not None:
                given[name] = type_
        return given

    def _settled(self, engine: Engine, given: dict[str, str]) -> Types:
        if len(given) == len(self._header):
            return Types(columns=given)
        return self._sniffed(engine, len(self._files), whole=True)

    def _sniffed(self, engine: Engine, count: int, *, whole: bool) -> Types:
        """Return types that the values of the first files have; raises TaskError, duckdb.Error."""
        sniffed = self._sniffed_strictly if self._config.on_bad_rows.mode == "fail" else self._sniffed_good
        found = [sniffed(engine, place, whole=whole) for place in range(count)]
        nulls = [
            columns_without_values(engine, file, self._dialect, self._header)
            for file in self._files[:count]
            if count > 1
        ]
        return united(found, self._header, nulls)

    def _sniffed_good(self, engine: Engine, place: int, *, whole: bool) -> Types:
        assert whole, "where bad rows are put aside nothing is sampled"
        scratch = self._underway.folder()
        return sniff_good_rows(engine, self._files[place], self._dialect, self._header, scratch)

    def _sniffed_strictly(self, engine: Engine, place: int, *, whole: bool) -> Types:
        try:
            types = sniff(engine, self._files[place], self._dialect, whole=whole)
        except duckdb.Error as error:
            # It says no more than that it found no dialect; reading all as text says where and why.
            if self._straighten(engine):
                return self._sniffed_strictly(engine, place, whole=whole)
            raise self._as_text_fails(engine, place) or source_error(error, self._names) from error
        if len(types.columns) != len(self._header):
            file = self._files[place]
            raise self._as_text_fails(engine, place) or SourceMalformed(
                file.name, f"the rows have {len(types.columns)} columns, the header {len(self._header)}"
            )
        return types

    def _as_text_fails(self, engine: Engine, place: int) -> TaskError | TaskStopped | None:
        texts = Types(columns=dict.fromkeys(self._header, "VARCHAR"))
        return first_fault(
            engine, Reading(files=[self._files[place]], dialect=self._dialect, types=texts), self._names
        )

    def _straighten(self, engine: Engine) -> bool:
        """Write anew the files whose lines end in several ways, where DuckDB gives up at that; tell whether any do."""
        dialect, underway = self._dialect, self._underway
        mixed = [
            place
            for place, file in enumerate(self._files)
            if has_mixed_ends(file, dialect, underway) and self._gives_up_at(engine, file)
        ]
        if mixed and dialect.compression in {"gzip", "zstd"}:
            # All of them come out plain, as one read_csv takes one compression.
            mixed = list(range(len(self._files)))
            self._dialect = structs.replace(dialect, compression="none")
        for place in mixed:
            self._files[place] = straightened(self._files[place], dialect, underway)
        return bool(mixed)

    def _gives_up_at(self, engine: Engine, file: SourceFile) -> bool:
        try:
            read_as_text(engine, file, self._dialect, self._header)
        except duckdb.Error as error:
            return may_be_line_ends(error)
        return False

    def _strict(self, types: Types, given: dict[str, str], *, is_sampled: bool) -> Scan:
        reading = self._read(types, given, is_sampled=is_sampled)
        return strict_scan(reading, self._asked(), is_sampled=is_sampled)

    def _read(self, types: Types, given: dict[str, str], *, is_sampled: bool = False) -> Reading:
        """Return what the next scan reads, and remember it."""
        columns = {**dict(zip(self._header, types.columns.values(), strict=True)), **given}
        self._reading = Reading(
            files=tuple(self._files),
            dialect=self._dialect,
            types=structs.replace(types, columns=columns),
            sampled=frozenset(columns).difference(given) if is_sampled else frozenset(),
            declared=frozenset(given),
            options="" if self._buffer is None else f", buffer_size = {self._buffer}",
            with_files=self._config.file_name_column is not None,
        )
        return self._reading

    def _tolerant_scans(self, engine: Engine, given: dict[str, str]) -> Iterator[Scan]:
        self._straighten(engine)
        reading = self._read(self._settled(engine, given), given)
        has_whole = any(is_whole(type_) for type_ in given.values())
        yield tolerant_scan(engine, reading, self._asked(), is_sampled=has_whole, has_misfits=False)
        find_misfits(engine, reading)
        yield tolerant_scan(engine, reading, self._asked(), is_sampled=False, has_misfits=True)

    def _asked(self) -> Asked:
        return Asked(self._config, self._bytes, self._names)

    def _fault(self, engine: Engine) -> TaskError | TaskStopped | None:
        return None if self._reading is None else first_fault(engine, self._reading, self._names)


def _listed(names: Sequence[str]) -> str:
    shown, more = ", ".join(names[:_NAMES_SHOWN_MAX]), len(names) - _NAMES_SHOWN_MAX
    return f"{shown} and {more} more" if more > 0 else shown
