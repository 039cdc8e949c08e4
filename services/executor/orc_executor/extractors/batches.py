"""
Spooled batches: what a plugin yields, in the scratch folder, as DuckDB scans it.

    Arrow     Parquet, one file for as long as the schema holds; a wider schema begins another file
    dicts     newline-delimited JSON, whose types every row tells

Memory stays flat: a row group is written as soon as it is full. What a schema cannot be widened to fails, naming the
batch and the column.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from orc_executor.errors import Internal, NoSpace, WrongShape
from orc_executor.sql_names import folded

ROW_GROUP_BYTES = 32 * 1024**2
ROW_GROUP_ROWS = 122_880
SCHEMAS_MAX = 1000
"""How often a task's schema may be widened."""


_ROWS = pa.field("_orc_rows", pa.int8())
"""The column of a file whose rows are nothing but nulls, so that their number is kept."""


class Spool:
    """Takes batches, then says where they are."""

    def __init__(self, folder: Path, bytes_max: int, plugin: str) -> None:
        self._folder, self._bytes_max, self._plugin = folder, bytes_max, plugin
        self._count = 0
        self._bytes_closed = 0
        self._lines: Any = None
        self._encode = msgspec.json.Encoder().encode_lines
        self._schema: pa.Schema | None = None
        """Of everything so far; columns that are null everywhere among it."""
        self._writer: pq.ParquetWriter | None = None
        self._sink: Any = None
        self._waiting: list[pa.Table] = []
        self.arrow_files: list[Path] = []
        """In the order of their rows; the last one is empty and has the schema of all of them."""
        self.json_file: Path | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failed: object) -> None:
        with self._storing():
            if failed[0] is None:
                self._end_file()
                self._write_schema()
            elif self._sink is not None:
                self._sink.close()
            if self._lines is not None:
                self._lines.close()

    @property
    def bytes(self) -> int:
        """What was written so far."""
        lines = 0 if self._lines is None or self._lines.closed else self._lines.tell()
        return self._bytes_closed + lines + (0 if self._sink is None else self._sink.tell())

    def add(self, batch: Any) -> int:
        """Write a batch and return its number of rows; raises WrongShape, NoSpace, Internal."""
        self._count += 1
        match batch:
            case pa.RecordBatch():
                rows = self._add_table(pa.Table.from_batches([batch]))
            case pa.Table():
                rows = self._add_table(batch)
            case list():
                rows = self._add_rows(batch)
            case _:
                raise Internal(
                    f"the plugin {self._plugin} gave a {type(batch).__name__} as batch {self._count}: valid are "
                    "a RecordBatch, a Table, a list of dicts"
                )
        if self.bytes > self._bytes_max:
            raise WrongShape(f"the plugin {self._plugin} gave more than {self._bytes_max} bytes")
        return rows

    def _add_rows(self, rows: list[dict[str, Any]]) -> int:
        if not rows:
            return 0
        self._check_one_kind(is_other=self._schema is not None)
        # What cannot be written as JSON is the plugin's fault, and told as that.
        text = self._encode(rows)
        with self._storing():
            if self._lines is None:
                self.json_file = self._folder / "rows.ndjson"
                self._lines = self.json_file.open("wb")
            self._lines.write(text)
        return len(rows)

    def _add_table(self, table: pa.Table) -> int:
        if not table.num_columns:
            return 0
        self._check_one_kind(is_other=self._lines is not None)
        schema = self._widened(table.schema)
        with self._storing():
            if self._schema is None or not schema.equals(self._schema):
                self._end_file()
                if len(self.arrow_files) > SCHEMAS_MAX:
                    raise WrongShape(
                        f"the plugin {self._plugin} changed its schema more than {SCHEMAS_MAX} times"
                    )
                self._schema = schema
            self._waiting.append(self._fitted(table, _stored(schema)))
            if (
                sum(waiting.num_rows for waiting in self._waiting) >= ROW_GROUP_ROWS
                or sum(waiting.nbytes for waiting in self._waiting) >= ROW_GROUP_BYTES
            ):
                self._flush()
        return int(table.num_rows)

    def _check_one_kind(self, *, is_other: bool) -> None:
        if is_other:
            raise Internal(f"the plugin {self._plugin} gave both Arrow and dicts: a task has one of them")

    def _widened(self, given: pa.Schema) -> pa.Schema:
        schema = pa.schema([pa.field(field.name, _plain(field.type)) for field in given])
        if self._schema is not None:
            try:
                schema = pa.unify_schemas([self._schema, schema], promote_options="permissive")
            except pa.ArrowException as error:
                reason = str(error).removeprefix("Unable to merge: ")
                raise WrongShape(f"batch {self._count} of the plugin {self._plugin}: {reason}") from error
        seen = set[str]()
        for name in schema.names:
            if folded(name) in seen:
                raise WrongShape(
                    f"batch {self._count} of the plugin {self._plugin}: two columns are called {name}"
                )
            seen.add(folded(name))
        return schema

    def _fitted(self, table: pa.Table, stored: pa.Schema) -> pa.Table:
        columns, there = [], set(table.schema.names)
        for field in stored:
            if field.name not in there:
                columns.append(pa.nulls(table.num_rows, field.type))
                continue
            try:
                columns.append(table[field.name].cast(field.type))
            except pa.ArrowException as error:
                where = f"batch {self._count} of the plugin {self._plugin}, column {field.name}"
                raise WrongShape(f"{where}: {error}") from error
        return pa.table(columns, schema=stored)

    def _flush(self) -> None:
        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting)
        self._waiting.clear()
        if self._writer is None:
            path = self._folder / f"batches-{len(self.arrow_files):06}.parquet"
            self.arrow_files.append(path)
            self._sink = pa.OSFile(str(path), "wb")
            self._writer = pq.ParquetWriter(self._sink, table.schema)
        self._writer.write_table(table, row_group_size=ROW_GROUP_ROWS)

    def _end_file(self) -> None:
        self._flush()
        if self._writer is not None:
            self._writer.close()
            self._bytes_closed += self._sink.tell()
            self._sink.close()
            self._writer = self._sink = None

    def _write_schema(self) -> None:
        if self._schema is None:
            return
        path = self._folder / "schema.parquet"
        pq.write_table(_settled(self._schema).empty_table(), path)
        self.arrow_files.append(path)

    @contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise NoSpace(f"the scratch folder cannot hold the batches: {error.strerror}") from error


