"""Schedules: what an expression means, before a job has it."""

import asyncio

from litestar import Response, post
from litestar.handlers import HTTPRouteHandler

from orc_gateway.answers import json_answer
from orc_gateway.bodies import PreviewBody, read_body
from orc_gateway.guards import ACCESS
from orc_gateway.preview import Preview, preview
from orc_gateway.requests import AnyRequest
from orc_runtime.access import Access
from orc_runtime.clock import Clock

AT_ONCE_MAX = 2
"""Previews worked on at the same time; others wait, since each may take a large part of a second."""


def schedule_routes(clock: Clock) -> list[HTTPRouteHandler]:
    """Return the handler of /schedules/preview."""
    at_once = asyncio.Semaphore(AT_ONCE_MAX)

    @post(
        "/schedules/preview",
        status_code=200,
        operation_id="previewSchedule",
        tags=["schedules"],
        summary="Say in words what a schedule means, when it fires next, and what a downtime would do to it",
        opt={ACCESS: Access("viewer", "jobs:read")},
    )
    async def preview_schedule(request: AnyRequest) -> Response[Preview]:
        body = await read_body(request, PreviewBody)
        async with at_once:
            # Beside the loop: the longest of them would keep everybody waiting.
            return json_answer(await asyncio.to_thread(preview, body, clock.now()))

    return [preview_schedule]
