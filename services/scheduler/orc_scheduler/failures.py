"""Failed runs in a row, counted for jobs that are paused after so many."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from orc_events.event import Position
from orc_events.statements import load

_FAILED, _OF_BACKFILLS = load("orc_scheduler", "jobs_failed"), load("orc_scheduler", "backfill_runs_of")


class RunEnd(Struct, frozen=True):
    """How a run ended, and whose it was."""

    run_id: UUID
    job_id: UUID
    how: Literal["run.succeeded", "run.failed"]
    position: Position


async def apply_failures(connection: Any, ends: Sequence[RunEnd], renewed: Mapping[UUID, Position]) -> bool:
    """
    Count the ends of a batch, in order; says whether any was a failure.

    Cancelled runs count for nothing, and neither do those of backfills, nor what ended before its job's schedule began
    anew in the same batch, at the position in `renewed`.
    """
    counts: dict[UUID, tuple[int, bool, UUID | None]] = {}
    rows = await connection.fetch(_OF_BACKFILLS, [end.run_id for end in ends]) if ends else ()
    of_backfills = {row["run_id"] for row in rows}
    for end in ends:
        if end.run_id in of_backfills or end.position < renewed.get(end.job_id, 0):
            continue
        failures, begins_anew, _ = counts.get(end.job_id, (0, False, None))
        counts[end.job_id] = (
            (failures + 1, begins_anew, end.run_id) if end.how == "run.failed" else (0, True, None)
        )
    if counts:
        await connection.execute(
            _FAILED,
            list(counts),
            *(list(column) for column in zip(*counts.values(), strict=True)),
        )
    return any(failures for failures, *_ in counts.values())
