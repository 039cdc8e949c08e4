"""
Where an incremental task is.

    cursor    of the newest run whose task said one; the target's own copy, which it was read from, is the true one
    set       what somebody set since, until such a run was told to begin there
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from orc_domain.job import JobCursorSet
from orc_domain.rejection import NotFound
from orc_domain.run_messages import RunRequested
from orc_domain.streams import job_stream, run_stream
from orc_events.event import Recorded, StreamName
from orc_events.log import EventLog
from orc_events.statements import load
from orc_gateway.job_history import JobHistory
from orc_gateway.reads import Reads, in_time
from orc_runtime.deciders import JOBS, RUNS

RUNS_MAX = 1_000
"""Runs of the job that are looked through for a cursor, the newest."""
_LAST = load("orc_gateway", "last_cursor", "queries")


class Set(Struct, frozen=True):
    """A cursor that somebody set."""

    value: str | None
    """null begins anew."""
    version: int
    """Of the job since."""
    at: datetime


class CursorView(Struct, frozen=True):
    """Where a task is."""

    cursor: Any
    """{"column", "value"} after the last run that was loaded; null where there is none."""
    set: Set | None
    """Where the next run begins instead; null once a run that began there was loaded."""


async def cursor_of(reads: Reads, log: EventLog, job_id: UUID, order: int) -> CursorView:
    """Return where a task is; raises NotFound for a job or task that is not there, Unavailable."""
    # The table first: what it tells is in the log by then.
    found = await reads.ask(_LAST, job_id, order, RUNS_MAX)
    stream = await in_time(log.read_stream(StreamName(job_stream(job_id))))
    job = JobHistory.of(stream).past[-1].job if stream else None
    if job is None or job.spec is None or job.is_deleted:
        raise NotFound("job", job_id)
    if order > len(job.spec.tasks):
        raise NotFound("task", order)
    last_set = _last_set(stream, order)
    if not found:
        return CursorView(None, last_set)
    run_id, cursor = found[0]
    if last_set is not None and await _began_at(log, run_id, order) >= last_set.version:
        last_set = None
    return CursorView(msgspec.json.decode(cursor), last_set)


def _last_set(stream: Sequence[Recorded], order: int) -> Set | None:
    for recorded in reversed(stream):
        if recorded.type == "job.cursor_set":
            event = JOBS.codec.decode(recorded)
            if isinstance(event, JobCursorSet) and event.task_order == order:
                return Set(event.value, recorded.version, recorded.occurred_at)
    return None


async def _began_at(log: EventLog, run_id: UUID, order: int) -> int:
    """Return the version of the cursor that a run was told to begin at, 0 when none was."""
    trail = await in_time(log.read_stream(StreamName(run_stream(run_id))))
    requested = RUNS.codec.decode(trail[0])
    assert isinstance(requested, RunRequested)
    told = next((task.cursor_set for task in requested.tasks if task.task_order == order), None)
    return told.version if told is not None else 0
