"""
The calendar's fold of backfills: those under way, how far they have come, and their open runs.

The backfiller writes the same rows in the transaction that asks for a run; the fold counts a run only where nobody has
before. Both lock the backfill's row first, so neither sees half of what the other does.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct, structs

from orc_domain.backfill import (
    BackfillCancelled,
    BackfillCancelRequested,
    BackfillFinished,
    BackfillRequested,
    in_order,
)
from orc_domain.backfill import Event as BackfillEvent
from orc_domain.run_messages import RunCancelled, RunFailed, RunRequested, RunSucceeded
from orc_events.event import Position
from orc_events.statements import load
from orc_scheduler.open_runs import RunFact

_OF_RUNS, _READ, _INSERT, _MOVE, _DELETE = (
    load("orc_scheduler", f"backfills_{name}") for name in ("of_runs", "read", "insert", "move", "delete")
)
_RUNS_INSERT, _RUNS_DELETE = (load("orc_scheduler", f"backfill_runs_{name}") for name in ("insert", "delete"))
_COUNTED: Mapping[type, str] = {RunSucceeded: "succeeded", RunFailed: "failed", RunCancelled: "cancelled"}
"""Where a run that ended so is counted."""


class BackfillFact(Struct, frozen=True):
    """One event of a backfill."""

    backfill_id: UUID
    event: BackfillEvent
    version: int
    position: Position


class _Row(Struct, kw_only=True):
    """A row of `backfills`, what is given once apart; in the order of `backfills_move`."""

    backfill_id: UUID
    version: int
    requested: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    cancel_requested: bool = False


class _Runs(Struct):
    """What a batch says of runs of backfills."""

    begun: dict[UUID, UUID]
    """Their backfills."""
    ended: dict[UUID, str]
    """Where each that ended is counted; runs of no backfill are among them."""


async def apply_backfills(connection: Any, facts: Sequence[BackfillFact], runs: Sequence[RunFact]) -> bool:
    """Fold a batch into `backfills` and `backfill_runs`; returns whether it said anything of a backfill."""
    of = _Runs({}, {})
    for fact in runs:
        if isinstance(fact.event, RunRequested):
            if fact.event.backfill_id is not None:
                of.begun[fact.run_id] = fact.event.backfill_id
        elif counted := _COUNTED.get(type(fact.event)):
            of.ended[fact.run_id] = counted
    touched = {fact.backfill_id for fact in facts} | set(of.begun.values())
    if of.ended:
        touched |= {row["backfill_id"] for row in await connection.fetch(_OF_RUNS, list(of.ended))}
    if touched:
        await _fold(connection, touched, facts, of)
    return bool(touched)


async def _fold(connection: Any, touched: set[UUID], facts: Sequence[BackfillFact], of: _Runs) -> None:
    rows = {row["backfill_id"]: _Row(**row) for row in await connection.fetch(_READ, sorted(touched))}
    # Under the lock: what the backfiller has asked for since is there as well.
    open_runs: dict[UUID, UUID] = dict(await connection.fetch(_OF_RUNS, [*of.begun, *of.ended]))
    known, new, gone = set(open_runs), dict[UUID, BackfillFact](), set[UUID]()
    for fact in facts:
        match fact.event:
            case BackfillRequested():
                rows[fact.backfill_id] = _Row(backfill_id=fact.backfill_id, version=fact.version)
                new[fact.backfill_id] = fact
            case BackfillCancelRequested():
                if row := rows.get(fact.backfill_id):
                    row.version, row.cancel_requested = fact.version, True
            case BackfillFinished() | BackfillCancelled():
                gone.add(fact.backfill_id)
    for run_id, backfill_id in of.begun.items():
        # A backfill that has no row any more has ended; nothing is asked of its runs.
        if run_id not in known and backfill_id in rows:
            rows[backfill_id].requested += 1
            open_runs[run_id] = backfill_id
    ended = [run_id for run_id in of.ended if run_id in open_runs]
    for run_id in ended:
        if row := rows.get(open_runs.pop(run_id)):
            setattr(row, of.ended[run_id], getattr(row, of.ended[run_id]) + 1)
    begun = {
        run_id: owner for run_id, owner in open_runs.items() if run_id not in known and owner not in gone
    }
    await _write(connection, [row for key, row in rows.items() if key not in gone], new, begun)
    if closed := [run_id for run_id in ended if run_id in known]:
        await connection.execute(_RUNS_DELETE, closed)
    if gone:
        await connection.execute(_DELETE, list(gone))


async def _write(
    connection: Any, rows: Sequence[_Row], new: Mapping[UUID, BackfillFact], begun: Mapping[UUID, UUID]
) -> None:
    for row in rows:
        if fact := new.get(row.backfill_id):
            assert isinstance(fact.event, BackfillRequested)
            asked = fact.event
            instants: list[datetime] = in_order(asked.instants, reverse=asked.reverse)
            _, version, *counts = structs.astuple(row)
            await connection.execute(
                _INSERT,
                row.backfill_id,
                asked.job_id,
                version,
                fact.position,
                instants,
                asked.concurrency,
                *counts,
            )
    if moved := [row for row in rows if row.backfill_id not in new]:
        await connection.execute(_MOVE, *zip(*map(structs.astuple, moved), strict=True))
    if begun:
        await connection.execute(_RUNS_INSERT, list(begun), list(begun.values()))
