"""
One writer per database file: our own lock, on a file beside it that is never deleted.

DuckDB's own lock is lost as soon as anything else in the process closes the database file, and a deleted lock file
would let two processes each lock a file of that name.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from orc_executor.errors import TargetLocked, TargetUnusable
from orc_executor.paths import LOCK_SUFFIX

LOCK_PAUSE_SECONDS_MIN, LOCK_PAUSE_SECONDS_MAX = 0.002, 0.1


@contextmanager
def file_lock(path: str, name: str, patience: "Patience") -> Iterator[None]:
    """Hold the lock of the database file `path`; raises TargetLocked, TargetUnusable and what `patience` raises."""
    try:
        descriptor = os.open(path + LOCK_SUFFIX, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise TargetUnusable(f"{name}: its lock file cannot be opened: {error.strerror}") from error
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                patience.pause(f"{name}: another task has been loading into it")
        yield
    finally:
        os.close(descriptor)


class Patience:
    """Waits for a lock: longer each time, until `until` (monotonic seconds)."""

    def __init__(self, until: float, check: Callable[[], None]) -> None:
        self._until, self._check = until, check
        self._pause_seconds = LOCK_PAUSE_SECONDS_MIN

    def pause(self, reason: str) -> None:
        """Sleep a little; raises TargetLocked with `reason` when time is up, and what the check raises."""
        self._check()
        left = self._until - time.monotonic()
        if left <= 0:
            raise TargetLocked(f"{reason}, for as long as the task may take")
        time.sleep(min(self._pause_seconds, left))
        self._pause_seconds = min(2 * self._pause_seconds, LOCK_PAUSE_SECONDS_MAX)
