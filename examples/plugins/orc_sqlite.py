"""A loader in one file: a table of an SQLite file, as jobs with `type: sqlite` name it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from orc_executor.plugins import LoadContext, LoaderConfig

if TYPE_CHECKING:
    import sqlite3

    import pyarrow as pa

WAIT_SECONDS_MAX = 60.0


class SqliteConfig(LoaderConfig, frozen=True, tag="sqlite"):
    """A table of an SQLite file in the data folder."""

    path: str
    """Of the file, which need not exist."""
    table: Annotated[str, Meta(pattern="^[A-Za-z_][A-Za-z0-9_]*$")]
    """Of the file; its columns have no types, and take what comes."""
    write_disposition: Literal["replace", "append"] = "replace"
    """Whether the rows take the place of those that are there."""


class Sqlite:
    """Loads into SQLite."""

    config = SqliteConfig

    @contextmanager
    def transaction(self, config: SqliteConfig, context: LoadContext) -> Iterator["SqliteTransaction"]:
        """Hold the file's one write lock from the first look at the marks to the commit."""
        import sqlite3

        path = context.file(config.path)
        # Closing rolls back what is not committed.
        with closing(sqlite3.connect(path, timeout=WAIT_SECONDS_MAX, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute(
                "CREATE TABLE IF NOT EXISTS orc_marks (name TEXT PRIMARY KEY, mark TEXT NOT NULL)"
            )
            yield SqliteTransaction(database, config)
            database.execute("COMMIT")


class SqliteTransaction:
    """Rows and marks of one transaction."""

    def __init__(self, database: "sqlite3.Connection", config: SqliteConfig) -> None:
        self._database, self._config = database, config

    def get(self, names: Sequence[str]) -> Mapping[str, str]:
        """Return the marks that exist."""
        asked = ", ".join("?" * len(names))
        sql = f"SELECT name, mark FROM orc_marks WHERE name IN ({asked})"  # noqa: S608 - nothing but ?
        return dict(self._database.execute(sql, names).fetchall())

    def put(self, marks: Mapping[str, str]) -> None:
        """Add or change marks."""
        self._database.executemany("INSERT OR REPLACE INTO orc_marks VALUES (?, ?)", marks.items())

    def write(self, rows: "pa.RecordBatchReader") -> None:
        """Write the rows."""
        table, names = self._config.table, rows.schema.names
        if self._config.write_disposition == "replace":
            self._database.execute(f"DROP TABLE IF EXISTS {table}")
        if not names:
            return
        columns = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
        self._database.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
        insert = f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608 - quoted
        for batch in rows:
            self._database.executemany(insert, zip(*(column.to_pylist() for column in batch), strict=True))
