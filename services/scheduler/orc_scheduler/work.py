"""
Which events are work: a requested run, for the executors of its pool.

A run that may have to wait for others of its job is not sent at once: the rescuer sends it when its turn has come.
"""

from orc_domain.run_messages import RunRequested
from orc_events.event import Recorded
from orc_events.topology import work_subject
from orc_runtime.deciders import RUNS

REQUESTED = "run.requested"


def work_of(recorded: Recorded) -> str | None:
    """Return the subject the relay publishes an event on as work, beside its own; None when it does not."""
    if recorded.type != REQUESTED:
        return None
    event = _requested(recorded)
    return work_subject(event.pool) if event.concurrency_max is None else None


def work_again_of(recorded: Recorded) -> str:
    """Return the subject that the rescuer publishes a requested run on."""
    return work_subject(_requested(recorded).pool)


def _requested(recorded: Recorded) -> RunRequested:
    event = RUNS.codec.decode(recorded)
    assert isinstance(event, RunRequested)
    return event
