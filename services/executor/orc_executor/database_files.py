"""
A DuckDB file as the engine is given it: by a name in a folder of the worker alone, which leads to the file that was opened.

DuckDB opens by name again and again: the file, its log when a commit is small, the log's end when that is a part of the
file. Beside the file any of these names may be swapped for a link that leads out of the data folder. So the log lies
in the worker's own folder. No commit needs it there: a checkpoint has taken it into the file before the file is let go,
and nobody was told of a commit before that. A log that others left beside the file is taken along, and in.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orc_executor.beneath import HAS_DESCRIPTOR_PATHS, open_anew, path_of
from orc_executor.errors import TargetUnusable
from orc_executor.pins import Place

UNFINISHED_SUFFIX = ".orc-unfinished"
_LOGS = (".wal", ".wal.checkpoint", ".wal.recovery")
_FILE = "target.duckdb"


class DatabaseFile:
    """One file while it is attached."""

    def __init__(self, place: Place, home: Path) -> None:
        """`home` is an empty folder that nobody else may write into."""
        self._place, self._home = place, home
        self.has_foreign_log = False
        """Whether others left a log, which a checkpoint has to take in."""

    @property
    def path(self) -> str:
        """The name to give to DuckDB."""
        return str(self._home / _FILE)

    @property
    def name(self) -> str:
        """As to call it in a message."""
        return self._place.name

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Have `path` lead to the file; raises FileNotFoundError, TargetUnusable."""
        file = self._place.look()
        os.symlink(path_of(file, self._place.real), self.path)  # noqa: PTH211
        try:
            if HAS_DESCRIPTOR_PATHS:
                self._take_logs()
            yield
        finally:
            os.close(file)
            os.unlink(self.path)  # noqa: PTH108

    def drop_foreign_log(self) -> None:
        """Remove the log that was beside the file, when a checkpoint has taken it in; raises TargetUnusable."""
        try:
            for suffix in _LOGS:
                self._place.beside(suffix).remove()
        except OSError as error:
            raise TargetUnusable(f"{self.name}: its log cannot be removed: {error.strerror}") from error

    @property
    def has_log(self) -> bool:
        """Whether something committed is not in the file yet, but in a log that goes with this process."""
        log = Path(f"{self.path}{_LOGS[0]}")
        return log.exists() and log.stat().st_size > 0

    def put(self, made: str) -> None:
        """Put a database that was made elsewhere in its place, whole or not at all; raises OSError."""
        place, unfinished = self._place, self._place.beside(UNFINISHED_SUFFIX)
        unfinished.remove()
        with (
            open(made, "rb") as read,  # noqa: PTH123
            os.fdopen(open_anew(unfinished.base, unfinished.folder), "wb") as written,
        ):
            shutil.copyfileobj(read, written)
            written.flush()
            os.fsync(written.fileno())
        os.unlink(made)  # noqa: PTH108
        os.rename(unfinished.base, place.base, src_dir_fd=unfinished.folder, dst_dir_fd=place.folder)

    def _take_logs(self) -> None:
        for suffix in _LOGS:
            beside = self._place.beside(suffix)
            try:
                log = beside.look()
            except FileNotFoundError:
                continue
            self.has_foreign_log = True
            try:
                shutil.copyfile(path_of(log, beside.real), f"{self.path}{suffix}")
            except OSError as error:
                raise TargetUnusable(f"{self.name}: its log cannot be read: {error.strerror}") from error
            finally:
                os.close(log)
