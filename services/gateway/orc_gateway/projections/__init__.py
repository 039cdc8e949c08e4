"""Folds of events into the read tables."""

from collections.abc import Sequence
from typing import Any

from orc_events.event import Recorded
from orc_events.statements import load
from orc_gateway.projections import jobs, runs

__all__ = ["CHECKPOINT", "TABLES", "TYPES", "apply", "clear"]

CHECKPOINT = "read"
"""The checkpoint's name: all tables move together."""

TABLES = ("jobs", "tasks", "runs", "run_tasks", "run_counts")
TYPES = jobs.JOBS.codec.types | runs.CODEC.types
"""What is folded; every other type only moves the checkpoint."""

_CLEAR = load("orc_gateway", "clear", "queries")


async def apply(connection: Any, batch: Sequence[Recorded]) -> None:
    """Fold a batch into the tables that the connection's search_path shows."""
    await jobs.project(connection, batch)
    await runs.project(connection, batch)


async def clear(connection: Any) -> None:
    """Empty the tables."""
    await connection.execute(_CLEAR)
