"""What a remote file is to those that fetch it, wherever it lies."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from msgspec import Struct

from orc_domain.extractors.storage import Place


class Remote(Struct, frozen=True):
    """A file somewhere else."""

    place: Place
    """Of this one file."""
    name: str
    """As to call it in a message: its URL without the query, which may hold secrets."""
    mark: str | None = None
    """Another when the file is another; None until it is asked for."""
    size: int | None = None


class Opened(Struct, frozen=True):
    """A remote file being read."""

    mark: str | None
    """None when the server tells nothing by which a changed file could be known."""
    size: int | None
    """How many bytes must come; None when the server does not say."""
    chunks: AsyncIterator[bytes]


class Passing(Exception):
    """It may go better the next time."""

    def __init__(self, reason: str, wait_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


class Origin(Protocol):
    """Where remote files are."""

    async def locate(self, place: Place, files_max: int) -> list[Remote]:
        """Return the file, or those that the glob matches, by name; raises TaskError."""

    def opened(self, remote: Remote) -> AbstractAsyncContextManager[Opened]:
        """Ask for a file, as it was when it was listed; raises TaskError, Passing."""


def mark_of(etag: str | None, size: int | None, changed: str | None) -> str | None:
    """Return the mark of what a server says of a file."""
    if etag:
        # Azure's listings leave out the quotes that its answers have.
        return "etag " + etag.strip('"')
    return f"{size} {changed}" if size is not None and changed else None
