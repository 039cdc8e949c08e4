"""Rows written in the job itself."""

from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import msgspec

from orc_executor.engine import Engine
from orc_executor.engine_errors import source_error
from orc_executor.errors import TaskError, TaskStopped
from orc_executor.extractors.json.lines import json_scans
from orc_executor.extractors.source import NO_SCAN, Columns, Scan
from orc_executor.state import NOTHING_LEARNED, Learned
from orc_executor.underway import Underway

_NAME = "the rows"


class InlineSource:
    """The rows as newline-delimited JSON in the scratch folder."""

    def __init__(self, rows: Sequence[dict[str, Any]], underway: Underway) -> None:
        self._rows, self._spool = rows, underway.folder() / "rows.ndjson"

    def gather(self) -> None:
        """Nothing is far away."""

    def learned(self) -> Learned:
        """Nothing yet."""
        return NOTHING_LEARNED

    def scans(self, engine: Engine, wanted: Columns | None) -> Iterator[Scan]:
        """Yield the one scan; raises duckdb.Error."""
        if not self._rows:
            yield NO_SCAN
            return
        encode = msgspec.json.Encoder().encode
        size = self._spool.write_bytes(b"".join(encode(row) + b"\n" for row in self._rows))
        yield from json_scans(engine, self._spool, size, wanted)

    def explain(self, engine: Engine, scan: Scan, error: duckdb.Error) -> TaskError | TaskStopped:
        """Say which row it was."""
        del engine, scan
        return source_error(error, {str(self._spool): _NAME})
