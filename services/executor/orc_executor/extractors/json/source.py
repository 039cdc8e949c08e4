"""
JSON files, scanned by DuckDB; only where a JSONPath leads to the records are they cut out first.

    gather    find the files, make UTF-8 of other encodings, look whether each is an array or objects
    scans     types from every record of every file, then one scan
              jsonl that may skip bad lines: a second scan without them, only when there is one
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Iterator

import duckdb

from orc_domain.extractors.json import JsonExtract, JsonlExtract
from orc_executor import sql_names
from orc_executor.engine import Engine
from orc_executor.engine_errors import is_type_doubt, source_error
from orc_executor.errors import SourceMalformed, TaskError, TaskStopped, WrongShape
from orc_executor.extractors.casting import named_types
from orc_executor.extractors.files.encodings import compression_of, is_utf8, plain_chunks, reencoded
from orc_executor.extractors.files.finding import find_files
from orc_executor.extractors.json.cutting import cut_records
from orc_executor.extractors.json.line_faults import first_bad_line, part_lines
from orc_executor.extractors.json.reading import NO_COLUMNS, JsonFile, described, scan_sql, settled
from orc_executor.extractors.json.records import ROOT, JsonPath
from orc_executor.extractors.shaping import shape
from orc_executor.extractors.source import NO_SCAN, Columns, Rejects, Scan
from orc_executor.paths import SourceFile
from orc_executor.sql_names import folded
from orc_executor.state import Learned, TaskState
from orc_executor.underway import Underway

_BOM = b"\xef\xbb\xbf"
_FORGET = "SELECT 1"
"""The bad lines are in a file of the attempt, which goes with it."""


class JsonSource:
    """One JSON file or several, of arrays, objects or lines."""

    def __init__(self, config: JsonExtract | JsonlExtract, underway: Underway, state: TaskState) -> None:
        self._config, self._underway, self._state = config, underway, state
        self._files: list[JsonFile] = []
        self._learned = Learned()
        self._declared: dict[str, str] = {}
        self._size = 0

    def learned(self) -> Learned:
        """Return the marks of the files, where only new ones are read."""
        return self._learned

    def gather(self) -> None:
        """Find the files and look into each; raises TaskError."""
        config = self._config
        found = find_files(config.path, config.files, self._underway, self._state, config.storage)
        self._learned = Learned(files=dict(found.marks))
        self._size = sum(file.bytes for file in found.files)
        path = ROOT
        if isinstance(config, JsonExtract) and config.records is not None:
            path = JsonPath.parse(config.records, "extractor_config.records")
        for file in found.files:
            if path.names != ():
                self._files += cut_records(self._in_utf8(file), path, self._underway)
            else:
                self._files += self._looked_at(self._in_utf8(file))

    def scans(self, engine: Engine, wanted: Columns | None) -> Iterator[Scan]:
        """Yield the scan, and one without the bad lines when there are some; raises duckdb.Error, TaskError."""
        self._declared = named_types(engine, self._config.columns)
        policy = self._config.on_bad_rows if isinstance(self._config, JsonlExtract) else None
        if policy is None or policy.mode == "fail":
            yield self._scan(engine, self._files, wanted)
            return
        try:
            scan = self._scan(engine, self._files, wanted, is_sampled=True)
        except duckdb.Error as error:
            if not (is_type_doubt(error) or NO_COLUMNS in str(error)):
                raise
        else:
            yield scan
        good, bad = list[JsonFile](), list[str]()
        for one in self._files:
            parted = part_lines(engine, one.file, one.compression, self._declared, self._underway)
            good += [JsonFile(file, one.format, "none") for file in parted.good if file.bytes]
            bad += parted.bad
        rejects = Rejects(
            sql=f"SELECT file, line, reason, raw FROM read_parquet({sql_names.texts(bad)})",
            clear=_FORGET,
            policy=policy,
        )
        yield self._scan(engine, good, wanted, rejects=rejects)

    def explain(self, engine: Engine, scan: Scan, error: duckdb.Error) -> TaskError | TaskStopped:
        """Say which file and line or record it was; looks for the line itself, as DuckDB counts no empty ones."""
        del scan
        names = {one.file.path: one.file.name for one in self._files}
        told = source_error(error, names)
        if not (is_type_doubt(error) or NO_COLUMNS in str(error)):
            return told
        try:
            for one in self._files:
                if one.format == "newline_delimited":
                    bad = first_bad_line(engine, one.file, one.compression, self._declared, self._underway)
                    if bad is not None:
                        return SourceMalformed(one.file.name, bad.reason, line=bad.line)
        except duckdb.Error as worse:
            # A line may be too much for a second look; what was known before is still true.
            return TaskStopped() if isinstance(worse, duckdb.InterruptException) else told
        if NO_COLUMNS in str(error):
            return SourceMalformed(", ".join(list(names.values())[:3]), "not all records are objects")
        return told

    def _scan(
        self,
        engine: Engine,
        files: list[JsonFile],
        wanted: Columns | None,
        *,
        is_sampled: bool = False,
        rejects: Rejects | None = None,
    ) -> Scan:
        config = self._config
        if not files:
            return NO_SCAN if rejects is None else Scan(sql="", columns={}, bytes=self._size, rejects=rejects)
        found = described(engine, files)
        if not found:
            raise WrongShape(f"{files[0].file.name}: no record has a key")
        types = settled(found, self._declared, self._by_source_name(found, wanted))
        file_name = config.file_name_column
        sql = scan_sql(files, found, types, file_name)
        columns = types if file_name is None else {**types, file_name: "VARCHAR"}
        if len({folded(name) for name in columns}) < len(types) + (file_name is not None):
            raise WrongShape(f"the records have a key {file_name} already, which file_name_column names")
        shaped = shape(
            sql,
            columns,
            select=config.select,
            rename=config.rename,
            always=() if file_name is None else (file_name,),
            cursor=None if config.incremental is None else config.incremental.cursor,
        )
        return Scan(
            sql=shaped.sql,
            columns=shaped.columns,
            bytes=self._size,
            is_sampled=is_sampled,
            cursor=shaped.cursor,
            rejects=rejects,
        )

    def _by_source_name(self, found: Columns, wanted: Columns | None) -> dict[str, str]:
        """Return the table's types by what the source calls its columns, in small letters."""
        by_name = {folded(name): type_ for name, type_ in (wanted or {}).items()}
        renames = {folded(old): folded(new) for old, new in (self._config.rename or {}).items()}
        targets = {folded(name): renames.get(folded(name), folded(name)) for name in found}
        return {name: by_name[target] for name, target in targets.items() if target in by_name}

    def _in_utf8(self, file: SourceFile) -> JsonFile:
        """Return the file as DuckDB can read it: UTF-8, and no byte order mark."""
        config = self._config
        compression, encoding = config.compression, config.encoding
        if is_utf8(encoding):
            begins = next(plain_chunks(file, compression_of(file, compression)))
            if not begins.startswith(_BOM):
                return JsonFile(file, "newline_delimited", compression)
            encoding = "utf-8-sig"
        return JsonFile(reencoded(file, encoding, self._underway, compression), "newline_delimited", "none")

    def _looked_at(self, one: JsonFile) -> list[JsonFile]:
        """Return the file with its format, or nothing where it holds no record."""
        begins = _beginning(one)
        if isinstance(self._config, JsonlExtract):
            return [one] if begins else []
        if begins[:1] == b"[":
            is_empty = begins[1:].lstrip()[:1] == b"]"
            return [] if is_empty else [JsonFile(one.file, "array", one.compression)]
        if begins[:1] == b"{":
            return [JsonFile(one.file, "unstructured", one.compression)]
        reason = "begins as neither an array nor an object" if begins else "the file is empty"
        raise SourceMalformed(one.file.name, reason)


def _beginning(one: JsonFile) -> bytes:
    """Return what a file begins with, white space left out; empty when it has nothing else."""
    for chunk in plain_chunks(one.file, compression_of(one.file, one.compression)):
        if found := chunk.lstrip():
            return found
    return b""
