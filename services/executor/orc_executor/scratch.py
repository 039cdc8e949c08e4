"""
Scratch: a folder of this process for what does not go through memory.

A worker that is killed cannot clean up, so each holds a lock in its folder, and whoever starts removes the folders
whose lock nobody holds. Process ids would not do: containers that share the disk have the same ones.

The folder is known by its descriptor, not by its name: it lies in the data folder, where others may put a link in place
of what leads to it. It lies so deep that its path is longer than a path may be. DuckDB opens a database by the real
path of what it was given; here it finds none, and has to go by the descriptor, too.
"""

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from orc_executor.beneath import HAS_DESCRIPTOR_PATHS, path_of
from orc_executor.errors import Internal, NoSpace

_PREFIX = "worker-"
_LOCK = "lock"
_PLAIN = "plain"
_NO_SPACE = "No space left on device"
_PATH_BYTES_MAX = 4096
_STEP_BYTES = 200
"""Of the name of one folder on the way down."""
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Scratch:
    """Made on first use, gone with the process or with the next one."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self._folder: Path | None = None
        self._top: Path | None = None
        self._held: list[int] = []

    @property
    def folder(self) -> Path:
        """The folder, by a path of this process alone; raises NoSpace, Internal when it cannot be made."""
        if self._folder is None:
            try:
                self._folder = self._make()
            except OSError as error:
                fault = NoSpace if error.strerror == _NO_SPACE else Internal
                raise fault(f"the scratch folder {self.base} cannot be used: {error.strerror}") from error
        return self._folder

    def subfolder(self, name: str) -> Path:
        """Return a fresh, empty folder in it."""
        folder = self.folder / name
        with suppress(FileNotFoundError):
            if not any(folder.iterdir()):
                return folder
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        return folder

    def plain(self, name: str) -> Path:
        """Return a fresh, empty folder with a path like any other, for libraries that look for real paths; raises as `folder`."""
        _ = self.folder
        assert self._top is not None
        folder = self._top / f"{_PLAIN}-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        return folder

    def remove(self) -> None:
        """Remove everything."""
        if self._top is not None:
            shutil.rmtree(self._top, ignore_errors=True)

    def __del__(self) -> None:
        # Not with the folder: another thread may still use its path, and must not come upon another's descriptor.
        while self._held:
            os.close(self._held.pop())

    def _make(self) -> Path:
        self.base.mkdir(parents=True, exist_ok=True)
        home = os.open(self.base, _FLAGS | os.O_NOFOLLOW)
        base = Path(path_of(home, str(self.base)))
        _sweep(base)
        while True:
            top = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
            within = os.open(top, _FLAGS | os.O_NOFOLLOW)
            lock = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600, dir_fd=within)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fstat(lock).st_nlink:
                self._top, deep = top, _descended(within)
                self._held = [home, lock, deep]
                return Path(path_of(deep, str(top)))
            # Somebody who swept had it before us, and took the folder away.
            os.close(lock)
            os.close(within)


def _sweep(base: Path) -> None:
    for folder in base.glob(f"{_PREFIX}*"):
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            # One that is being made has no lock yet; a dead one without is an empty folder.
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)


def _descended(folder: int) -> int:
    """Return a folder so far down that it has no path, made step by step; the descriptor given is closed."""
    if not HAS_DESCRIPTOR_PATHS:
        return folder
    step = "_" * min(_STEP_BYTES, os.fpathconf(folder, "PC_NAME_MAX"))
    for _ in range(_PATH_BYTES_MAX // len(step) + 1):
        os.mkdir(step, 0o700, dir_fd=folder)
        below = os.open(step, _FLAGS | os.O_NOFOLLOW, dir_fd=folder)
        os.close(folder)
        folder = below
    return folder
