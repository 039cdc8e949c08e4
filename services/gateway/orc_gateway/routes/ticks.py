"""Ticks: what became of each due instant of a job's schedule, and why."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from orc_domain.rejection import NotFound
from orc_domain.streams import job_stream, run_stream
from orc_events.event import Position, Recorded, StreamName
from orc_events.log import EventLog
from orc_gateway.answers import json_answer, next_link
from orc_gateway.guards import ACCESS
from orc_gateway.job_history import JobHistory, JobVersion
from orc_gateway.reads import Reads, Tick, in_time
from orc_gateway.requests import instant
from orc_gateway.why import meant_at
from orc_gateway.why_words import Asked, Why, explain
from orc_runtime.access import Access
from orc_runtime.clock import Clock

TICKS_MAX = 1_000
AT_ONCE_MAX = 2
"""Answers to why that are looked for at the same time; others wait."""
TIME_CHARACTERS_MAX = 64
VERSIONS_MAX = 1_000
"""The newest so many versions are shown."""

Limit = Annotated[int, QueryParameter(ge=1, le=TICKS_MAX, description="At most so many.")]
After = Annotated[
    str | None,
    QueryParameter(
        max_length=TIME_CHARACTERS_MAX, format="date-time", description="Only instants after this time."
    ),
]
Before = Annotated[
    str | None,
    QueryParameter(
        max_length=TIME_CHARACTERS_MAX, format="date-time", description="Only instants before this time."
    ),
]
At = Annotated[
    str,
    QueryParameter(
        max_length=TIME_CHARACTERS_MAX,
        format="date-time",
        description="The time in question, with its offset.",
    ),
]


def tick_routes(reads: Reads, log: EventLog, clock: Clock) -> list[HTTPRouteHandler]:
    """Return the handlers of /jobs/{id}/ticks, /jobs/{id}/why and /jobs/{id}/versions."""
    at_once = asyncio.Semaphore(AT_ONCE_MAX)

    @get(
        "/jobs/{job_id:str}/ticks",
        operation_id="listTicks",
        tags=["jobs"],
        summary="List what became of a schedule's due instants, the newest first",
        opt={ACCESS: Access("viewer", "runs:read")},
    )
    async def list_ticks(
        job_id: FromPath[UUID], after: After = None, before: Before = None, limit: Limit = TICKS_MAX
    ) -> Response[list[Tick]]:
        since = None if after is None else instant(after, "after")
        until = None if before is None else instant(before, "before")
        ticks, has_more = await reads.ticks(job_id, since, until, limit)
        if not ticks:
            await _exists(job_id)
        headers = {}
        if has_more:
            last = _utc(ticks[-1].due_at)
            headers["Link"] = next_link(
                f"/jobs/{job_id}/ticks", after=since and _utc(since), before=last, limit=limit
            )
        return json_answer(ticks, headers)

    @get(
        "/jobs/{job_id:str}/why",
        operation_id="whyTick",
        tags=["jobs"],
        summary="Say in a sentence why a job ran or did not run at a time",
        opt={ACCESS: Access("viewer", "runs:read")},
    )
    async def why_tick(job_id: FromPath[UUID], at: At) -> Response[Why]:
        time = instant(at, "at")
        earlier, later = await reads.ticks_around(job_id, time)
        # The ledger first: what it tells is in the log by then.
        stream = await _stream(job_stream(job_id), job_id)
        async with at_once:
            # Beside the loop: a hundred definitions of many expressions take seconds.
            history = await asyncio.to_thread(JobHistory.of, stream)
            meant = await asyncio.to_thread(meant_at, time, history, earlier, later)
        run, trail = None, list[Recorded]()
        if meant.tick is not None and meant.tick.run_id is not None:
            run = await reads.run(meant.tick.run_id)
            trail = await in_time(log.read_stream(StreamName(run_stream(meant.tick.run_id))))
        asked = Asked(
            job_id=job_id, at=time, now=clock.now(), history=history, meant=meant, run=run, trail=trail
        )
        return json_answer(explain(asked))

    @get(
        "/jobs/{job_id:str}/versions",
        operation_id="listVersions",
        tags=["jobs"],
        summary="List a job's definitions, each with the time it is in force from, the newest first",
        opt={ACCESS: Access("viewer", "jobs:read")},
    )
    async def list_versions(job_id: FromPath[UUID]) -> Response[list[JobVersion]]:
        history = JobHistory.of(await _stream(job_stream(job_id), job_id))
        return json_answer(history.versions()[::-1][:VERSIONS_MAX])

    async def _stream(name: str, job_id: UUID) -> list[Recorded]:
        stream = await in_time(log.read_stream(StreamName(name)))
        if not stream:
            raise NotFound("job", job_id)
        return stream

    async def _exists(job_id: UUID) -> None:
        """Raise NotFound for a job that never was; a deleted one has had its ticks."""
        found, _ = await reads.events(Position(0), 1, stream=job_stream(job_id))
        if not found:
            raise NotFound("job", job_id)

    return [list_ticks, why_tick, list_versions]


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
