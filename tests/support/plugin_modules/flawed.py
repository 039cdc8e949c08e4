"""Plugins with one flaw each, which the conformance suite must find."""

import itertools
import sqlite3
import time
from contextlib import closing, contextmanager

import pyarrow as pa
from orc_sqlite import SqliteConfig, SqliteTransaction

from orc_executor.plugins import ExtractorConfig


class FlawedConfig(SqliteConfig, frozen=True, kw_only=True, tag="flawed"):
    """SQLite, with a flaw."""

    flaw: str
    """Which."""


class Flawed:
    """Loads into SQLite, not as it should."""

    config = FlawedConfig

    @contextmanager
    def transaction(self, config, context):
        """Commit, or rather not."""
        with closing(
            sqlite3.connect(context.file(config.path), timeout=60, isolation_level=None)
        ) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute(
                "CREATE TABLE IF NOT EXISTS orc_marks (name TEXT PRIMARY KEY, mark TEXT NOT NULL)"
            )
            yield FlawedTransaction(database, config)
            database.execute("COMMIT")


class FlawedTransaction(SqliteTransaction):
    """Rows and marks, one of them amiss."""

    def get(self, names):
        """Return the marks, unless it is forgetful."""
        found = super().get(names)
        flaw = self._config.flaw
        return {name: mark for name, mark in found.items() if not flaw.endswith(name.partition("/")[0])}

    def write(self, rows):
        """Write the rows, and perhaps commit them beforehand."""
        if self._config.flaw == "batch by batch":
            rows = pa.RecordBatchReader.from_batches(rows.schema, self._committing(rows))
        super().write(rows)
        if self._config.flaw == "rows first":
            self._commit()

    def _committing(self, rows):
        for batch in rows:
            yield batch
            self._commit()

    def _commit(self):
        self._database.execute("COMMIT")
        self._database.execute("BEGIN IMMEDIATE")


class OddConfig(ExtractorConfig, frozen=True, tag="odd"):
    """Rows, with a flaw."""

    flaw: str
    """Which."""


class Odd:
    """Yields numbers, not as it should."""

    config = OddConfig

    def batches(self, config, context):
        """Yield a hundred rows, or what the flaw makes of them."""
        first = 0 if context.cursor is None else int(context.cursor) + (20 if config.flaw == "skips" else 0)
        if config.flaw == "deaf":
            yield from self._deafly()
        for n in range(first, 100):
            stamp = time.monotonic_ns() if config.flaw == "unstable" else n
            yield [{"n": n, "stamp": stamp}]

    def _deafly(self):
        yield [{"n": -1, "stamp": 0}]
        for _ in itertools.count():
            pass
