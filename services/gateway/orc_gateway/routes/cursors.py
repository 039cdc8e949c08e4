"""Cursors: where an incremental task is, and where its next run is to begin."""

from typing import Annotated
from uuid import UUID

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, PathParameter

from orc_domain.definitions import JobWithTasks
from orc_domain.job_spec import TASKS_MAX
from orc_domain.wire import WireSetCursor
from orc_events.log import EventLog
from orc_gateway.answers import done_answer, json_answer
from orc_gateway.bodies import CursorBody, read_body
from orc_gateway.commands import Commands
from orc_gateway.cursors import CursorView, cursor_of
from orc_gateway.guards import ACCESS
from orc_gateway.reads import Reads
from orc_gateway.requests import AnyRequest, caller_of, expected_version
from orc_runtime.access import Access

Order = Annotated[int, PathParameter(ge=1, le=TASKS_MAX, description="The task's place, from 1.")]


def cursor_routes(commands: Commands, reads: Reads, log: EventLog) -> list[HTTPRouteHandler]:
    """Return the handlers of /jobs/{job_id}/tasks/{task_order}/cursor."""

    @get(
        "/jobs/{job_id:str}/tasks/{task_order:int}/cursor",
        operation_id="getCursor",
        tags=["jobs"],
        summary="Show where a task is, and where its next run was told to begin",
        opt={ACCESS: Access("viewer", "jobs:read")},
    )
    async def get_cursor(job_id: FromPath[UUID], task_order: Order) -> Response[CursorView]:
        return json_answer(await cursor_of(reads, log, job_id, task_order))

    @post(
        "/jobs/{job_id:str}/tasks/{task_order:int}/cursor",
        status_code=200,
        operation_id="setCursor",
        tags=["jobs"],
        summary="Say where a task's next run begins; null begins anew",
        opt={ACCESS: Access("operator", "jobs:write")},
    )
    async def set_cursor(
        request: AnyRequest, job_id: FromPath[UUID], task_order: Order
    ) -> Response[JobWithTasks]:
        version = expected_version(request, required=False)
        body = await read_body(request, CursorBody)
        command = WireSetCursor(
            job_id=job_id, task_order=task_order, value=body.value, expected_version=version
        )
        return done_answer(await commands.give(command, caller_of(request)), etag=True)

    return [get_cursor, set_cursor]
