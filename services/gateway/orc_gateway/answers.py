"""Answers that are the same everywhere: JSON as it is, a page of a list, what a command led to, a live stream."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Response
from litestar.response import Stream

from orc_gateway import sse
from orc_gateway.commands import Done
from orc_gateway.reads import Page

JSON = "application/json"


def json_answer(
    content: Any, headers: Mapping[str, str] | None = None, *, status: int = 200
) -> Response[Any]:
    """Answer with JSON; bytes are JSON already."""
    body = content if isinstance(content, bytes) else msgspec.json.encode(content)
    return Response(body, status_code=status, media_type=JSON, headers=dict(headers or {}))


def done_answer(done: Done, *, etag: bool = False) -> Response[Any]:
    """Answer what a command led to, in the handler's own words."""
    return json_answer(done.body, position_headers(done, etag=etag))


def position_headers(done: Done, *, etag: bool = False) -> dict[str, str]:
    """Say where in the log it is; of a job, also at which version it is now."""
    headers = {"Orc-Position": str(done.position)}
    return {**headers, "ETag": f'"{done.version}"'} if etag else headers


def page_answer(page: Page[Any], path: str, last: UUID | None, **filters: Any) -> Response[Any]:
    """Answer an array, and in headers how long the whole list is and where it goes on."""
    headers = {"X-Total-Count": str(page.total)}
    if page.has_more:
        headers["Link"] = next_link(path, after=last, **filters)
    return json_answer(page.items, headers)


def next_link(path: str, **parameters: Any) -> str:
    """Return a `Link` header (RFC 8288) to the next page."""
    given = {name: value for name, value in parameters.items() if value is not None}
    return f'<{path}?{urlencode(given)}>; rel="next"'


def stream_answer(chunks: AsyncIterator[bytes]) -> Response[Any]:
    """Answer a live stream."""
    return Stream(chunks, media_type=sse.CONTENT_TYPE, headers=sse.HEADERS)


def nothing_more() -> Response[Any]:
    """Answer 204, which is what makes a browser stop asking for a stream that has ended."""
    return Response(None, status_code=204)
