"""Accounts and tokens: asked of the auth service over core NATS, so that no password ever enters a stream."""

from typing import Any, TypeVar
from uuid import UUID, uuid4

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from orc_events.bus import Bus
from orc_events.errors import BusUnavailable
from orc_gateway.answers import json_answer
from orc_gateway.bodies import Credentials, read_body
from orc_gateway.guards import OPEN, KeyRing, bearer
from orc_gateway.problems import RETRY_SECONDS, FieldFault, Refusal, Unavailable
from orc_gateway.requests import AnyRequest
from orc_runtime.auth_messages import (
    LOG_IN,
    REGISTER,
    LoggedIn,
    LogIn,
    Refused,
    Registered,
    RegisterUser,
    decode,
    encode,
)
from orc_runtime.principal import Principal
from orc_runtime.settings import Secret

M = TypeVar("M", bound=Struct)

ANSWER_SECONDS_MAX = 1.9

_STATUSES = {
    "invalid": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "conflict": 409,
    "busy": 429,
    "unavailable": 503,
}


class User(Struct, frozen=True, kw_only=True):
    """An account as the reference shows it."""

    user_id: UUID
    username: str
    created_at: Any
    updated_at: Any


class Token(Struct, frozen=True):
    """What `Authorization: Bearer` takes."""

    token: str


class KeySet(Struct, frozen=True):
    """A JWK Set (RFC 7517)."""

    keys: tuple[Any, ...]


def auth_routes(bus: Bus, keys: KeyRing) -> list[HTTPRouteHandler]:
    """Return the handlers of /auth and of the key set."""

    async def ask(subject: str, wish: Struct, into: type[M]) -> M:
        try:
            reply = await bus.request(subject, encode(wish), timeout_seconds=ANSWER_SECONDS_MAX)
            answer: Any = decode(reply, into | Refused)
        except (BusUnavailable, msgspec.MsgspecError) as error:
            raise Unavailable("the auth service does not answer now") from error
        if isinstance(answer, Refused):
            raise _refusal(answer)
        found: M = answer
        return found

    @post(
        "/auth/register",
        status_code=200,
        operation_id="register",
        tags=["auth"],
        summary="Make an account",
        opt={OPEN: True},
    )
    async def register(request: AnyRequest) -> Response[User]:
        body = await read_body(request, Credentials)
        authority = bearer(request.headers.get("authorization"))
        wish = RegisterUser(
            request_id=uuid4(),
            username=body.username,
            password=Secret(body.password),
            authority=None if authority is None else Secret(authority),
        )
        made = await ask(REGISTER, wish, Registered)
        user = User(
            user_id=made.user_id,
            username=made.username,
            created_at=made.created_at,
            updated_at=made.updated_at,
        )
        return json_answer(user)

    @post(
        "/auth/login",
        status_code=200,
        operation_id="login",
        tags=["auth"],
        summary="Get a token",
        opt={OPEN: True},
    )
    async def login(request: AnyRequest) -> Response[Token]:
        body = await read_body(request, Credentials)
        answer = await ask(LOG_IN, LogIn(username=body.username, password=Secret(body.password)), LoggedIn)
        return json_answer(Token(answer.token.reveal()), {"Cache-Control": "no-store"})

    @get("/auth/me", operation_id="me", tags=["auth"], summary="Say whom the request speaks for")
    async def me(request: AnyRequest) -> Response[Principal]:
        return json_answer(request.scope["user"], {"Cache-Control": "no-store"})

    @get(
        "/.well-known/jwks.json",
        operation_id="jwks",
        tags=["auth"],
        summary="The keys that verify tokens",
        opt={OPEN: True},
    )
    async def jwks() -> Response[KeySet]:
        return json_answer(KeySet(await keys.keys()), {"Cache-Control": "public, max-age=300"})

    return [register, login, me, jwks]


def _refusal(refused: Refused) -> Refusal:
    status = _STATUSES[refused.kind]
    errors = (FieldFault(refused.field, refused.detail),) if refused.field else ()
    headers = {}
    if status in {429, 503}:
        headers["Retry-After"] = str(RETRY_SECONDS)
    if status == 401:  # noqa: PLR2004
        headers["WWW-Authenticate"] = 'Bearer realm="orc"'
    return Refusal(status, refused.code, refused.detail, errors=errors, headers=headers)
