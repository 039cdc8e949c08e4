"""Postgres' errors, told in ours: whether another try can help, and what was at fault."""

import ssl
from typing import Literal

import asyncpg

from orc_executor.errors import (
    NoSpace,
    SourceMalformed,
    SourceMissing,
    SourceRefused,
    SourceUnavailable,
    TargetLocked,
    TargetUnavailable,
    TargetUnusable,
    TaskError,
    WrongShape,
)

Side = Literal["source", "target"]

_LOCKED = frozenset({"40001", "40P01", "55P03"})
"""Serialization failure, deadlock, lock timeout."""
_PASSING_CLASSES = frozenset({"08", "53", "57", "58", "XX"})
"""Connections, resources, an operator's intervention, the system, a fault of the server."""
_DISK_FULL = "53100"
_MISSING = frozenset({"42P01", "3F000"})
"""No such table, no such schema."""
_REFUSED_CLASSES = frozenset({"28"})
_REFUSED = frozenset({"3D000", "42501"})
"""No such database, no right."""
_DATA_CLASSES = frozenset({"22", "23"})
_CONTEXT_CHARACTERS_MAX = 300


def told(error: Exception, place: str, side: Side) -> TaskError:
    """Return what an error of the driver means, for a source or a target at `place`."""
    unavailable = SourceUnavailable if side == "source" else TargetUnavailable
    refused = SourceRefused if side == "source" else TargetUnusable
    if isinstance(error, ssl.SSLCertVerificationError):
        return refused(
            f"{place}: its certificate cannot be trusted: {error.verify_message}; SSL_CERT_FILE names certificates to "
            "trust, sslmode=require in the URL asks for none"
        )
    if not isinstance(error, asyncpg.PostgresError):
        return unavailable(f"{place} cannot be reached, or broke off: {_plain(error)}")
    state, said = error.sqlstate or "", _said(error)
    if state == _DISK_FULL:
        return NoSpace(f"{place}: {said}")
    if state in _LOCKED:
        return TargetLocked(f"{place}: {said}") if side == "target" else unavailable(f"{place}: {said}")
    if state in _REFUSED or state[:2] in _REFUSED_CLASSES:
        return refused(f"{place}: {said}")
    if state in _MISSING:
        return SourceMissing(f"{place}: {said}") if side == "source" else refused(f"{place}: {said}")
    if state[:2] in _PASSING_CLASSES:
        return unavailable(f"{place}: {said}")
    if state[:2] in _DATA_CLASSES:
        return SourceMalformed(place, said) if side == "source" else WrongShape(f"{place}: {said}")
    return WrongShape(f"{place}: {said}") if side == "source" else TargetUnusable(f"{place}: {said}")


def _said(error: asyncpg.PostgresError) -> str:
    """Return the server's message, with where in the rows it was and what it advises."""
    parts = [str(error.message or error)]
    if (detail := getattr(error, "detail", None)) is not None:
        parts.append(detail)
    if (context := getattr(error, "context", None)) is not None and context.startswith("COPY "):
        parts.append(context[:_CONTEXT_CHARACTERS_MAX])
    if (hint := getattr(error, "hint", None)) is not None:
        parts.append(hint)
    return "; ".join(parts)


def _plain(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
