"""Spooling: what a source writes into the attempt's folder, all of it together within `spool_bytes_max`."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from orc_executor.errors import NoSpace, SourceMalformed
from orc_executor.underway import Underway


class Spool:
    """A file in the attempt's folder, being written."""

    def __init__(self, opened: BinaryIO, name: str, underway: Underway) -> None:
        self._opened, self._name, self._underway = opened, name, underway
        self.bytes = 0

    def write(self, data: bytes) -> None:
        """Write more; raises SourceMalformed beyond the limit, NoSpace, TaskStopped, TimedOut."""
        self._underway.check_stop()
        self.bytes += len(data)
        count_spooled(len(data), self._name, self._underway)
        try:
            self._opened.write(data)
        except OSError as error:
            raise _no_space(self._name, error) from error


def count_spooled(size: int, name: str, underway: Underway) -> None:
    """Hold what was written against the limit; raises SourceMalformed naming it."""
    underway.spooled_bytes += size
    if underway.spooled_bytes > (most := underway.order.limits.spool_bytes_max):
        raise SourceMalformed(name, f"more than {most} bytes would be kept (spool_bytes_max)")


def spool_path(identity: str, underway: Underway) -> Path:
    """Return where to keep what comes from a source, the same for the same one."""
    return (
        underway.folder()
        / hashlib.blake2b(identity.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
    )


@contextmanager
def spooling(path: Path, name: str, underway: Underway) -> Iterator[Spool]:
    """Write a file anew, `name` being what messages call it; what is left of one that failed is not counted."""
    path.unlink(missing_ok=True)
    spool = None
    try:
        with path.open("wb", buffering=0) as opened:
            spool = Spool(opened, name, underway)
            yield spool
    except BaseException:
        path.unlink(missing_ok=True)
        if spool is not None:
            underway.spooled_bytes -= spool.bytes
        raise


def _no_space(name: str, error: OSError) -> NoSpace:
    return NoSpace(f"the scratch folder cannot hold {name}: {error.strerror}")
