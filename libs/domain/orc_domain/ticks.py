"""
What became of due instants that were not run: the stream `ticks-<job>`, which no command folds.

Every due instant of a schedule ends in exactly one event: a `run.requested`, or the `tick.skipped` whose span holds it.
"""

from datetime import datetime
from uuid import UUID

from msgspec import Struct


class TickSkipped(Struct, frozen=True, kw_only=True, tag_field="type", tag="tick.skipped"):
    """The instants from `due_at` to `last_due_at` of a schedule were let pass."""

    job_id: UUID
    due_at: datetime
    last_due_at: datetime
    count: int
    """How many due instants the span holds, both ends included."""
    reason: str
    """`missed`: they were due while no scheduler ran, longer ago than the catch-up window."""
