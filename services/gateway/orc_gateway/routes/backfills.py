"""
Backfills: run a job for past instants, look, stop.

    the job as the log has it → its instants in the range → less those that `reprocess` leaves out of those with runs
        dry_run    answered
        else       given as a command that lists them, so that what was shown is what is run
"""

import asyncio
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from orc_domain.backfill import Reprocess, check_range
from orc_domain.backfill_definitions import BackfillDefinition, BackfillWithInstants
from orc_domain.backfill_plan import InstantPlan, SkippedInstant, instants_within, plan_instants
from orc_domain.definitions import JobRun
from orc_domain.job import Job
from orc_domain.job_spec import timing_of
from orc_domain.rejection import NotFound
from orc_domain.streams import job_stream
from orc_domain.timetable import parse_timetable
from orc_domain.wire import WireCancelBackfill, WireRequestBackfill
from orc_events.event import StreamName
from orc_events.handle import load
from orc_events.log import EventLog
from orc_gateway.answers import done_answer, json_answer, page_answer, position_headers
from orc_gateway.backfill_reads import BackfillReads, BackfillView
from orc_gateway.bodies import BackfillBody, CancelBody, read_body
from orc_gateway.commands import Commands
from orc_gateway.guards import ACCESS
from orc_gateway.problems import Unavailable
from orc_gateway.reads import Reads, in_time
from orc_gateway.requests import AnyRequest, caller_of
from orc_gateway.shown import Shown
from orc_runtime.access import Access
from orc_runtime.clock import Clock
from orc_runtime.deciders import JOBS

BACKFILLS_MAX = 1_000
CURRENT_SECONDS_MAX = 0.5
"""How long the read tables are waited for: a run they do not tell of yet would be requested again."""

Limit = Annotated[int, QueryParameter(ge=1, le=BACKFILLS_MAX, description="At most so many.")]


class BackfillPlan(Struct, frozen=True, kw_only=True):
    """What a backfill runs."""

    backfill_id: UUID | None
    """None of a dry run."""
    job_id: UUID
    dry_run: bool
    start: datetime
    end: datetime
    reprocess: Reprocess
    concurrency: int
    reverse: bool
    instants: tuple[datetime, ...]
    """Those that are run, the oldest first, whatever `reverse` says."""
    skipped: tuple[SkippedInstant, ...]
    """Those of the range that are not, each with the run that is why."""


