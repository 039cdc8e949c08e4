"""Rows of a scan as Arrow, for loaders that do not have DuckDB write them."""

from collections.abc import Iterator

import duckdb
import pyarrow as pa

from orc_executor.engine import Engine
from orc_executor.errors import Internal
from orc_executor.extractors.source import Scan
from orc_executor.sql_names import identifier
from orc_executor.underway import Underway

BATCH_ROWS = 61_440
"""Thirty of DuckDB's vectors."""

_NO_ROWS = pa.schema([])


class ArrowRows:
    """Reads a scan once, and remembers how that ended: what reads an Arrow stream may hide an error, or stop early."""

    def __init__(self, engine: Engine, scan: Scan, underway: Underway) -> None:
        self._engine, self._scan, self._underway = engine, scan, underway
        self.count = 0
        self.failed: BaseException | None = None
        """What the source raised."""
        self._is_complete = not scan.columns

    def reader(self) -> pa.RecordBatchReader:
        """Return the rows; raises what the source raises, a stop between two batches."""
        if self._is_complete:
            return pa.RecordBatchReader.from_batches(_NO_ROWS, iter(()))
        try:
            inner = self._engine.arrow(self._query(), BATCH_ROWS)
        except duckdb.Error as error:
            self.failed = error
            raise
        return pa.RecordBatchReader.from_batches(inner.schema, self._batches(inner))

    def check_complete(self, plugin: str) -> None:
        """Refuse a load that has not seen every row; raises Internal, or what the source raised."""
        if self.failed is not None:
            raise self.failed
        if not self._is_complete:
            raise Internal(f"the plugin {plugin} did not read every row")

    def _query(self) -> str:
        names = ", ".join(identifier(name) for name in self._scan.columns)
        return f"SELECT {names} FROM ({self._scan.sql})"  # noqa: S608 - names are quoted

    def _batches(self, inner: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        try:
            for batch in inner:
                self._underway.check_stop()
                self.count += batch.num_rows
                self._underway.rows = self.count
                yield batch
            self._is_complete = True
        except (OSError, pa.ArrowException) as error:
            self.failed = _of_duckdb(error)
            raise self.failed from error
        except Exception as error:
            self.failed = error
            raise


def _of_duckdb(error: Exception) -> duckdb.Error:
    """Return the error that DuckDB meant: through an Arrow stream it comes as text, its class in front."""
    kind, colon, _ = str(error).partition(" Error: ")
    if colon:
        wanted = f"{kind.replace(' ', '')}Exception".lower()
        for name in dir(duckdb):
            found = getattr(duckdb, name)
            if name.lower() == wanted and isinstance(found, type) and issubclass(found, duckdb.Error):
                return found(str(error))
    return duckdb.Error(str(error))
