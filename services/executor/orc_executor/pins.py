"""
Pins: what a task has opened of what was judged, so that nobody leads it elsewhere by swapping a name.

    source    a file → a name in the task's own folder that leads to the file that was opened, whatever its old name is now
    folder    a folder of a dataset, in the same way
    place     a name in a folder that was opened: what is made or replaced under it is there, wherever the folder's name leads

They are held until the task ends.
"""

import errno
import os
import resource
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from msgspec import Struct, structs

from orc_executor.beneath import folder_in, look_at, open_at, open_folder, path_of
from orc_executor.errors import PathRefused, SourceMalformed, SourceMissing, TargetUnusable
from orc_executor.paths import SourceFile, check_plain, mark_of

_TAIL_CHARACTERS = 20
"""Of a file's name, kept in the link's."""
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Place(Struct, frozen=True):
    """A name in an open folder; nothing need be there."""

    folder: int
    """The folder's descriptor."""
    base: str
    """The name in it."""
    name: str
    """As to call it in a message."""
    real: str
    """Its path, where the folder still has the name it had."""

    def beside(self, suffix: str) -> "Place":
        """Return the place whose name is this one's and the suffix."""
        return structs.replace(self, base=self.base + suffix, real=self.real + suffix)

    def exists(self) -> bool:
        """Tell whether there is anything, a link that leads nowhere included; raises TargetUnusable."""
        try:
            os.stat(self.base, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self.unusable(error) from error
        return True

    def look(self) -> int:
        """Return a descriptor of the plain file that is there; raises FileNotFoundError, TargetUnusable."""
        try:
            found = look_at(self.base, self.folder)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise self.unusable(error) from error
        try:
            check_plain(os.fstat(found), self.name, TargetUnusable)
        except TargetUnusable:
            os.close(found)
            raise
        return found

    def remove(self) -> None:
        """Remove what is there, if anything; raises OSError."""
        with suppress(FileNotFoundError):
            os.unlink(self.base, dir_fd=self.folder)

    def unusable(self, error: OSError) -> TargetUnusable:
        """Return what to say of an error of the system."""
        return TargetUnusable(f"{self.name}: {error.strerror}")


class Pins:
    """What one task has opened; `folder` gives its own folder."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder
        self._held: list[int] = []

    def source(self, file: SourceFile) -> SourceFile:
        """Return a judged file by a name that leads to nothing but what was opened; raises SourceMissing, PathRefused, SourceMalformed."""
        try:
            descriptor = self._hold(open_at(file.path))
        except FileNotFoundError as error:
            raise SourceMissing(f"{file.name}: no such file") from error
        except OSError as error:
            if error.errno == errno.EMFILE:
                most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
                reason = f"a task holds all its files open, and this process may hold {most}: raise the executor's limit"
                raise SourceMalformed(file.name, f"{reason} (ulimit -Hn), or name fewer files") from error
            raise PathRefused(
                f"{file.name}: cannot be opened where it was found: {error.strerror}"
            ) from error
        status = os.fstat(descriptor)
        check_plain(status, file.name, PathRefused)
        link = self._link(descriptor, file.path)
        return SourceFile(str(link), file.name, status.st_size, mark_of(status), file.place)

    def part(self, folder: Path, path: str, name: str) -> SourceFile:
        """Return a file at a path below an open folder, by such a name; raises TargetUnusable."""
        home, _, base = path.rpartition("/")
        try:
            with folder_in(folder, home) as within:
                descriptor = self._hold(os.open(within / base, _FILE_FLAGS))
        except OSError as error:
            raise TargetUnusable(f"{name}: {path}: {error.strerror}") from error
        status = os.fstat(descriptor)
        check_plain(status, f"{name}/{path}", TargetUnusable)
        link = self._link(descriptor, str(folder / path))
        return SourceFile(str(link), path, status.st_size, mark_of(status))

    def folder(self, within: Path, base: str) -> Path:
        """Return a name that leads to a folder in an open one; raises OSError."""
        descriptor = self._hold(os.open(within / base, _FOLDER_FLAGS))
        return self._link(descriptor, str(within / base))

    def place(self, real: str, name: str) -> Place:
        """Return the place of a target at a real path, in its folder; raises FileNotFoundError without one, TargetUnusable."""
        home, _, base = real.rpartition("/")
        try:
            folder = open_folder(home)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise TargetUnusable(f"{name}: its folder is not what it was: {error.strerror}") from error
        return Place(self._hold(folder), base, name, real)

    def __del__(self) -> None:
        self.let_go()

    def let_go(self) -> None:
        """Hold nothing any more."""
        while self._held:
            os.close(self._held.pop())

    def _link(self, descriptor: int, real: str) -> Path:
        # The end of the name tells how it is compressed, a folder `key=value` the value of a column. No folder a file:
        # some file systems take milliseconds to remove one.
        *folders, base = real.split("/")
        columns = [folder for folder in folders if "=" in folder]
        home = self._folder().joinpath(*columns)
        if columns:
            home.mkdir(parents=True, exist_ok=True)
        link = home / f"file-{len(self._held)}-{base[-_TAIL_CHARACTERS:]}"
        link.symlink_to(path_of(descriptor, real))
        return link

    def _hold(self, descriptor: int) -> int:
        self._held.append(descriptor)
        return descriptor
