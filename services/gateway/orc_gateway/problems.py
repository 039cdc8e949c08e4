"""
Problems: every error as RFC 9457 `application/problem+json`, from one table.

    {"type": "urn:orc:problem:<code>", "title": …, "status": …, "detail": …, "instance": <path>,
     "code": <code>, "errors": [{"field": …, "detail": …, "valid": …}], "kind": <of a preview that failed>}

`code` is stable. A problem never holds a query string, a header or a body: they may carry secrets.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from msgspec import UNSET, Struct, UnsetType

from orc_domain.rejection import Conflict, Invalid, NotFound, Rejected, Stale
from orc_events.errors import EventsError
from orc_runtime.logging import scrub

log = structlog.stdlib.get_logger()

CONTENT_TYPE = "application/problem+json"
RETRY_SECONDS = 1
UNKNOWN_PATH = "there is nothing at this path"


class FieldFault(Struct, frozen=True):
    """What is wrong with one field of the input."""

    field: str
    """Path as in `tasks[0].loader_config.db_path`."""
    detail: str
    valid: str | None = None
    """What would be valid there."""


class Problem(Struct, frozen=True, kw_only=True):
    """The body of every error."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: tuple[FieldFault, ...] = ()
    kind: str | UnsetType = UNSET
    """Of a preview that failed: what a task would fail as."""


class Refusal(Exception):
    """A request the gateway itself refuses, with all that its problem says."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: tuple[FieldFault, ...] = (),
        headers: Mapping[str, str] | None = None,
        kind: str | UnsetType = UNSET,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.kind = status, code, detail, kind
        self.errors, self.headers = errors, dict(headers or {})


class Unavailable(Refusal):
    """What is needed to answer is away or too slow; asking again is right."""

    def __init__(
        self, detail: str, *, code: str = "unavailable", headers: Mapping[str, str] | None = None
    ) -> None:
        again = {"Retry-After": str(RETRY_SECONDS), **(headers or {})}
        super().__init__(HTTPStatus.SERVICE_UNAVAILABLE, code, detail, headers=again)


REJECTED: Mapping[type[Rejected], int] = {Invalid: 400, NotFound: 404, Conflict: 409, Stale: 412}
"""The table of the domain's refusals."""

REJECTED_KINDS: Mapping[str, int] = {"invalid": 400, "not-found": 404, "conflict": 409, "stale": 412}
"""The same for those that come back over the bus."""

_MISSING = re.compile(r"Missing required query parameter '(?P<name>[a-z_]+)'")
_CODES: Mapping[int, str] = {
    400: "invalid",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "body-too-large",
    415: "not-json",
    429: "too-many-requests",
}


def refusal_of(error: Exception) -> Refusal:
    """Return what to answer for an error; what is in no table is ours (500)."""
    match error:
        case Refusal():
            return error
        case Rejected():
            return _rejected(error)
        case EventsError():
            return Unavailable("the event log or the bus does not answer now")
        case ValidationException():
            return _invalid(error)
        case HTTPException(status_code=status) if status in _CODES:
            detail = UNKNOWN_PATH if status == HTTPStatus.NOT_FOUND else error.detail
            return Refusal(status, _CODES[status], detail, headers=error.headers)
        case RecursionError():
            return Refusal(400, "too-deep", "the JSON is nested too deeply")
    return Refusal(500, "internal", "the gateway failed to answer; the log of the gateway says why")


def rejection(status: int, code: str, detail: str, field: str | None, valid: str | None) -> Refusal:
    """Return the refusal of something the domain rejected."""
    errors = (FieldFault(field, detail, valid),) if field else ()
    return Refusal(status, code, detail, errors=errors)


def problem_of(refusal: Refusal, path: str) -> bytes:
    """Return the body."""
    return msgspec.json.encode(
        Problem(
            type=f"urn:orc:problem:{refusal.code}",
            title=HTTPStatus(refusal.status).phrase,
            status=refusal.status,
            detail=refusal.detail,
            instance=path,
            code=refusal.code,
            errors=refusal.errors,
            kind=refusal.kind,
        )
    )


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer any error; the application's one exception handler."""
    refusal = refusal_of(error)
    if refusal.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        # The path only: a query or body may hold what must not be in a log.
        log.error("failed to answer", path=request.scope["path"], reason=scrub(repr(error)), exc_info=error)
    body = problem_of(refusal, request.scope["path"])
    return Response(body, status_code=refusal.status, media_type=CONTENT_TYPE, headers=refusal.headers)


def _rejected(error: Rejected) -> Refusal:
    status = next(status for kind, status in REJECTED.items() if isinstance(error, kind))
    return rejection(status, error.code, error.detail, error.field, error.valid)


def _invalid(error: ValidationException) -> Refusal:
    """Say what Litestar says of parameters in our own form."""
    extra = error.extra if isinstance(error.extra, list) else []
    faults = tuple(FieldFault(str(one.get("key", "")), str(one.get("message", ""))) for one in extra)
    if missing := _MISSING.match(error.detail):
        faults = (FieldFault(missing["name"], "the query parameter is missing"),)
    detail = "; ".join(f"{fault.field}: {fault.detail}" for fault in faults) or "the request is not valid"
    return Refusal(400, "invalid", detail, errors=faults)
