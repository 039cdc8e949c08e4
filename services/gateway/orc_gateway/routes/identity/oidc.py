"""
Logging in by an identity provider; there only where one is set up.

    GET  /auth/oidc/login       the browser goes to the provider, and keeps a cookie that ties the login to it
    GET  /auth/oidc/callback    it comes back: tokens as JSON, or on to the program that waits on this machine
    POST /auth/oidc/ticket      that program gets its tokens
"""

from typing import Annotated, Any
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from orc_domain.rejection import Invalid
from orc_gateway.auth_client import AuthClient, unauthorized
from orc_gateway.bodies import read_body
from orc_gateway.guards import ACCESS, ANY_QUERY
from orc_gateway.identity_bodies import TicketBody
from orc_gateway.request_ids import request_id_of
from orc_gateway.requests import AnyRequest
from orc_gateway.routes.identity.sessions import NO_STORE, Tokens, tokens_answer
from orc_runtime.access import OPEN
from orc_runtime.auth_messages.oidc import (
    BEGIN,
    FINISH,
    REDEEM,
    Begin,
    Begun,
    Finish,
    Listener,
    Redeem,
    Ticket,
)
from orc_runtime.auth_messages.sessions import Opened
from orc_runtime.settings import Secret

COOKIE = "orc_login"
COOKIE_SECONDS_MAX = 600
PATH = "/auth/oidc"
PROVIDER_SECONDS_MAX = 10.0
"""The auth service asks the provider meanwhile, three things at the most."""
VALUE_CHARS_MAX = 4096

Port = Annotated[
    int | None, QueryParameter(ge=1024, le=65535, description="Of 127.0.0.1, where a program waits.")
]
Challenge = Annotated[
    str | None,
    QueryParameter(
        pattern="^[A-Za-z0-9_-]{43}$",
        description="S256 (RFC 7636) of what that program redeems the ticket with.",
    ),
]


def oidc_routes(auth: AuthClient) -> list[HTTPRouteHandler]:
    """Return the handlers of logging in by the provider."""

    @get(
        f"{PATH}/login",
        status_code=302,
        operation_id="beginProviderLogin",
        tags=["auth"],
        summary="Go to the identity provider to log in",
        opt={ACCESS: OPEN},
    )
    async def login(port: Port = None, challenge: Challenge = None) -> Response[None]:
        if (port is None) != (challenge is None):
            raise Invalid("port" if port is None else "challenge", "port and challenge go together")
        listener = None if port is None or challenge is None else Listener(port=port, challenge=challenge)
        begun = await auth.ask(BEGIN, Begin(listener=listener), Begun, seconds_max=PROVIDER_SECONDS_MAX)
        headers = {
            **NO_STORE,
            "Location": begun.url,
            "Set-Cookie": _cookie(begun.browser.reveal(), COOKIE_SECONDS_MAX, is_secure=begun.is_secure),
        }
        return Response(None, status_code=302, headers=headers)

    @get(
        f"{PATH}/callback",
        status_code=200,
        operation_id="finishProviderLogin",
        tags=["auth"],
        summary="Come back from the identity provider",
        # Providers add words of their own.
        opt={ACCESS: OPEN, ANY_QUERY: True},
    )
    async def callback(request: AnyRequest) -> Response[Any]:
        said = request.query_params
        if said.get("error"):
            raise unauthorized("the identity provider refused the login")
        state, code, browser = said.get("state"), said.get("code"), request.cookies.get(COOKIE)
        for name, value in (("state", state), ("code", code)):
            if not value or len(value) > VALUE_CHARS_MAX:
                raise Invalid(name, "it is missing or too long", valid="what the provider sent you back with")
        if not browser:
            raise unauthorized("this login was not begun in this browser: begin at /auth/oidc/login")
        wish = Finish(
            request_id=request_id_of(request.scope),
            state=Secret(str(state)),
            code=Secret(str(code)),
            browser=Secret(browser[:VALUE_CHARS_MAX]),
            issuer=said.get("iss"),
        )
        finished: Opened | Ticket = await auth.ask_either(
            FINISH, wish, Opened | Ticket, seconds_max=PROVIDER_SECONDS_MAX
        )
        over = {"Set-Cookie": _cookie("", 0, is_secure=False), **NO_STORE}
        if isinstance(finished, Opened):
            return tokens_answer(finished, over)
        query = urlencode({"ticket": finished.ticket.reveal()})
        place = f"http://127.0.0.1:{finished.port}/?{query}"
        return Response(None, status_code=302, headers={"Location": place, **over})

    @post(
        f"{PATH}/ticket",
        status_code=200,
        operation_id="redeemTicket",
        tags=["auth"],
        summary="Get an access token and a refresh token for a ticket",
        opt={ACCESS: OPEN},
    )
    async def ticket(request: AnyRequest) -> Response[Tokens]:
        body = await read_body(request, TicketBody)
        wish = Redeem(
            request_id=request_id_of(request.scope),
            ticket=Secret(body.ticket),
            verifier=Secret(body.verifier),
        )
        return tokens_answer(await auth.ask(REDEEM, wish, Opened))

    return [login, callback, ticket]


def _cookie(value: str, seconds: int, *, is_secure: bool) -> str:
    # Lax: the provider's redirect back is a navigation from another site, and the only one that may bring it.
    secure = "; Secure" if is_secure else ""
    return f"{COOKIE}={value}; Path={PATH}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
