"""
Rows of a Postgres database.

    gather    in one read-only transaction: the server describes the query, COPY streams its rows as CSV into the scratch
              folder
    scans     that file, each column as the type that loses nothing
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Iterator
from typing import BinaryIO

import duckdb

from orc_domain.extractors.sql import SqlExtract
from orc_executor import sql_names
from orc_executor.engine import Engine
from orc_executor.engine_errors import source_error
from orc_executor.errors import NoSpace, TaskError, TaskStopped, WrongShape
from orc_executor.extractors.postgres.query import CURSOR_TEXT, copied_sql, describe, source_sql
from orc_executor.extractors.postgres.types import Column
from orc_executor.extractors.shaping import shape
from orc_executor.extractors.source import Columns, Scan
from orc_executor.postgres_connection import Session
from orc_executor.postgres_url import postgres_url
from orc_executor.sql_names import folded, identifier, text
from orc_executor.state import NOTHING_LEARNED, Learned, TaskState
from orc_executor.underway import Underway

LINE_BYTES_MAX = 64 * 1024 * 1024
"""Of one row."""
_SNAPSHOT = "ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class SqlSource:
    """What a query answers, spooled."""

    def __init__(self, config: SqlExtract, underway: Underway, state: TaskState) -> None:
        self._config, self._underway, self._state = config, underway, state
        self._spool = underway.folder() / "rows.csv"
        self._columns: list[Column] = []
        self._name = (
            f"the {'table' if config.table else 'query'} of the connection {config.connection.secret!r}"
        )

    def learned(self) -> Learned:
        """Nothing: the cursor is in the rows."""
        return NOTHING_LEARNED

    def gather(self) -> None:
        """Copy the rows; raises TaskError, TaskStopped."""
        config, underway = self._config, self._underway
        url = postgres_url(config.connection, underway.reach.secrets)
        sql = source_sql(config)
        with Session(url, underway, "source") as session:
            session.begin(_SNAPSHOT)
            columns = describe(session, sql, is_table=config.table is not None)
            self._columns = columns
            copied = copied_sql(sql, columns, config.incremental, self._state, underway.order.window)
            # One statement by itself, as the server says: COPY is sent in a way that would take several.
            session.run(lambda: session.connection.prepare(copied))
            if (wanted := underway.order.limits.rows_wanted) is not None:
                # One more, which tells whether these are all.
                copied += f" LIMIT {wanted + 1}"
            try:
                with self._spool.open("wb", buffering=0) as spool:
                    underway.rows = self._copy(session, copied, spool)
            except OSError as error:
                raise NoSpace(f"the scratch folder cannot hold the rows: {error.strerror}") from error

    def scans(self, engine: Engine, wanted: Columns | None) -> Iterator[Scan]:
        """Yield the one scan; raises WrongShape, duckdb.Error."""
        del engine, wanted
        config = self._config
        asked = {folded(name): type_ for name, type_ in (config.columns or {}).items()}
        unknown = asked.keys() - {folded(column.name) for column in self._columns}
        if unknown:
            raise WrongShape(f"columns names {', '.join(sorted(unknown))}, which the rows do not have")
        types = {column.name: asked.get(folded(column.name), column.duckdb) for column in self._columns}
        parts = [
            f"{column.read(asked.get(folded(column.name)))} AS {identifier(column.name)}"
            for column in self._columns
        ]
        cursor = None if config.incremental is None else config.incremental.cursor
        if cursor is not None:
            parts.append(identifier(CURSOR_TEXT))
        shaped = shape(
            f"SELECT {', '.join(parts)} FROM {self._csv_sql(asked)}",
            types,
            select=config.select,
            rename=config.rename,
            cursor=cursor,
            cursor_text=None if cursor is None else identifier(CURSOR_TEXT),
        )
        yield Scan(sql=shaped.sql, columns=shaped.columns, bytes=self._underway.bytes, cursor=shaped.cursor)

    def explain(self, engine: Engine, scan: Scan, error: duckdb.Error) -> TaskError | TaskStopped:
        """Say what of the rows it was."""
        del engine, scan
        return source_error(error, {str(self._spool): self._name})

    def _copy(self, session: Session, sql: str, spool: BinaryIO) -> int:
        underway, most = self._underway, self._underway.order.limits.spool_bytes_max

        async def keep(data: bytes) -> None:
            underway.bytes += len(data)
            if underway.bytes > most:
                raise WrongShape(f"{self._name}: more than {most} bytes")
            spool.write(data)

        said = session.run(
            lambda: session.connection.copy_from_query(sql, output=keep, format="csv", encoding="utf-8")
        )
        return int(said.rsplit(" ", 1)[-1])

    def _csv_sql(self, asked: Columns) -> str:
        # As text, what the config gives a type of its own.
        types = {
            column.name: "VARCHAR" if folded(column.name) in asked else column.stored
            for column in self._columns
        }
        if self._config.incremental is not None:
            types[CURSOR_TEXT] = "VARCHAR"
        elif len(types) == 1:
            types["_orc_row"] = "TINYINT"
        # The end of lines is told: DuckDB would guess it from the first, a quoted one in a value among them.
        return (
            f"read_csv({text(str(self._spool))}, auto_detect = false, header = false, delim = ',', quote = '\"', new_line = '\\n', "
            f"escape = '\"', nullstr = '', allow_quoted_nulls = false, max_line_size = {LINE_BYTES_MAX}, "
            f"columns = {sql_names.columns(types)})"
        )
