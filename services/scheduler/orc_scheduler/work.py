"""Which events are work: a requested run, for the executors of its pool."""

from orc_domain.run_messages import RunRequested
from orc_events.event import Recorded
from orc_events.topology import work_subject
from orc_runtime.deciders import RUNS

REQUESTED = "run.requested"


def work_of(recorded: Recorded) -> str | None:
    """Return the subject an event is published on as work, beside its own; None for all but requested runs."""
    if recorded.type != REQUESTED:
        return None
    event = RUNS.codec.decode(recorded)
    assert isinstance(event, RunRequested)
    return work_subject(event.pool)