def backfill_routes(
    commands: Commands, reads: Reads, log: EventLog, shown: Shown, clock: Clock
) -> list[HTTPRouteHandler]:
    """Return the handlers of /jobs/…/backfills and /backfills."""
    backfills = BackfillReads(reads)

    @post(
        "/jobs/{job_id:str}/backfills",
        status_code=200,
        operation_id="createBackfill",
        tags=["backfills"],
        summary="Run a job for past instants of its schedule, or list them",
        opt={ACCESS: Access("operator", "runs:write")},
    )
    async def create_backfill(request: AnyRequest, job_id: FromPath[UUID]) -> Response[BackfillPlan]:
        body = await read_body(request, BackfillBody)
        caller = caller_of(request)
        job, plan = await _look_up(job_id, body)
        if body.dry_run:
            return json_answer(_plan(job_id, body, None, plan.instants, plan.skipped))
        command = WireRequestBackfill(
            job_id=job_id, job_version=job.version, start=body.start, end=body.end, instants=plan.instants,
            skipped=len(plan.skipped), reprocess=body.reprocess, concurrency=body.concurrency, reverse=body.reverse,
        )  # fmt: skip
        # The wish is the body: asked for again, the instants have runs, and the wish is still the same.
        done = await commands.give(command, caller, wish=body)
        made = msgspec.json.decode(done.body, type=BackfillWithInstants)
        # Of a repeat the instants count that were recorded, and all others of the range are those left out.
        skipped = tuple(one for one in plan.skipped if one.due_at not in set(made.instants))
        answer = _plan(job_id, body, made.backfill_id, made.instants, skipped)
        return json_answer(answer, position_headers(done))

    @get(
        "/jobs/{job_id:str}/backfills",
        operation_id="listBackfills",
        tags=["backfills"],
        summary="List a job's backfills, the newest first",
        opt={ACCESS: Access("viewer", "runs:read")},
    )
    async def list_backfills(
        job_id: FromPath[UUID], limit: Limit = BACKFILLS_MAX, after: FromQuery[UUID | None] = None
    ) -> Response[list[BackfillView]]:
        page = await backfills.of_job(job_id, limit, after)
        last = page.items[-1].backfill_id if page.items else None
        return page_answer(page, f"/jobs/{job_id}/backfills", last, limit=limit)

    @get(
        "/backfills/{backfill_id:str}",
        operation_id="getBackfill",
        tags=["backfills"],
        summary="Show a backfill and how far it is",
        opt={ACCESS: Access("viewer", "runs:read")},
    )
    async def get_backfill(backfill_id: FromPath[UUID]) -> Response[BackfillView]:
        return json_answer(await _backfill(backfill_id))

    @get(
        "/backfills/{backfill_id:str}/runs",
        operation_id="listBackfillRuns",
        tags=["backfills"],
        summary="List a backfill's runs, the newest first",
        opt={ACCESS: Access("viewer", "runs:read")},
    )
    async def list_backfill_runs(
        backfill_id: FromPath[UUID], limit: Limit = BACKFILLS_MAX, after: FromQuery[UUID | None] = None
    ) -> Response[list[JobRun]]:
        await _backfill(backfill_id)
        page = await backfills.runs(backfill_id, limit, after)
        last = page.items[-1].run_id if page.items else None
        return page_answer(page, f"/backfills/{backfill_id}/runs", last, limit=limit)

    @post(
        "/backfills/{backfill_id:str}/cancel",
        status_code=200,
        operation_id="cancelBackfill",
        tags=["backfills"],
        summary="Stop a backfill and its open runs",
        opt={ACCESS: Access("operator", "runs:write")},
    )
    async def cancel_backfill(
        request: AnyRequest, backfill_id: FromPath[UUID]
    ) -> Response[BackfillDefinition]:
        body = await read_body(request, CancelBody, required=False)
        command = WireCancelBackfill(backfill_id=backfill_id, reason=body.reason)
        return done_answer(await commands.give(command, caller_of(request)))

    async def _look_up(job_id: UUID, body: BackfillBody) -> tuple[Job, InstantPlan]:
        """Return the job and what is run of it; raises Invalid, NotFound and Unavailable."""
        now = clock.now()
        check_range(body.start, body.end, now)
        job = (await in_time(load(log, JOBS, StreamName(job_stream(job_id))))).state
        if not job.exists or job.spec is None:
            raise NotFound("job", job_id)
        timetable = parse_timetable(timing_of(job.spec))
        # Thousands of instants take a tenth of a second, in which others are answered.
        instants = await asyncio.to_thread(instants_within, timetable, job_id, body.start, body.end, now)
        if not await shown.passed(await in_time(log.head()), CURRENT_SECONDS_MAX):
            raise Unavailable("the read tables do not tell yet which instants have a run")
        return job, plan_instants(instants, await backfills.newest_runs(job_id, instants), body.reprocess)

    async def _backfill(backfill_id: UUID) -> BackfillView:
        found = await backfills.backfill(backfill_id)
        if found is None:
            raise NotFound("backfill", backfill_id)
        return found

    return [create_backfill, list_backfills, get_backfill, list_backfill_runs, cancel_backfill]


def _plan(
    job_id: UUID,
    body: BackfillBody,
    backfill_id: UUID | None,
    instants: tuple[datetime, ...],
    skipped: tuple[SkippedInstant, ...],
) -> BackfillPlan:
    return BackfillPlan(
        backfill_id=backfill_id, job_id=job_id, dry_run=body.dry_run, start=body.start, end=body.end,
        reprocess=body.reprocess, concurrency=body.concurrency, reverse=body.reverse, instants=instants,
        skipped=skipped,
    )  # fmt: skip
