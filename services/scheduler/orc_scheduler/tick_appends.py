"""
What is appended for judged rows: a run's first event on its own stream, a `tick.skipped` on the job's stream of ticks.

Run or let pass, an instant's command id is its `tick_id`: the log itself answers whoever would record it a second time.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from orc_domain.accounting import Outcome
from orc_domain.instants import tick_id
from orc_domain.job import Job
from orc_domain.requests import request_run
from orc_domain.streams import run_stream, ticks_stream
from orc_domain.ticks import SkipReason, TickSkipped
from orc_domain.zones import TZDATA
from orc_events.errors import NotStorable
from orc_events.event import Append, StreamName, Version
from orc_events.statements import load
from orc_runtime.deciders import RUNS
from orc_scheduler.commands import beginning
from orc_scheduler.intents import own_intent
from orc_scheduler.judging import Judged
from orc_scheduler.tick_events import TICK_EVENTS

_VERSIONS, _KNOWN = load("orc_scheduler", "stream_versions"), load("orc_scheduler", "known_commands")

_logger = structlog.get_logger()


async def appends_of(connection: Any, judged: Sequence[Judged], now: datetime) -> list[Append]:
    """Return the appends of these rows, each row's in order of its instants."""
    skipping = [one for one in judged if one.skipped]
    versions = dict[str, int]()
    known = set[UUID]()
    if skipping:
        versions = dict(await connection.fetch(_VERSIONS, [_ticks(one.job_id) for one in skipping]))
        first = [tick_id(one.job_id, outcome.due_at) for one in skipping for outcome, _ in one.skipped]
        known = {row["command_id"] for row in await connection.fetch(_KNOWN, first)}
    return [item for one in judged for item in _of_row(one, versions.get(_ticks(one.job_id), 0), known, now)]


def _of_row(one: Judged, version: int, known: set[UUID], now: datetime) -> list[Append]:
    items = list[Append]()
    for outcome in one.outcomes:
        reason = outcome.reason
        if reason is None:
            try:
                items.append(request_of(one.job, outcome.due_at, now))
                continue
            except NotStorable as error:
                # The job is just small enough for the log and its run is not: its schedule must not stop the others.
                _logger.warning("a run cannot be recorded", job_id=str(one.job_id), reason=str(error))
                reason = "not-storable"
        if tick_id(one.job_id, outcome.due_at) not in known:
            items.append(skip_of(one.job, outcome, reason, Version(version), now))
            version += 1
    return items


def request_of(job: Job, due_at: datetime, now: datetime) -> Append:
    """Return what requests the run of an instant; raises NotStorable."""
    assert job.job_id is not None
    run_id = tick_id(job.job_id, due_at)
    command = request_run(job, run_id, "scheduler", due_at=due_at, tzdata=TZDATA)
    return beginning(RUNS, run_stream(run_id), command, own_intent(run_id, now))


def skip_of(job: Job, outcome: Outcome, reason: SkipReason, version: Version, now: datetime) -> Append:
    """Return what records that instants were let pass, at the version of the job's stream of ticks."""
    assert job.job_id is not None
    skipped = TickSkipped(
        job_id=job.job_id, due_at=outcome.due_at, last_due_at=outcome.last_due_at, count=outcome.count,
        reason=reason, job_version=job.version, tzdata=TZDATA,
    )  # fmt: skip
    intent = own_intent(tick_id(job.job_id, outcome.due_at), now)
    return Append(
        command_id=intent.command_id,
        body_hash=intent.body_hash,
        stream=_ticks(job.job_id),
        expected_version=version,
        events=(TICK_EVENTS.encode(skipped),),
        actor=intent.actor,
        correlation_id=intent.correlation_id,
        occurred_at=intent.occurred_at,
    )


def _ticks(job_id: UUID) -> StreamName:
    return StreamName(ticks_stream(job_id))
