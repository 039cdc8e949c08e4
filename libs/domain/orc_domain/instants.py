"""What an instant of a job is called: the id that its run has, and that its record in the log has, whoever writes it."""

from datetime import UTC, datetime
from uuid import UUID, uuid5

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(at: datetime) -> int:
    """Return an aware time as integer µs since 1970, UTC."""
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def tick_id(job_id: UUID, due_at: datetime) -> UUID:
    """Return the id of a job's instant, which is that of its run: two schedulers, one run."""
    return uuid5(job_id, str(microseconds(due_at)))
