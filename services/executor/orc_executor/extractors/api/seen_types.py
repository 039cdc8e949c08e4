"""
Types seen while fetching: what DuckDB finds in the files that are whole, one after the other, beside the network.

Every record counts for the types, and looking at all of them takes longer than loading them. Where the files agree, that
is what looking at all of them at once would say; where they do not, nothing is said and the scan looks itself.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb

from orc_executor import sql_names
from orc_executor.extractors.json.lines import found_sql
from orc_executor.extractors.source import Columns

MEMORY_BYTES_MAX = 256 * 1024 * 1024
_NULL = '"NULL"'
"""The type of a column that is null throughout."""


class SeenTypes:
    """Of the files of one spool."""

    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._looks: list[asyncio.Future[Columns | None]] = []

    @property
    def is_begun(self) -> bool:
        """Whether there was a file to look at: what fits into one is looked at when it is scanned."""
        return bool(self._looks)

    def look_at(self, file: Path) -> None:
        """Look at a file that is whole, when those before it are done."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="types")
        loop = asyncio.get_running_loop()
        self._looks.append(loop.run_in_executor(self._thread, self._look, file))

    async def united(self) -> Columns | None:
        """Return the types of all columns in all files, None when the files do not agree, or none was looked at."""
        found = [await look for look in self._looks]
        return unite([columns for columns in found if columns is not None]) if all(found) else None

    def close(self) -> None:
        """Look at no more; what is under way takes as long as one file does, some tenths of a second."""
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)
        if self._connection is not None:
            self._connection.close()

    def _look(self, file: Path) -> Columns | None:
        try:
            if self._connection is None:
                self._connection = _opened(file.parent)
            rows = self._connection.execute(f"DESCRIBE {found_sql(file)}").fetchall()
        except duckdb.Error:
            # The scan meets the same and says it where it is told whose fault it is.
            return None
        return {row[0]: row[1] for row in rows}


def unite(found: Sequence[Columns]) -> Columns | None:
    """Return each column's one type, in the order in which the columns came; None when there are several, or none."""
    united = dict[str, str]()
    for columns in found:
        for name, type_ in columns.items():
            if united.get(name, _NULL) == _NULL:
                united[name] = type_
            elif type_ not in (united[name], _NULL):
                return None
    return united or None


def _opened(folder: Path) -> duckdb.DuckDBPyConnection:
    """Return an engine beside the one that loads, which reads this folder and nothing else."""
    connection = duckdb.connect(
        config={
            "memory_limit": f"{MEMORY_BYTES_MAX}B",
            "threads": 1,
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
            "allow_community_extensions": False,
        }
    )
    connection.execute(f"SET allowed_directories = {sql_names.texts([f'{folder}/'])}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection
