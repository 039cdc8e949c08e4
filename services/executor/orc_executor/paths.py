"""
Paths: find the file that a config means, and judge where it really is.

A relative path is looked for under the data folder and then under each file root; a target is always under the data
folder. What counts is the real path, after every symlink: it must lie under one of those folders, and be a plain file
with one name (another hard link may lie anywhere).

A name may be swapped for a link after it was judged, so what is judged is only a path. `pins.py` opens it without
following any link, looks at what it has opened, and gives others a name that leads to nothing else.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from glob import escape, has_magic, iglob
from itertools import islice
from pathlib import Path

from msgspec import Struct

from orc_executor.beneath import open_folder
from orc_executor.errors import PathRefused, SourceMalformed, SourceMissing, TargetUnusable

LOCK_SUFFIX = ".orc-lock"


class SourceFile(Struct, frozen=True):
    """A file that may be read."""

    path: str
    """Absolute: where it really is, or a name that leads to what was opened of it."""
    name: str
    """As to call it in a message: under its folder."""
    bytes: int
    mark: str = ""
    """Size and time of its last change: another when the file is."""
    place: str = ""
    """Where a file of this machine really is, which tells it from others."""

    @property
    def pattern(self) -> str:
        """The path as DuckDB takes it, which reads every path as a pattern."""
        return escape(self.path)


class Folders:
    """The folders that files may be in."""

    def __init__(
        self,
        data_dir: Path,
        file_roots: Sequence[Path] = (),
        hidden: Sequence[Path] = (),
        others: Sequence[str] = (),
    ) -> None:
        """
        Nothing in the `hidden` folders may be read, unless it is in the data folder.

        `others` no job can name, but the worker itself reads them: they must be what they were, too.
        """
        self.data_dir = os.path.realpath(data_dir)
        self.all = (self.data_dir, *(os.path.realpath(root) for root in file_roots))
        self._hidden = [os.path.realpath(folder) for folder in hidden]
        self._at_first = {path: _identity(path) for path in (*self.all, *others)}

    def made_anew(self) -> str | None:
        """Return a folder, or another's path, that is another than at first, if only of the same name."""
        return next((path for path, first in self._at_first.items() if _identity(path) != first), None)

    def sources(self, path: str, files_max: int) -> list[SourceFile]:
        """Return the file, or those that the pattern matches, by name; raises SourceMissing, PathRefused."""
        places = [path] if os.path.isabs(path) else [os.path.join(root, path) for root in self.all]  # noqa: PTH117, PTH118
        for place in places:
            found = [place] if os.path.lexists(place) else sorted(islice(_matches(place), files_max + 1))
            if len(found) > files_max:
                raise SourceMalformed(path, f"the pattern matches more than {files_max} files")
            if found:
                return [self._source(candidate) for candidate in found]
        raise SourceMissing(f"{path}: no such file under {self._named()}")

    def target(self, path: str, *, make_parent: bool = True) -> str:
        """Return the real path of a database file, which need not exist; raises PathRefused, TargetUnusable."""
        real = self._real_target(path)
        try:
            status = os.stat(real)  # noqa: PTH116
        except FileNotFoundError:
            if make_parent:
                self._make_parent(path, real)
            return real
        except OSError as error:
            raise TargetUnusable(f"{path}: {error.strerror}") from error
        check_plain(status, path, TargetUnusable)
        return real

    def target_folder(self, path: str) -> str:
        """Return the real path of a folder, which need not exist; raises PathRefused, TargetUnusable."""
        real = self._real_target(path)
        if os.path.lexists(real) and not os.path.isdir(real):  # noqa: PTH112
            raise TargetUnusable(f"{path}: is not a folder")
        self._make_parent(path, real)
        return real

    def _real_target(self, path: str) -> str:
        real = _real_path(os.path.join(self.data_dir, path), path)  # noqa: PTH118
        if not _lies_under(real, (self.data_dir,)):
            raise PathRefused(f"{path}: its real path {real} is not under ORC_DATA_DIR ({self.data_dir})")
        if real.endswith(LOCK_SUFFIX):
            raise PathRefused(f"{path}: names with {LOCK_SUFFIX} are for locks")
        return real

    def _source(self, path: str) -> SourceFile:
        name = self._name(path)
        real = _real_path(path, name)
        if not _lies_under(real, self.all):
            raise PathRefused(f"{name}: its real path {real} is outside {self._named()}")
        if _lies_under(real, self._hidden) and not _lies_under(real, (self.data_dir,)):
            raise PathRefused(f"{name}: is in a folder of ORC_FILE_ROOTS_EXCEPT")
        try:
            status = os.stat(real)  # noqa: PTH116
        except FileNotFoundError as error:
            raise SourceMissing(f"{name}: no such file") from error
        except OSError as error:
            raise PathRefused(f"{name}: {error.strerror}") from error
        check_plain(status, name, PathRefused)
        if not os.access(real, os.R_OK):
            raise PathRefused(f"{name}: may not be read by this process")
        return SourceFile(real, name, status.st_size, mark_of(status), real)

    def _name(self, path: str) -> str:
        for root in self.all:
            if _lies_under(path, (root,)):
                return os.path.relpath(path, root)
        return path

    def _named(self) -> str:
        roots = ", ".join(self.all[1:]) or "not set"
        return f"ORC_DATA_DIR ({self.data_dir}) or ORC_FILE_ROOTS ({roots})"

    def _make_parent(self, path: str, real: str) -> None:
        try:
            os.close(open_folder(os.path.dirname(real), make=True))  # noqa: PTH120
        except OSError as error:
            raise TargetUnusable(
                f"{path}: the folder {os.path.dirname(real)} cannot be made: {error.strerror}"  # noqa: PTH120
            ) from error


def _matches(place: str) -> Iterator[str]:
    """Yield what a pattern matches, folders left out."""
    if has_magic(place):
        yield from (match for match in iglob(place, recursive=True) if not os.path.isdir(match))  # noqa: PTH112, PTH207


def _real_path(path: str, name: str) -> str:
    """Return the real path; raises PathRefused where the system cannot tell it, as of a link that is being swapped."""
    try:
        return os.path.realpath(path)
    except OSError as error:
        raise PathRefused(f"{name}: where it really is cannot be told: {error.strerror}") from error


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)  # noqa: PTH116
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _lies_under(path: str, roots: Sequence[str]) -> bool:
    return any(path.startswith(root.rstrip(os.sep) + os.sep) for root in roots)


def mark_of(status: os.stat_result) -> str:
    """Return what is another once the file was changed."""
    return f"{status.st_size} {status.st_mtime_ns}"


def check_plain(status: os.stat_result, name: str, refusal: type[PathRefused] | type[TargetUnusable]) -> None:
    """Refuse what is no plain file of one name only."""
    if not stat.S_ISREG(status.st_mode):
        raise refusal(f"{name}: is not a plain file")
    if status.st_nlink != 1:
        raise refusal(
            f"{name}: has {status.st_nlink} hard links, and another may lie outside ORC_DATA_DIR and ORC_FILE_ROOTS; "
            "make a copy"
        )
