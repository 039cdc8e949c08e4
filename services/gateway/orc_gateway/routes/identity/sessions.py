"""Sessions: a password for two tokens, a refresh token for the next two, and the end."""

from collections.abc import Mapping
from datetime import datetime

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from orc_gateway.answers import json_answer
from orc_gateway.auth_client import AuthClient, unauthorized
from orc_gateway.bodies import read_body
from orc_gateway.guards import ACCESS, bearer
from orc_gateway.identity_bodies import Credentials, LogOutBody, RefreshBody
from orc_gateway.request_ids import request_id_of
from orc_gateway.requests import AnyRequest, address_of
from orc_runtime.access import OPEN, Access
from orc_runtime.auth_messages.sessions import LOG_IN, LOG_OUT, REFRESH, LogIn, LogOut, Opened, Refresh
from orc_runtime.auth_messages.wire import Done
from orc_runtime.principal import Principal
from orc_runtime.settings import Secret

NO_STORE = {"Cache-Control": "no-store"}


class Tokens(Struct, frozen=True, kw_only=True):
    """What a session goes on with."""

    token: str
    """The access token: `Authorization: Bearer` takes it until it expires."""
    expires_at: datetime
    refresh_token: str
    """For `POST /auth/refresh`, once."""


def session_routes(auth: AuthClient) -> list[HTTPRouteHandler]:
    """Return the handlers of logging in, going on and logging out."""

    @post(
        "/auth/login",
        status_code=200,
        operation_id="login",
        tags=["auth"],
        summary="Get an access token and a refresh token for a password",
        opt={ACCESS: OPEN},
    )
    async def login(request: AnyRequest) -> Response[Tokens]:
        body = await read_body(request, Credentials)
        wish = LogIn(
            request_id=request_id_of(request.scope),
            username=body.username,
            password=Secret(body.password),
            address=address_of(request),
        )
        return tokens_answer(await auth.ask(LOG_IN, wish, Opened))

    @post(
        "/auth/refresh",
        status_code=200,
        operation_id="refresh",
        tags=["auth"],
        summary="Get the next two tokens for a refresh token, which is used up; one that comes twice ends the session",
        opt={ACCESS: OPEN},
    )
    async def refresh(request: AnyRequest) -> Response[Tokens]:
        body = await read_body(request, RefreshBody)
        wish = Refresh(request_id=request_id_of(request.scope), refresh_token=Secret(body.refresh_token))
        return tokens_answer(await auth.ask(REFRESH, wish, Opened))

    @post(
        "/auth/logout",
        status_code=204,
        operation_id="logout",
        tags=["auth"],
        summary="End the session of the access token that is sent, or all of one's sessions; everywhere within 5 s",
        opt={ACCESS: Access("viewer", "account:write")},
    )
    async def logout(request: AnyRequest) -> Response[None]:
        body = await read_body(request, LogOutBody)
        credential = bearer(request.headers.get("authorization"))
        if credential is None:
            raise unauthorized("send the access token of the session that is to end")
        wish = LogOut(
            request_id=request_id_of(request.scope),
            authority=Secret(credential),
            which="all" if body.everywhere else "this",
        )
        await auth.ask(LOG_OUT, wish, Done)
        return Response(None, status_code=204)

    @get(
        "/auth/me",
        operation_id="me",
        tags=["auth"],
        summary="Say whom the request speaks for",
        opt={ACCESS: Access("viewer", "account:read")},
    )
    async def me(request: AnyRequest) -> Response[Principal]:
        return json_answer(request.scope["user"], NO_STORE)

    return [login, refresh, logout, me]


def tokens_answer(opened: Opened, headers: Mapping[str, str] = NO_STORE) -> Response[Tokens]:
    """Answer with the tokens of a session; the headers keep them out of caches."""
    tokens = Tokens(
        token=opened.token.reveal(),
        expires_at=opened.expires_at,
        refresh_token=opened.refresh_token.reveal(),
    )
    return json_answer(tokens, headers)
