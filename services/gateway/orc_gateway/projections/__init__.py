"""Folds of events into the read tables."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from orc_events.event import Recorded
from orc_events.statements import load
from orc_gateway.projections import backfills, jobs, runs, ticks

__all__ = ["CHECKPOINT", "TABLES", "Table", "apply", "clear"]

CHECKPOINT = "read"
"""The checkpoint's name: all tables move together."""

_CLEAR = load("orc_gateway", "clear", "queries")


class Table(Struct, frozen=True):
    """A table that is folded from the log."""

    name: str
    key: str
    """The columns of its primary key."""
    condition: str = "true"
    """Which rows mean something."""


TABLES = (
    Table("jobs", "job_id"),
    Table("tasks", "job_id, task_order"),
    Table("backfills", "backfill_id"),
    Table("runs", "run_id"),
    Table("run_tasks", "run_id, task_order"),
    # A state that no run of the job is in any more keeps its row, at 0.
    Table("run_counts", "job_id, status", "runs <> 0"),
    Table("ticks", "job_id, due_at, position"),
)


async def apply(connection: Any, batch: Sequence[Recorded]) -> None:
    """Fold a batch into the tables that the connection's search_path shows."""
    await jobs.project(connection, batch)
    await runs.project(connection, batch)
    await backfills.project(connection, batch)
    await ticks.project(connection, batch)


async def clear(connection: Any) -> None:
    """Empty the tables."""
    await connection.execute(_CLEAR)
