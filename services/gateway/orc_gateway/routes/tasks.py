"""Tasks: what one would extract and load, before a job has it."""

from litestar import Response, post
from litestar.handlers import HTTPRouteHandler

from orc_domain.egress import EgressPolicy
from orc_domain.previews import TaskPreview
from orc_events.bus import Bus
from orc_gateway.answers import json_answer
from orc_gateway.bodies import TaskPreviewBody, read_body
from orc_gateway.guards import ACCESS
from orc_gateway.problems import Unavailable
from orc_gateway.requests import AnyRequest
from orc_gateway.sql_rights import SqlRights, sql_of_task
from orc_gateway.task_preview import ask, timetable_of, wish_of
from orc_runtime.access import Access
from orc_runtime.clock import Clock

AT_ONCE_MAX = 64
"""Previews that are waited for; more callers are told to come again."""


def task_routes(
    bus: Bus, egress: EgressPolicy, clock: Clock, sql_rights: SqlRights
) -> list[HTTPRouteHandler]:
    """Return the handler of /tasks/preview."""
    under_way = 0

    # It changes nothing, but has files read, and requests made with secrets: no viewer may.
    @post(
        "/tasks/preview",
        status_code=200,
        operation_id="previewTask",
        tags=["jobs"],
        summary="Show the first rows of a task's source, and what a load would do; nothing is written",
        opt={ACCESS: Access("operator", "jobs:write")},
    )
    async def preview_task(request: AnyRequest) -> Response[TaskPreview]:
        nonlocal under_way
        body = await read_body(request, TaskPreviewBody)
        wish = wish_of(body, egress, clock.now())
        sql_rights.check(request, sql_of_task(body.extractor_config, body.loader_config, timetable_of(body)))
        if under_way >= AT_ONCE_MAX:
            raise Unavailable("too many previews are under way", code="busy")
        under_way += 1
        try:
            return json_answer(await ask(bus, body.pool, wish))
        finally:
            under_way -= 1

    return [preview_task]
