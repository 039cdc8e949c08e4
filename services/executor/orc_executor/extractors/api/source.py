"""
Records of an HTTP API.

    gather    page after page into one file in the scratch folder, records as they were sent: a JSON object a line, or CSV
    scans     that file, with the columns that the config asks for

The network is slow and DuckDB is fast, so nothing is decoded on the way: it costs half of what decoding in Python does.
"""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing

import duckdb
import uvloop
from msgspec import structs

from orc_domain.extractors.api import ApiExtract
from orc_executor.engine import Engine
from orc_executor.engine_errors import source_error
from orc_executor.errors import NoSpace, TaskError, TaskStopped
from orc_executor.extractors.api.csv_pages import csv_scans
from orc_executor.extractors.api.fetching import Fetcher, place
from orc_executor.extractors.api.resources import all_pages
from orc_executor.extractors.api.seen_types import SeenTypes
from orc_executor.extractors.api.spool import Spool
from orc_executor.extractors.declared import declared
from orc_executor.extractors.json.lines import json_scans
from orc_executor.extractors.shaping import shape
from orc_executor.extractors.source import NO_SCAN, Columns, Scan
from orc_executor.state import NOTHING_LEARNED, Learned, TaskState
from orc_executor.steps import read_url
from orc_executor.underway import Underway


class ApiSource:
    """What an API answers, spooled."""

    def __init__(self, config: ApiExtract, underway: Underway, state: TaskState) -> None:
        self._config, self._underway, self._state = config, underway, state
        self._name = f"the answer of {place(read_url(config.url, 'extractor_config.url'))}"
        limit = underway.order.limits.spool_bytes_max
        self._spool = Spool(underway.folder(), limit, self._name)
        self._found: Columns | None = None
        self._learned = NOTHING_LEARNED

    def gather(self) -> None:
        """Fetch every page; raises TaskError, TaskStopped."""
        try:
            with self._spool, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._fetch())
        except asyncio.CancelledError:
            self._underway.check_stop()
            raise
        except OSError as error:
            raise NoSpace(f"the scratch folder cannot hold the pages: {error.strerror}") from error

    def learned(self) -> Learned:
        """Return the answer's validators, where the config asks on a condition."""
        return self._learned

    def scans(self, engine: Engine, wanted: Columns | None) -> Iterator[Scan]:
        """Yield the one scan; raises WrongShape, duckdb.Error."""
        if not self._spool.bytes:
            yield NO_SCAN
            return
        config, path, size = self._config, self._spool.path, self._underway.bytes
        cursor = None if config.incremental is None else config.incremental.cursor
        if self._spool.header is None:
            yield from json_scans(
                engine, path, size, wanted,
                columns=config.columns, select=config.select, rename=config.rename, cursor=cursor,
                found=self._found,
            )  # fmt: skip
            return
        types = config.columns or {}
        as_text = dict.fromkeys(types, "VARCHAR")
        for scan in csv_scans(engine, path, size, wanted, header=self._spool.header, read_as=as_text):
            typed = declared(engine, scan, types) if types else scan
            shaped = shape(
                typed.sql, typed.columns, select=config.select, rename=config.rename, cursor=cursor
            )
            yield structs.replace(typed, sql=shaped.sql, columns=shaped.columns, cursor=shaped.cursor)

    def explain(self, engine: Engine, scan: Scan, error: duckdb.Error) -> TaskError | TaskStopped:
        """Say which record it was."""
        del engine, scan
        names = {file: name for file, name in self._spool.names() if file in str(error)}
        return source_error(error, names or {str(self._spool.path): self._name})

    async def _fetch(self) -> None:
        underway = self._underway
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def interrupt() -> None:
            loop.call_soon_threadsafe(task.cancel)

        fetcher, types = Fetcher(self._config, underway, self._state), SeenTypes()
        try:
            with underway.interruptible(interrupt):
                async with aclosing(all_pages(self._config, fetcher, underway, self._state)) as pages:
                    async for page in pages:
                        if (file := self._spool.add(page.records)) is not None:
                            types.look_at(file)
                        underway.rows += page.records.count
                        underway.bytes += len(page.answer.body)
                        underway.requests = (underway.requests or 0) + 1
                        if page.pages is not None and self._config.parent is None:
                            underway.requests_total = page.pages
                        if underway.has_enough:
                            break
                if types.is_begun and (file := self._spool.end()) is not None:
                    types.look_at(file)
                self._found = await types.united()
        finally:
            types.close()
            await fetcher.close()
        self._learned = fetcher.learned()
