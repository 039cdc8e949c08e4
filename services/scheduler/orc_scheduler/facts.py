"""A batch of the log, sorted into what the calendar's folds take: events of jobs, runs, backfills, and instants."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from orc_domain.run_messages import RunRequested
from orc_domain.streams import BACKFILL, JOB, RUN, TICKS
from orc_events.event import Recorded
from orc_runtime.deciders import BACKFILLS, JOBS, RUNS
from orc_scheduler.backfill_rows import BackfillFact
from orc_scheduler.job_rows import JobFact
from orc_scheduler.open_runs import RunFact
from orc_scheduler.tick_events import TICK_EVENTS

_FOLDED_RUN_EVENTS = RUNS.codec.types - {"task.succeeded", "task.failed"}
_UUID_CHARACTERS = 36


class Facts(Struct, frozen=True):
    """What a batch holds for the calendar, each list in the log's order."""

    jobs: list[JobFact]
    runs: list[RunFact]
    backfills: list[BackfillFact]
    accounted: dict[UUID, datetime]
    """The last instant of each job that ended in an event."""


def sort(batch: Sequence[Recorded]) -> Facts:
    """Sort a batch; events of other streams are left out."""
    facts = Facts([], [], [], {})
    for recorded in batch:
        kind = recorded.stream[: -_UUID_CHARACTERS - 1]
        if kind == RUN and recorded.type in _FOLDED_RUN_EVENTS:
            event, run_id = RUNS.codec.decode(recorded), _id_of(recorded)
            facts.runs.append(RunFact(run_id, event, recorded.position, recorded.recorded_at))
            if isinstance(event, RunRequested) and event.triggered_by == "scheduler" and event.due_at:
                _account(facts.accounted, event.job_id, event.due_at)
        elif kind == JOB:
            told = JOBS.codec.decode(recorded)
            facts.jobs.append(JobFact(told, recorded.version, recorded.recorded_at, recorded.position))
        elif kind == TICKS:
            skipped = TICK_EVENTS.decode(recorded)
            _account(facts.accounted, skipped.job_id, skipped.last_due_at)
        elif kind == BACKFILL:
            said = BACKFILLS.codec.decode(recorded)
            facts.backfills.append(BackfillFact(_id_of(recorded), said, recorded.version, recorded.position))
    return facts


def _id_of(recorded: Recorded) -> UUID:
    return UUID(recorded.stream[-_UUID_CHARACTERS:])


def _account(accounted: dict[UUID, datetime], job_id: UUID, due_at: datetime) -> None:
    accounted[job_id] = max(due_at, accounted.get(job_id, due_at))
