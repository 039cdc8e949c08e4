"""Failed runs in a row, counted for jobs that are paused after so many."""

from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from orc_events.statements import load

_FAILED = load("orc_scheduler", "jobs_failed")


class RunEnd(Struct, frozen=True):
    """How a run ended, and whose it was."""

    run_id: UUID
    job_id: UUID
    how: Literal["run.succeeded", "run.failed"]


async def apply_failures(connection: Any, ends: Sequence[RunEnd]) -> bool:
    """Count the ends of a batch, in order; says whether any was a failure. Cancelled runs count for nothing."""
    counts: dict[UUID, tuple[int, bool, UUID | None]] = {}
    for end in ends:
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
