"""
Scratch: a folder of this process for what does not go through memory.

A worker that is killed cannot clean up, so each holds a lock in its folder, and whoever starts removes the folders
whose lock nobody holds. Process ids would not do: containers that share the disk have the same ones.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from orc_executor.errors import Internal, NoSpace

_PREFIX = "worker-"
_LOCK = "lock"
_NO_SPACE = "No space left on device"


class Scratch:
    """Made on first use, gone with the process or with the next one."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self._folder: Path | None = None
        self._lock = -1

    @property
    def folder(self) -> Path:
        """The folder; raises NoSpace, Internal when it cannot be made."""
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
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        return folder

    def remove(self) -> None:
        """Remove everything."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _make(self) -> Path:
        self.base.mkdir(parents=True, exist_ok=True)
        self._sweep()
        while True:
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self.base))
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (folder / _LOCK).exists():
                self._lock = lock
                return folder
            # Somebody who swept had it before us, and took the folder away.
            os.close(lock)

    def _sweep(self) -> None:
        for folder in self.base.glob(f"{_PREFIX}*"):
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