def _plain(type_: pa.DataType) -> pa.DataType:
    """Return the type without how it is encoded, which may differ between batches."""
    if pa.types.is_dictionary(type_):
        return _plain(type_.value_type)
    if type_ == pa.string_view():
        return pa.string()
    return pa.binary() if type_ == pa.binary_view() else type_


def _settled(schema: pa.Schema) -> pa.Schema:
    """Return the schema of everything: a column that is null everywhere is text, beside which any other can be put."""
    return pa.schema([pa.field(field.name, _filled(field.type)) for field in schema])


def _stored(schema: pa.Schema) -> pa.Schema:
    """Return the schema of a file: what is null so far is left out, so that it takes part in no type."""
    told = [pa.field(field.name, _filled(field.type)) for field in schema if not pa.types.is_null(field.type)]
    return pa.schema(told or [_ROWS])


def _filled(type_: pa.DataType) -> pa.DataType:
    if pa.types.is_null(type_):
        return pa.string()
    if pa.types.is_large_list(type_):
        return pa.large_list(_filled(type_.value_type))
    if pa.types.is_list(type_):
        return pa.list_(_filled(type_.value_type))
    if pa.types.is_struct(type_):
        return pa.struct([pa.field(field.name, _filled(field.type)) for field in type_])
    return type_
