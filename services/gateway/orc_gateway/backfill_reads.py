"""Backfills as REST shows them: what was asked for, what became of it, and how far its runs are."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from orc_domain.backfill_definitions import BackfillDefinition
from orc_domain.backfill_plan import EarlierRun
from orc_domain.definitions import JobRun
from orc_domain.rejection import Invalid
from orc_events.statements import load
from orc_gateway.reads import NEWEST, Page, Reads

_ONE, _LIST, _COUNT, _POSITION = (
    load("orc_gateway", name, "queries")
    for name in ("backfill", "list_backfills_of_job", "count_backfills_of_job", "backfill_position")
)
_RUNS, _RUNS_COUNT, _RUN_POSITION, _NEWEST_RUNS = (
    load("orc_gateway", name, "queries")
    for name in ("list_runs_of_backfill", "count_runs_of_backfill", "run_position", "newest_runs")
)


class Progress(Struct, frozen=True, kw_only=True):
    """How many runs of a backfill are in each state."""

    requested: int
    """All of them; the sum of the five that follow."""
    queued: int
    running: int
    success: int
    failed: int
    cancelled: int
    remaining: int
    """Instants that no run was requested for yet."""


class BackfillView(BackfillDefinition, frozen=True, kw_only=True):
    """A backfill and how far it is."""

    requested_by: str
    progress: Progress


class BackfillReads:
    """Questions about backfills, asked of the read tables."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def backfill(self, backfill_id: UUID) -> BackfillView | None:
        """Return a backfill, None when there is none."""
        rows = await self._reads.ask(_ONE, backfill_id)
        return _view(rows[0]) if rows else None

    async def of_job(self, job_id: UUID, limit: int, after: UUID | None = None) -> Page[BackfillView]:
        """Return a job's backfills, the newest first; raises Invalid when `after` is no backfill."""
        below = NEWEST if after is None else await self._position(_POSITION, after)
        rows = await self._reads.ask(_LIST, job_id, below, limit + 1)
        total = (await self._reads.ask(_COUNT, job_id))[0][0]
        return Page([_view(row) for row in rows[:limit]], total, len(rows) > limit)

    async def runs(self, backfill_id: UUID, limit: int, after: UUID | None = None) -> Page[JobRun]:
        """Return a backfill's runs, the newest first; raises Invalid when `after` is no run."""
        below = NEWEST if after is None else await self._position(_RUN_POSITION, after)
        rows = await self._reads.ask(_RUNS, backfill_id, below, limit + 1)
        total = (await self._reads.ask(_RUNS_COUNT, backfill_id))[0][0]
        return Page([JobRun(**row) for row in rows[:limit]], total, len(rows) > limit)

    async def newest_runs(self, job_id: UUID, instants: Sequence[datetime]) -> dict[datetime, EarlierRun]:
        """Return the newest run of each instant that has one."""
        rows = await self._reads.ask(_NEWEST_RUNS, job_id, instants)
        return {row["due_at"]: EarlierRun(row["run_id"], row["status"]) for row in rows}

    async def _position(self, query: str, identity: UUID) -> int:
        rows = await self._reads.ask(query, identity)
        if not rows:
            raise Invalid("after", f"there is no {identity} to go on after", valid="an id of an earlier page")
        position: int = rows[0][0]
        return position


def _view(row: Any) -> BackfillView:
    facts = dict(row)
    counts = {name: facts.pop(name) for name in Progress.__struct_fields__ if name != "remaining"}
    progress = Progress(**counts, remaining=facts["total"] - counts["requested"])
    return BackfillView(**facts, progress=progress)
