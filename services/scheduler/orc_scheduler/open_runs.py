"""
The fold of runs that have not ended: what the rescuer drives on, what a job's deletion asks for.

`send_after` is when a work message is due should the run still be queued: 5 s after the request (the relay sent the
first), at `retry_at` after a failed attempt, at once for a cancel that only an executor can settle.

A run with a limit (`concurrency_max`) is held: it has no message before fewer than so many older runs of its job are
open. That keeps a long queue of one job from others' executors, and its runs in order; the limit itself is kept by the
executors' slots.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct, structs

from orc_domain.run_messages import Event as RunEvent
from orc_domain.run_messages import (
    RunAttemptFailed,
    RunCancelled,
    RunCancelRequested,
    RunFailed,
    RunRequested,
    RunStarted,
    RunSucceeded,
)
from orc_events.event import Position
from orc_events.statements import load
from orc_scheduler.failures import RunEnd

UNCLAIMED_SECONDS = 5.0

_READ, _PUT, _DELETE, _LET_GO = (
    load("orc_scheduler", name) for name in ("runs_read", "runs_put", "runs_delete", "runs_let_go")
)


class OpenRun(Struct, frozen=True, kw_only=True):
    """A row of `open_runs`, its fields in the order of the columns."""

    run_id: UUID
    job_id: UUID
    pool: str
    status: Literal["queued", "running"]
    attempt: int
    cancel_requested: bool
    requested_position: Position
    requested_at: datetime
    queue_until: datetime
    claimed_at: datetime | None
    send_after: datetime | None
    sends: int
    concurrency_max: int | None
    is_held: bool
    priority: int


class RunFact(Struct, frozen=True):
    """One event of a run."""

    run_id: UUID
    event: RunEvent
    position: Position
    recorded_at: datetime


class Folded(Struct, frozen=True):
    """What others want to know of a batch."""

    ends: list[RunEnd]
    """The runs that succeeded or failed, in order; those of backfills that also began here are left out."""
    has_let_go: bool
    """Whether runs were let go that waited for their turn, so that they want work sent."""
    urgent: dict[str, int]
    """The highest priority above 0 of runs that have begun to wait and were sent, by pool."""


async def apply_runs(connection: Any, facts: Sequence[RunFact]) -> Folded:
    """Fold a batch of run events into `open_runs`; a run that begins and ends within it is never written."""
    ends = list[RunEnd]()
    begun = {fact.run_id for fact in facts if isinstance(fact.event, RunRequested)}
    earlier = list({fact.run_id for fact in facts} - begun)
    runs: dict[UUID, OpenRun | None] = {}
    if earlier:
        runs = {row["run_id"]: OpenRun(**row) for row in await connection.fetch(_READ, earlier)}
    was_open = set(runs)
    of_backfills = {
        fact.run_id for fact in facts if isinstance(fact.event, RunRequested) and fact.event.backfill_id
    }
    for fact in facts:
        run = runs.get(fact.run_id)
        is_end = isinstance(fact.event, RunSucceeded | RunFailed)
        if run is not None and is_end and fact.run_id not in of_backfills:
            how: Literal["run.succeeded", "run.failed"]
            how = "run.failed" if isinstance(fact.event, RunFailed) else "run.succeeded"
            ends.append(RunEnd(fact.run_id, run.job_id, how, fact.position))
        runs[fact.run_id] = evolve_open(run, fact)
    ended = [run_id for run_id in was_open if runs[run_id] is None]
    waiting = {run.job_id for run in runs.values() if run is not None and run.is_held}
    if ended:
        waiting |= {row["job_id"] for row in await connection.fetch(_DELETE, ended)}
    kept = [run for run in runs.values() if run is not None]
    if kept:
        await connection.execute(_PUT, *zip(*map(structs.astuple, kept), strict=True))
    has_let_go = bool(waiting and await connection.fetch(_LET_GO, sorted(waiting)))
    return Folded(
        ends,
        has_let_go,
        most_urgent((run.pool, run.priority) for run in kept if run.status == "queued" and run.sends),
    )


def most_urgent(waiting: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return the highest priority above 0 of each pool, of (pool, priority) of runs that wait."""
    top: dict[str, int] = {}
    for pool, priority in waiting:
        if priority > top.get(pool, 0):
            top[pool] = priority
    return top


def evolve_open(run: OpenRun | None, fact: RunFact) -> OpenRun | None:
    """Return the open run after an event; None once it has ended."""
    at = fact.recorded_at
    match fact.event:
        case RunRequested(job_id=job_id, pool=pool, policy=policy, concurrency_max=limit, priority=priority):
            is_held = limit is not None
            return OpenRun(
                run_id=fact.run_id, job_id=job_id, pool=pool, status="queued", attempt=0, cancel_requested=False,
                requested_position=fact.position, requested_at=at,
                queue_until=at + timedelta(seconds=policy.queue_timeout_seconds), claimed_at=None,
                send_after=None if is_held else at + timedelta(seconds=UNCLAIMED_SECONDS),
                sends=0 if is_held else 1, concurrency_max=limit, is_held=is_held, priority=priority,
            )  # fmt: skip
        case RunSucceeded() | RunFailed() | RunCancelled():
            return None
    if run is None:
        return None
    match fact.event:
        case RunStarted(attempt=attempt):
            return structs.replace(
                run, status="running", attempt=attempt, claimed_at=at, send_after=None, sends=0, is_held=False
            )
        case RunAttemptFailed(retry_at=retry_at):
            return structs.replace(run, status="queued", claimed_at=None, send_after=retry_at, sends=0)
        case RunCancelRequested():
            if run.status == "queued" and run.attempt > 0:
                return structs.replace(run, cancel_requested=True, send_after=at, sends=0)
            return structs.replace(run, cancel_requested=True)
    return run
