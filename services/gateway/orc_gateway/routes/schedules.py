"""Schedules: what an expression means, before a job has it."""

from datetime import datetime

from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from orc_domain.schedule import Schedule, parse_schedule
from orc_gateway.answers import json_answer
from orc_gateway.bodies import PreviewBody, read_body
from orc_gateway.guards import READS_ONLY
from orc_gateway.requests import AnyRequest
from orc_runtime.clock import Clock


class Preview(Struct, frozen=True, kw_only=True):
    """A schedule, said back."""

    schedule: str
    timezone: str
    description: str
    next: list[datetime]
    """The next due instants, UTC; fewer than asked for when the schedule ends."""


def schedule_routes(clock: Clock) -> list[HTTPRouteHandler]:
    """Return the handler of /schedules/preview."""

    @post(
        "/schedules/preview",
        status_code=200,
        operation_id="previewSchedule",
        tags=["schedules"],
        summary="Say in words what a schedule means, and when it fires next",
        opt={READS_ONLY: True},
    )
    async def preview_schedule(request: AnyRequest) -> Response[Preview]:
        body = await read_body(request, PreviewBody)
        schedule = parse_schedule(body.schedule, body.timezone)
        preview = Preview(
            schedule=schedule.expression,
            timezone=schedule.timezone,
            description=schedule.describe(),
            next=_instants(schedule, clock.now(), body.count),
        )
        return json_answer(preview)

    return [preview_schedule]


def _instants(schedule: Schedule, after: datetime, count: int) -> list[datetime]:
    instants: list[datetime] = []
    while len(instants) < count and (due := schedule.next_after(after)) is not None:
        instants.append(due)
        after = due
    return instants
