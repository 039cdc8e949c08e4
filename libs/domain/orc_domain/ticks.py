"""
What became of due instants that were not run: the stream `ticks-<job>`, which no command folds.

Every due instant of a schedule ends in exactly one event: a `run.requested`, or the `tick.skipped` whose span holds it.
Both are keyed by job and instant alone, whatever version of the job or which of its schedules named it.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

SkipReason = Literal[
    "missed",
    "deadline",
    "overlap",
    "over-cap",
    "paused",
    "excluded",
    "dst-gap",
    "replaced",
    "deleted",
    "not-storable",
]

REASONS: dict[SkipReason, str] = {
    "missed": "nobody asked for it in time, and catch_up lets it pass",
    "deadline": "it was later than start_deadline_seconds allows",
    "overlap": "an earlier run of the job was still open",
    "over-cap": "there were more than overlap.max waiting, or catch_up.max missed",
    "paused": "the schedule was paused",
    "excluded": "the schedule excludes it",
    "dst-gap": "the clocks left this time out",
    "replaced": "the schedule was changed before it was accounted for",
    "deleted": "the job was deleted before it was accounted for",
    "not-storable": "the job is too large for a run of it to be recorded",
}
"""Each reason as the end of a sentence that begins with "it was let pass:"."""


class TickSkipped(Struct, frozen=True, kw_only=True, tag_field="type", tag="tick.skipped"):
    """The instants from `due_at` to `last_due_at` of a schedule were let pass."""

    job_id: UUID
    due_at: datetime
    last_due_at: datetime
    count: int
    """How many due instants the span holds, both ends included."""
    reason: str
    """A `SkipReason`; text, so that a reason which another version knows can be read."""
    job_version: int = 0
    """The job's version when this was decided."""
    tzdata: str | None = None
    """The release of the tz database that said where the clocks change."""
