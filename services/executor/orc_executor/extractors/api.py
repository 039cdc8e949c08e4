"""
Records of an HTTP API.

    gather    page after page into one file of newline-delimited JSON in the scratch folder, records as they were sent
    scans     that file

The network is slow and DuckDB is fast, so nothing is decoded on the way: it costs half of what decoding in Python does.
"""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from typing import BinaryIO

import duckdb
import httpx
import uvloop

from orc_domain.extractors.api import ApiExtract
from orc_executor.engine import Engine
from orc_executor.engine_errors import source_error
from orc_executor.errors import NoSpace, TaskError, TaskStopped, WrongShape
from orc_executor.extractors.fetching import Fetcher, place
from orc_executor.extractors.json_lines import json_scans
from orc_executor.extractors.pages import Pages
from orc_executor.extractors.source import NO_SCAN, Columns, Scan
from orc_executor.state import NOTHING_LEARNED, Learned, TaskState
from orc_executor.underway import Underway

_WRITE_BUFFER_BYTES = 1024 * 1024


class ApiSource:
    """What an API answers, spooled."""

    def __init__(self, config: ApiExtract, underway: Underway, state: TaskState) -> None:
        self._config, self._underway, self._state = config, underway, state
        self._spool = underway.folder() / "records.ndjson"
        self._name = f"the answer of {place(httpx.URL(config.url))}"

    def gather(self) -> None:
        """Fetch every page; raises TaskError, TaskStopped."""
        try:
            with (
                self._spool.open("wb", buffering=_WRITE_BUFFER_BYTES) as spool,
                asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
            ):
                runner.run(self._fetch(spool))
        except asyncio.CancelledError:
            self._underway.check_stop()
            raise
        except OSError as error:
            raise NoSpace(f"the scratch folder cannot hold the pages: {error.strerror}") from error

    def learned(self) -> Learned:
        """Nothing yet."""
        return NOTHING_LEARNED

    def scans(self, engine: Engine, wanted: Columns | None) -> Iterator[Scan]:
        """Yield the one scan; raises duckdb.Error."""
        if self._spool.stat().st_size == 0:
            yield NO_SCAN
            return
        yield from json_scans(engine, self._spool, self._underway.bytes, wanted)

    def explain(self, engine: Engine, scan: Scan, error: duckdb.Error) -> TaskError | TaskStopped:
        """Say which record it was."""
        del engine, scan
        return source_error(error, {str(self._spool): self._name})

    async def _fetch(self, spool: BinaryIO) -> None:
        underway, limits = self._underway, self._underway.order.limits
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def interrupt() -> None:
            loop.call_soon_threadsafe(task.cancel)

        fetcher = Fetcher(self._config, underway)
        source, spooled = Pages(self._config, fetcher), 0
        try:
            with underway.interruptible(interrupt):
                async with aclosing(source.all()) as pages:
                    async for page in pages:
                        if page.records.count:
                            spooled += spool.write(page.records.text) + spool.write(b"\n")
                        if spooled > limits.spool_bytes_max:
                            raise WrongShape(f"{self._name}: more than {limits.spool_bytes_max} bytes")
                        underway.rows += page.records.count
                        underway.bytes += len(page.answer.body)
                        underway.requests = (underway.requests or 0) + 1
                        underway.requests_total = source.total
                        if limits.rows_wanted is not None and underway.rows >= limits.rows_wanted:
                            underway.is_cut = True
                            break
        finally:
            await fetcher.close()
