"""
The open runs of a job as the log has them now, for the rules of overlap, and the cancelling of those that must give way.

The calendar's fold may be behind the log by some events; they are folded here on top of it, so that a run which was
requested a moment ago counts, and one that has just ended does not.
"""

import asyncio
from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from orc_domain.rejection import Rejected
from orc_domain.run_messages import CancelRun, RunRequested
from orc_domain.streams import run_stream
from orc_events.errors import LogUnavailable, VersionConflict
from orc_events.event import Position, StreamName
from orc_events.handle import handle
from orc_events.log import EventLog
from orc_events.statements import load
from orc_runtime.deciders import RUNS
from orc_scheduler.intents import own_intent

BEHIND_MAX = 5_000
"""Events that are folded here; a calendar further behind has to catch up first."""
CANCELS_AT_ONCE = 100
"""Cancels that the log takes together: one by one a thousand open runs would keep all other schedules waiting."""
ENDS = frozenset({"run.succeeded", "run.failed", "run.cancelled"})

_RUNS_OF_JOBS = load("orc_scheduler", "runs_of_jobs")


async def open_runs_now(
    connection: Any, log: EventLog, job_ids: Collection[UUID]
) -> dict[UUID, set[UUID]] | None:
    """Return the ids of each job's open runs, backfills apart; None when the calendar is too far behind to tell."""
    runs: dict[UUID, set[UUID]] = {job_id: set() for job_id in job_ids}
    if not runs:
        return runs
    rows = await connection.fetch(_RUNS_OF_JOBS, list(runs))
    for row in rows:
        if row["run_id"] is not None:
            runs[row["job_id"]].add(row["run_id"])
    newer = await log.read(Position(rows[0]["position"] if rows else 0), BEHIND_MAX)
    if len(newer) == BEHIND_MAX:
        return None
    for recorded in newer:
        if recorded.type == "run.requested":
            requested = RUNS.codec.decode(recorded)
            assert isinstance(requested, RunRequested)
            if requested.job_id in runs and requested.backfill_id is None:
                runs[requested.job_id].add(requested.run_id)
        elif recorded.type in ENDS:
            run_id = UUID(recorded.stream.removeprefix("run-"))
            for open_runs in runs.values():
                open_runs.discard(run_id)
    return runs


async def cancel_for(log: EventLog, run_ids: Collection[UUID], by: UUID, now: datetime) -> None:
    """Ask the runs to stop, for the run `by` that takes their place; those that have ended meanwhile are left."""
    wanted = sorted(run_ids)
    for start in range(0, len(wanted), CANCELS_AT_ONCE):
        some = wanted[start : start + CANCELS_AT_ONCE]
        await asyncio.gather(*(_cancel(log, run_id, by, now) for run_id in some))


async def _cancel(log: EventLog, run_id: UUID, by: UUID, now: datetime) -> None:
    intent = own_intent(uuid5(by, f"cancel/{run_id}"), now, because_of=by)
    command = CancelRun(f"run {by} takes its place (overlap: cancel_running)")
    try:
        await handle(log, RUNS, StreamName(run_stream(run_id)), command, intent)
    except Rejected:
        pass
    except VersionConflict as error:
        raise LogUnavailable(str(error)) from error
