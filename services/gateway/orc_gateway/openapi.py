"""
The OpenAPI document: what Litestar derives from the handlers, put right where it cannot know better.

Added are the bodies (which the gateway decodes itself), the problems every operation may answer with, the headers that
matter, the security scheme and examples.
"""

from typing import Any

import msgspec
from litestar import Litestar, Router
from litestar.openapi.config import OpenAPIConfig

from orc_domain.job_spec import JobSpec
from orc_gateway.bodies import (
    BackfillBody,
    CancelBody,
    CursorBody,
    NoBody,
    PauseBody,
    PreviewBody,
    TaskPreviewBody,
)
from orc_gateway.guards import ACCESS
from orc_gateway.identity_bodies import (
    BootstrapBody,
    ChangeUserBody,
    Credentials,
    LogOutBody,
    NewKeyBody,
    NewUserBody,
    PasswordBody,
    RefreshBody,
    RotateBody,
    SecretBody,
)
from orc_gateway.openapi_links import add_links
from orc_gateway.problems import CONTENT_TYPE, UNKNOWN_PATH, Problem, Refusal
from orc_runtime.access import OPEN
from orc_runtime.job_schema import job_components

JSON = "application/json"
MODE = "mode"
"""Where the application's state holds whether a token is optional or required."""
_REF = "#/components/schemas/{name}"

_TASK = {
    "extractor_config": {"type": "csv", "path": "planes.csv", "null_values": ["NA"]},
    "loader_config": {"type": "duckdb", "db_path": "data.db", "table_name": "planes"},
}
JOB_EXAMPLE = {
    "job_name": "planes",
    "description": "Every morning, the planes of a file",
    "schedule": "0 0 9 * * *",
    "is_active": True,
    "timezone": "Europe/Berlin",
    "catch_up": {"mode": "last", "window_seconds": 3600},
    "overlap": {"mode": "skip"},
    "tasks": [_TASK],
}
TASK_EXAMPLE = {**_TASK, "limit": 5}
PREVIEW_EXAMPLE = {
    "schedule": "0 30 2 * * *",
    "timezone": "Europe/Berlin",
    "catch_up": {"mode": "last", "window_seconds": 86_400},
    "downtime": {"from": "2027-03-27T00:00:00+01:00", "to": "2027-03-28T12:00:00+02:00"},
}
_BODIES: dict[str, tuple[type, Any, bool]] = {
    "createJob": (JobSpec, JOB_EXAMPLE, True),
    "changeJob": (JobSpec, JOB_EXAMPLE, True),
    "pauseJob": (PauseBody, {"reason": "the source is being moved"}, False),
    "setCursor": (CursorBody, {"value": "2026-05-01T00:00:00Z"}, True),
    "cancelRun": (CancelBody, {"reason": "wrong file"}, False),
    "createBackfill": (
        BackfillBody,
        {"start": "2026-05-01T00:00:00Z", "end": "2026-05-10T23:59:59Z", "dry_run": True, "concurrency": 2},
        True,
    ),
    "cancelBackfill": (CancelBody, {"reason": "wrong range"}, False),
    "previewSchedule": (PreviewBody, PREVIEW_EXAMPLE, True),
    "previewTask": (TaskPreviewBody, TASK_EXAMPLE, True),
    "register": (Credentials, {"username": "myuser", "password": "mypassword"}, True),
    "login": (Credentials, {"username": "myuser", "password": "mypassword"}, True),
    "refresh": (RefreshBody, {"refresh_token": "orcr_0123456789"}, True),
    "logout": (LogOutBody, {"everywhere": False}, True),
    "rotateSigningKey": (RotateBody, {"drop_old": False}, True),
    "bootstrap": (
        BootstrapBody,
        {"secret": "as-it-was-set", "username": "ann", "password": "a long pass phrase"},
        True,
    ),
    "addUser": (
        NewUserBody,
        {"username": "bob", "password": "another long pass phrase", "role": "operator"},
        True,
    ),
    "changeUser": (ChangeUserBody, {"role": "viewer"}, True),
    "changePassword": (PasswordBody, {"old": "a long pass phrase", "new": "a longer pass phrase"}, True),
    "setSecret": (SecretBody, {"value": "what the other side gave"}, True),
    "rewrapSecrets": (NoBody, {}, False),
    "addApiKey": (NewKeyBody, {"name": "nightly", "scopes": ["runs:write", "jobs:read"]}, True),
}
_STREAMS = {"listEvents", "listRunEvents"}
_KEYED = {
    "createJob",
    "changeJob",
    "deleteJob",
    "pauseJob",
    "resumeJob",
    "runJob",
    "cancelRun",
    "retryRun",
} | {"createBackfill", "cancelBackfill", "setCursor"}
_VERSIONED = {
    "changeJob": True,
    "deleteJob": False,
    "pauseJob": False,
    "resumeJob": False,
    "setCursor": False,
}
_ETAG = r'^(\*|"[0-9]{1,18}")$'
_OPEN = {"health", "alive", "ready", "login", "refresh", "bootstrap", "jwks"}


