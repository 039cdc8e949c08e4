"""How streams are named, and the one decider of each kind."""

from uuid import UUID

JOB, RUN, TICKS, USER, BACKFILL = "job", "run", "ticks", "user", "backfill"


def job_stream(job_id: UUID) -> str:
    """Return the stream of a job."""
    return f"{JOB}-{job_id}"


def run_stream(run_id: UUID) -> str:
    """Return the stream of a run."""
    return f"{RUN}-{run_id}"


def ticks_stream(job_id: UUID) -> str:
    """Return the stream of a schedule's skipped instants."""
    return f"{TICKS}-{job_id}"


def user_stream(user_id: UUID) -> str:
    """Return the stream of an account."""
    return f"{USER}-{user_id}"


def backfill_stream(backfill_id: UUID) -> str:
    """Return the stream of a backfill."""
    return f"{BACKFILL}-{backfill_id}"
