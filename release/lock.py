"""
Reading requirements.lock: what is pinned, and by which hashes.

    name==1.2.3 ; marker --hash=sha256:… --hash=sha256:…

Nothing else may stand in it: every line is an exact version with at least one hash, so that what is installed is
what was looked at when the lock was made, whoever serves it.
"""

import re
from pathlib import Path

from msgspec import Struct

LOCK = Path(__file__).parents[1] / "requirements.lock"

_ENTRY = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;]+)"
    r"(?:\s*;\s*(?P<marker>.+?))?"
    r"(?P<hashes>(?:\s+--hash=\S+)*)"
)
_HASH = re.compile(r"sha256:[0-9a-f]{64}")


class LockError(Exception):
    """Base of what a lock can be wrong in."""


class NotPinned(LockError):
    """A line names no exact version, or something that cannot be locked (a URL, a path, an option)."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(f"requirements.lock, line {line}: not `name==version` with hashes: {text}")


class NotHashed(LockError):
    """A version is named without a hash, or with a weak one: whoever serves it decides what is installed."""

    def __init__(self, line: int, name: str) -> None:
        super().__init__(
            f"requirements.lock, line {line}: {name} needs sha256 hashes and nothing else: run `make lock`"
        )


class Locked(Struct, frozen=True):
    """One version that may be installed."""

    name: str
    """Normalised: lower case, with dashes."""
    version: str
    marker: str | None
    """Where it is for, as in `sys_platform == 'win32'`; None is everywhere."""
    hashes: frozenset[str]
    """`sha256:…` of each file that may be installed; never empty."""


def normal(name: str) -> str:
    """Return a distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read(text: str) -> list[Locked]:
    """Return every entry of a lock's text, in its order. Raises NotPinned or NotHashed with the line's number."""
    entries: list[Locked] = []
    for number, line in _joined(text):
        match = _ENTRY.fullmatch(line)
        if match is None:
            raise NotPinned(number, line[:80])
        hashes = [option.removeprefix("--hash=") for option in match["hashes"].split()]
        if not hashes or not all(map(_HASH.fullmatch, hashes)):
            raise NotHashed(number, match["name"])
        entries.append(Locked(normal(match["name"]), match["version"], match["marker"], frozenset(hashes)))
    return entries


def _joined(text: str) -> list[tuple[int, str]]:
    """Put continued lines together, each with the number of its first, leaving out comments and empty ones."""
    found: list[tuple[int, str]] = []
    pending, first = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        first = first if pending else number
        pending += line.strip().removesuffix("\\")
        if line.rstrip().endswith("\\"):
            pending += " "
            continue
        if pending.strip() and not pending.lstrip().startswith("#"):
            found.append((first, pending.strip()))
        pending = ""
    return found
