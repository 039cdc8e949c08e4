"""What is read from a request beside its body: who asks under which key, which version is meant, what form is wanted."""

import re
from datetime import datetime
from typing import Any

from litestar import Request
from msgspec import ValidationError, convert

from orc_domain.cron import YEAR_MAX, YEAR_MIN
from orc_domain.rejection import Invalid
from orc_domain.timetable import Aware
from orc_events.event import Position
from orc_gateway.client_address import client_address
from orc_gateway.commands import KEY_HEADER, Caller
from orc_gateway.live import MayGoOn
from orc_gateway.problems import Refusal
from orc_gateway.request_ids import request_id_of
from orc_gateway.sse import CONTENT_TYPE as EVENT_STREAM

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_ETAG = re.compile(r'"([0-9]{1,18})"')

PROXIES = "proxies"
"""The name under which the application's state has the proxies that are believed."""

_INSTANT = "RFC 3339 with an offset, as 2026-03-29T01:00:00Z or 2026-03-29T03:00:00+02:00 (+ is %2B in a URL)"

AnyRequest = Request[Any, Any, Any]


def caller_of(request: AnyRequest) -> Caller:
    """Return who asks, under which key, and the request's id; raises Invalid for a key that is none."""
    key = request.headers.get(KEY_HEADER.lower())
    if key is not None and not _KEY.fullmatch(key):
        raise Invalid(KEY_HEADER, "the key is not valid", valid="1 to 255 visible ASCII characters")
    return Caller(request.scope["user"], key, request_id_of(request.scope))


def expected_version(request: AnyRequest, *, required: bool) -> int | None:
    """Return the version `If-Match` names, None for any; raises Refusal 428 when there must be one."""
    given = request.headers.get("if-match", "").strip()
    if not given and required:
        raise Refusal(
            428, "if-match-required", "say which version is meant: If-Match with the ETag of the job"
        )
    if given in {"", "*"}:
        return None
    if match := _ETAG.fullmatch(given):
        return int(match[1])
    raise Invalid("If-Match", "this is no ETag of a job", valid='one ETag as it was given, as "7", or *')


def instant(text: str, name: str) -> datetime:
    """Return the time a query parameter says; raises Invalid for one without an offset, and for what is no time."""
    try:
        at: datetime = convert(text, Aware)
    except ValidationError as error:
        raise Invalid(name, f"{error}", valid=_INSTANT) from error
    if not YEAR_MIN <= at.year <= YEAR_MAX:
        raise Invalid(name, "the time is too far away", valid=f"a year from {YEAR_MIN} to {YEAR_MAX}")
    return at


def wants_stream(request: AnyRequest) -> bool:
    """Whether a live stream is asked for."""
    return EVENT_STREAM in request.headers.get("accept", "")


def resume_after(request: AnyRequest) -> Position | None:
    """Return the position `Last-Event-ID` names; raises Invalid."""
    given = request.headers.get("last-event-id")
    if given is None or given == "":
        return None
    if not re.fullmatch(r"[0-9]{1,18}", given):
        raise Invalid("Last-Event-ID", "this is no position", valid="the id of an event that was received")
    return Position(int(given))


def may_go_on(request: AnyRequest) -> MayGoOn:
    """Return how to ask, while a stream is served, whether its reader is still let in."""
    asked: MayGoOn = request.scope["may_go_on"]  # type: ignore[typeddict-item]
    return asked


def address_of(request: AnyRequest) -> str:
    """Return where the request comes from: the peer, or whom a proxy of ours names."""
    return client_address(request.scope, request.app.state[PROXIES])
