"""
Opening what a judgement was about, and nothing else.

A real path has no link in it. It is opened folder by folder from the root, and a link that stands there by now is not
followed: whoever swaps a name after the judgement gets an error, and never leads us elsewhere. What was opened is then
used by its descriptor alone.

Where the system tells no descriptors as paths (`/proc/self/fd`), DuckDB has to be given the real path, and a swap
between the opening and that use is not noticed; see docs/security/files.md.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HAS_DESCRIPTOR_PATHS = os.path.isdir("/proc/self/fd")  # noqa: PTH112
_LOOK = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK)
"""Nothing is begun by looking: no FIFO waits, no device is woken."""
_FLAGS = _LOOK | os.O_NOFOLLOW | os.O_CLOEXEC
_ANEW = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_WRONLY


def look_at(name: str, folder: int) -> int:
    """Return a descriptor of what is called so in the folder, a link itself where it is one; raises OSError."""
    return os.open(name, _FLAGS, dir_fd=folder)


def open_folder(real: str, *, make: bool = False) -> int:
    """Return a descriptor of the folder at a real path, made with all above it if `make`; raises OSError."""
    return open_below(os.open(os.sep, _LOOK | os.O_DIRECTORY | os.O_CLOEXEC), real, make=make)


def open_below(folder: int, path: str, *, make: bool = False) -> int:
    """Return a descriptor of the folder at a path below another, whose descriptor is closed; raises OSError."""
    for part in filter(None, path.split("/")):
        try:
            if part == os.pardir:
                raise OSError(errno.EINVAL, "leads up again", path)
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=folder)
            below = os.open(part, _FLAGS | os.O_DIRECTORY, dir_fd=folder)
        finally:
            os.close(folder)
        folder = below
    return folder


@contextmanager
def folder_in(folder: Path, path: str, *, make: bool = False) -> Iterator[Path]:
    """Have the folder at a path below another as a path that leads to nothing else, for the block; raises OSError."""
    below = open_below(os.open(folder, _LOOK | os.O_DIRECTORY | os.O_CLOEXEC), path, make=make)
    try:
        yield Path(path_of(below, str(folder / path)))
    finally:
        os.close(below)


def open_at(real: str) -> int:
    """Return a descriptor of what is at a real path; raises OSError."""
    home, _, name = real.rpartition("/")
    folder = open_folder(home)
    try:
        return look_at(name, folder)
    finally:
        os.close(folder)


def open_anew(name: str, folder: int) -> int:
    """Make a file in the folder and return a descriptor to write by; raises OSError where there is anything of that name."""
    return os.open(name, _ANEW, 0o666, dir_fd=folder)


def path_of(descriptor: int, real: str) -> str:
    """Return a path that leads to what is open, whatever `real` names by now."""
    return f"/proc/self/fd/{descriptor}" if HAS_DESCRIPTOR_PATHS else real