def openapi_config(version: str) -> OpenAPIConfig:
    """Return what Litestar derives the document from; it serves none of its own pages, which load scripts from afar."""
    return OpenAPIConfig(
        title="orc-nats-ator",
        version=version,
        description="A job orchestrator for data ingestion whose every decision is an event.",
        openapi_router=Router(
            "/schema/derived",
            route_handlers=[],
            include_in_schema=False,
            guards=[_nothing],
            opt={ACCESS: OPEN},
        ),
        render_plugins=[],
    )


async def _nothing(_connection: Any, _handler: Any) -> None:
    # Litestar serves its version of the document whether or not anybody wants it.
    raise Refusal(404, "not-found", UNKNOWN_PATH)


def document(app: Litestar) -> bytes:
    """Return the whole document as JSON."""
    derived: dict[str, Any] = app.openapi_schema.to_schema()
    _, schemas = msgspec.json.schema_components(
        [JobSpec, Problem, *{kind: None for kind, _, _ in _BODIES.values()}],
        ref_template=_REF,
    )
    components = derived.setdefault("components", {})
    # A job's own are the ones that editors get: with every extractor's and loader's words.
    words = job_components(_REF)
    components.setdefault("schemas", {}).update(schemas | words)
    source, target = (words["TaskSpec"]["properties"][name] for name in ("extractor_config", "loader_config"))
    looked_at = components["schemas"]["TaskPreviewBody"]["properties"]
    looked_at["extractor_config"], looked_at["loader_config"] = (
        source,
        {"anyOf": [target, {"type": "null"}], "default": None},
    )
    components["securitySchemes"] = {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "As /auth/login gives it.",
        }
    }
    found = {
        operation["operationId"]: operation
        for operations in derived["paths"].values()
        for operation in operations.values()
        if isinstance(operation, dict) and "operationId" in operation
    }
    token: list[dict[str, list[str]]] = [{"token": []}]
    for operation in found.values():
        # Where it is optional, none is one of the ways.
        _complete(operation, token if app.state.get(MODE) == "required" else [{}, *token])
    add_links(found)
    return msgspec.json.encode(derived)


def _complete(operation: dict[str, Any], security: list[dict[str, list[str]]]) -> None:
    name = operation["operationId"]
    responses = operation.setdefault("responses", {})
    # What Litestar says of errors is the shape of its own, which we never send.
    for status in [status for status in responses if status >= "400"]:
        del responses[status]
    responses["default"] = {
        "description": "A problem (RFC 9457); `code` is stable, `errors` names the fields.",
        "content": {CONTENT_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}},
    }
    operation["security"] = [] if name in _OPEN else security
    if name == "ready":
        responses["503"] = {**responses["200"], "description": "Not ready; the checks say why."}
    if name == "metrics":
        responses["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    if name == "deleteJob":
        del responses["204"]["content"]
    if name in _BODIES:
        kind, example, required = _BODIES[name]
        schema = {"$ref": _REF.format(name=kind.__name__)}
        operation["requestBody"] = {
            "required": required,
            "content": {JSON: {"schema": schema, "example": example}},
        }
    parameters = operation.setdefault("parameters", [])
    if name in _KEYED:
        parameters.append(
            _header(
                "Idempotency-Key",
                "The same key is the same command, done once; 1 to 255 visible ASCII.",
                "^[!-~]{1,255}$",
            )
        )
    if name in _VERSIONED:
        words = "The ETag of the job that is meant; * for whichever."
        parameters.append(
            _header(
                "If-Match", words, _ETAG if _VERSIONED[name] else f"^$|{_ETAG}", required=_VERSIONED[name]
            )
        )
    if name in _STREAMS:
        parameters.append(
            _header(
                "Last-Event-ID",
                "Position of the last event received: the stream goes on after it.",
                "^[0-9]{0,18}$",
            )
        )
        responses["200"].setdefault("content", {})["text/event-stream"] = {"schema": {"type": "string"}}
    if name == "listRunEvents":
        responses["204"] = {"description": "The run has ended, and there is no event after `Last-Event-ID`."}


def _header(name: str, description: str, pattern: str, *, required: bool = False) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": description,
        "schema": {"type": "string", "pattern": pattern},
    }
