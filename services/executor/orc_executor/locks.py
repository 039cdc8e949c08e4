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
from orc_executor.pins import Place

LOCK_PAUSE_SECONDS_MIN, LOCK_PAUSE_SECONDS_MAX = 0.002, 0.1


@contextmanager
def file_lock(place: Place, patience: "Patience") -> Iterator[None]:
    """Hold the lock of a target; raises TargetLocked, TargetUnusable and what `patience` raises."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(place.base + LOCK_SUFFIX, flags, 0o644, dir_fd=place.folder)
    except OSError as error:
        raise TargetUnusable(f"{place.name}: its lock file cannot be opened: {error.strerror}") from error
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                patience.pause(f"{place.name}: another task has been loading into it")
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
