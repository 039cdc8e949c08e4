"""When a failed attempt is tried again."""

from datetime import datetime, timedelta

from msgspec import Struct


class Policy(Struct, frozen=True, kw_only=True):
    """The limits of one run, written into its first event so that a later change of defaults changes no past run."""

    attempts_max: int = 3
    """Attempts that failed by themselves; lost ones are not among them."""
    losses_max: int = 20
    """Attempts whose executor vanished; past it the run is only settled by its receipts."""
    first_delay_seconds: float = 2.0
    delay_max_seconds: float = 60.0
    queue_timeout_seconds: float = 86_400.0
    """How long a run may wait for its first claim."""
    run_timeout_seconds: float = 86_400.0
    """How long all attempts together may take, from the first claim on."""
    task_timeout_seconds: float = 21_600.0


_DOUBLINGS_MAX = 64
"""A settle attempt is repeated for as long as its file cannot be read; a power of two that large has no float."""


def retry_at(policy: Policy, failures: int, at: datetime, jitter: float) -> datetime:
    """
    Return when to try again after the `failures`-th failure (from 1).

    Exponential from `first_delay_seconds`, capped; `jitter` in [0, 1) spreads it over the upper half of the delay, so
    that runs which failed together do not come back together.
    """
    delay = min(policy.first_delay_seconds * 2 ** min(failures - 1, _DOUBLINGS_MAX), policy.delay_max_seconds)
    return at + timedelta(seconds=delay * (0.5 + jitter / 2))
