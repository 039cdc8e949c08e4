"""Events: the log, as it is and as it grows."""

from collections.abc import AsyncIterator, Callable
from typing import Annotated

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from orc_events.event import Position, Recorded
from orc_gateway.answers import json_answer, next_link, stream_answer
from orc_gateway.guards import ACCESS
from orc_gateway.live import MayGoOn, Tail
from orc_gateway.reads import Reads, in_time
from orc_gateway.requests import AnyRequest, may_go_on, resume_after, wants_stream
from orc_gateway.sse import EventView, follow_log, view
from orc_runtime.access import Access

EVENTS_MAX = 1_000

VISIBLE = "^[!-~]*$"
"""What types and streams are made of; anything else is no name, and NUL is nothing that Postgres takes."""

Type = Annotated[
    str | None, QueryParameter(max_length=255, pattern=VISIBLE, description="Only of this type.")
]
Stream = Annotated[
    str | None,
    QueryParameter(max_length=255, pattern=VISIBLE, description="Only of this stream, as `run-<id>`."),
]
After = Annotated[int | None, QueryParameter(gt=-1, le=2**62, description="Only after this position.")]
Limit = Annotated[int, QueryParameter(ge=1, le=EVENTS_MAX, description="At most so many.")]


def event_routes(reads: Reads, tail: Tail) -> list[HTTPRouteHandler]:
    """Return the handler of /events."""

    @get(
        "/events",
        operation_id="listEvents",
        tags=["events"],
        summary="Read the log in order; with Accept: text/event-stream, follow it live",
        opt={ACCESS: Access("viewer", "events:read")},
    )
    async def list_events(
        request: AnyRequest,
        type: Type = None,  # noqa: A002 - it is called so in REST, and in what is said of it
        stream: Stream = None,
        after: After = None,
        limit: Limit = EVENTS_MAX,
    ) -> Response[list[EventView]]:
        start = resume_after(request)
        if wants_stream(request):
            tail.refuse_when_full()
            if start is None:
                start = await in_time(tail.head()) if after is None else Position(after)
            return stream_answer(_live(start, _filter(type, stream), may_go_on(request)))
        events, has_more = await reads.events(Position(after or 0), limit, event_type=type, stream=stream)
        headers = {}
        if has_more:
            last = events[-1].position
            headers["Link"] = next_link("/events", type=type, stream=stream, after=last, limit=limit)
        return json_answer([view(recorded) for recorded in events], headers)

    async def _live(
        start: Position, wanted: Callable[[Recorded], bool], allowed: MayGoOn
    ) -> AsyncIterator[bytes]:
        with tail.watch(allowed) as watcher:
            async for chunk in follow_log(tail, watcher, start, wanted):
                yield chunk

    return [list_events]


def _filter(event_type: str | None, stream: str | None) -> Callable[[Recorded], bool]:
    def wanted(recorded: Recorded) -> bool:
        return event_type in {None, recorded.type} and stream in {None, recorded.stream}

    return wanted
