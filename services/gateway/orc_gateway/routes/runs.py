"""Runs: look, follow, cancel, retry."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter

from orc_domain.definitions import JobRun
from orc_domain.rejection import NotFound
from orc_domain.run_messages import Status
from orc_domain.streams import run_stream
from orc_domain.wire import WireCancelRun, WireRetryRun
from orc_events.bus import Bus
from orc_events.event import Position, Recorded, StreamName
from orc_events.log import EventLog
from orc_gateway.answers import done_answer, json_answer, nothing_more, page_answer, stream_answer
from orc_gateway.bodies import CancelBody, NoBody, read_body
from orc_gateway.commands import Commands
from orc_gateway.guards import ACCESS
from orc_gateway.live import MayGoOn, Tail
from orc_gateway.reads import Reads, in_time
from orc_gateway.requests import AnyRequest, caller_of, may_go_on, resume_after, wants_stream
from orc_gateway.run_tasks import TaskView, show_tasks
from orc_gateway.sse import FINAL, EventView, follow_run, view
from orc_runtime.access import Access

RUNS_MAX = 1_000

Limit = Annotated[int, QueryParameter(ge=1, le=RUNS_MAX, description="At most so many.")]


def run_routes(
    commands: Commands, reads: Reads, log: EventLog, tail: Tail, bus: Bus
) -> list[HTTPRouteHandler]:
    """Return the handlers of /runs."""

    @get(
        "/runs",
        operation_id="listRuns",
        tags=["runs"],
        summary="List runs, the newest first",
        opt={ACCESS: Access("viewer", "runs:read")},
    )
    async def list_runs(
        job_id: FromQuery[UUID | None] = None,
        status: FromQuery[Status | None] = None,
        limit: Limit = RUNS_MAX,
        after: FromQuery[UUID | None] = None,
    ) -> Response[list[JobRun]]:
        page = await reads.runs(limit, after, job_id=job_id, status=status)
        last = page.items[-1].run_id if page.items else None
        return page_answer(page, "/runs", last, job_id=job_id, status=status, limit=limit)

    @get(
        "/runs/{run_id:str}",
        operation_id="getRun",
        tags=["runs"],
        summary="Show a run",
        opt={ACCESS: Access("viewer", "runs:read")},
    )
    async def get_run(run_id: FromPath[UUID]) -> Response[JobRun]:
        return json_answer(await _run(run_id))

    @get(
        "/runs/{run_id:str}/tasks",
        operation_id="listRunTasks",
        tags=["runs"],
        summary="Show a run's tasks",
        opt={ACCESS: Access("viewer", "runs:read")},
    )
    async def list_run_tasks(run_id: FromPath[UUID]) -> Response[list[TaskView]]:
        # The table first: what it tells is in the log by then.
        run, outcomes = await _run(run_id), await reads.task_outcomes(run_id)
        return json_answer(show_tasks(await _trail(run_id), run, outcomes))

    @get(
        "/runs/{run_id:str}/events",
        operation_id="listRunEvents",
        tags=["runs"],
        summary="Show or follow a run's events",
        opt={ACCESS: Access("viewer", "runs:read")},
    )
    async def list_run_events(request: AnyRequest, run_id: FromPath[UUID]) -> Response[list[EventView]]:
        after = resume_after(request) or Position(0)
        if not wants_stream(request):
            return json_answer([view(recorded) for recorded in await _trail(run_id)])
        tail.refuse_when_full()
        head = await in_time(log.head())
        past = await _trail(run_id)
        if past[-1].type in FINAL and past[-1].position <= after:
            return nothing_more()
        return stream_answer(_live(run_id, head, past, after, may_go_on(request)))

    async def _live(
        run_id: UUID, head: Position, past: list[Recorded], after: Position, allowed: MayGoOn
    ) -> AsyncIterator[bytes]:
        with tail.watch(allowed) as watcher:
            progress = await bus.listen(f"orc.progress.{run_id}", watcher.hear)
            try:
                async for chunk in follow_run(tail, watcher, head, past, after):
                    yield chunk
            finally:
                await progress.unsubscribe()

    @post(
        "/runs/{run_id:str}/cancel",
        status_code=200,
        operation_id="cancelRun",
        tags=["runs"],
        summary="Stop a run",
        opt={ACCESS: Access("operator", "runs:write")},
    )
    async def cancel_run(request: AnyRequest, run_id: FromPath[UUID]) -> Response[JobRun]:
        body = await read_body(request, CancelBody, required=False)
        done = await commands.give(WireCancelRun(run_id=run_id, reason=body.reason), caller_of(request))
        return done_answer(done)

    @post(
        "/runs/{run_id:str}/retry",
        status_code=200,
        operation_id="retryRun",
        tags=["runs"],
        summary="Run an ended run's work again, without the tasks that were loaded",
        opt={ACCESS: Access("operator", "runs:write")},
    )
    async def retry_run(request: AnyRequest, run_id: FromPath[UUID]) -> Response[JobRun]:
        await read_body(request, NoBody, required=False)
        return done_answer(await commands.give(WireRetryRun(run_id=run_id), caller_of(request)))

    async def _run(run_id: UUID) -> JobRun:
        run = await reads.run(run_id)
        if run is None:
            raise NotFound("run", run_id)
        return run

    async def _trail(run_id: UUID) -> list[Recorded]:
        trail = await in_time(log.read_stream(StreamName(run_stream(run_id))))
        if not trail:
            raise NotFound("run", run_id)
        return trail

    return [list_runs, get_run, list_run_tasks, list_run_events, cancel_run, retry_run]
