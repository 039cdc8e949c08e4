"""How streams are named, and the one decider of each kind."""

from uuid import UUID

JOB, RUN, TICKS, USER, BACKFILL = "job", "run", "ticks", "user", "backfill"
SESSION, API_KEY, SIGNING_KEY, SECRET = "session", "api_key", "signing_key", "secret"


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


def session_stream(session_id: UUID) -> str:
    """Return the stream of a session."""
    return f"{SESSION}-{session_id}"


def api_key_stream(key_id: str) -> str:
    """Return the stream of an API key, by its public part."""
    return f"{API_KEY}-{key_id}"


def signing_key_stream(kid: str) -> str:
    """Return the stream of a key that signs tokens."""
    return f"{SIGNING_KEY}-{kid}"


def secret_stream(name: str) -> str:
    """Return the stream of a secret of the store."""
    return f"{SECRET}-{name}"
