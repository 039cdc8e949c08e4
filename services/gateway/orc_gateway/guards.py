"""
Guards: whom a request speaks for, and whether that is enough.

    optional    anybody may do anything; a token that is sent must be valid, and names the actor
    required    a valid token, and for whatever changes something the role of operator or admin

Handlers marked `open_to_all` are not asked: health, login, the schema. Which keys verify tokens is asked of auth over
the bus and remembered; a key not heard of is asked for again, but not at a stranger's pace.
"""

import asyncio
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import QueryParameter

from orc_domain.rejection import Invalid
from orc_events.bus import Bus
from orc_events.errors import BusUnavailable
from orc_gateway.problems import Refusal, Unavailable
from orc_gateway.settings import Mode
from orc_runtime.auth_messages import JWKS, Keys, PublicKey, Refused, decode
from orc_runtime.principal import ANONYMOUS, Principal
from orc_runtime.tokens import InvalidToken, UnknownKey, Verifier

OPEN = "open_to_all"
READS_ONLY = "reads_only"
"""Marks a handler that changes nothing although it is not a GET."""

ASK_SECONDS_MAX = 1.5
ASK_AGAIN_SECONDS = 5.0
KEYS_SECONDS_MAX = 300.0
"""How long keys are used before they are asked for again, so that a retired one is forgotten."""

_SCHEME = "bearer "


class KeyRing:
    """The keys that verify tokens, as auth last told them."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._keys: tuple[PublicKey, ...] = ()
        self._verifier = Verifier(())
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    async def keys(self) -> tuple[PublicKey, ...]:
        """Return the public keys; raises Unavailable when auth never told."""
        await self._refresh(KEYS_SECONDS_MAX)
        return self._keys

    async def verify(self, token: str) -> Principal:
        """Return whom a token speaks for; raises InvalidToken, or Unavailable when no key is known."""
        await self._refresh(KEYS_SECONDS_MAX)
        try:
            return self._verifier.verify(token)
        except UnknownKey:
            await self._refresh(ASK_AGAIN_SECONDS)
            return self._verifier.verify(token)

    async def _refresh(self, age_seconds_max: float) -> None:
        async with self._asking:
            now = asyncio.get_running_loop().time()
            if now - self._asked_at < age_seconds_max:
                return
            try:
                answer: Keys | Refused = decode(
                    await self._bus.request(JWKS, b"", timeout_seconds=ASK_SECONDS_MAX), Keys | Refused
                )
            except (BusUnavailable, msgspec.MsgspecError) as error:
                if self._keys:
                    return  # Old keys verify old tokens; a retired one is forgotten a little later.
                raise Unavailable("tokens cannot be checked now") from error
            if isinstance(answer, Refused):
                raise Unavailable("tokens cannot be checked now")
            self._keys, self._verifier = answer.keys, Verifier(answer.keys)
            self._asked_at = now


class Guard:
    """Litestar's guard for every route: notes the principal in the scope, or refuses."""

    def __init__(self, mode: Mode, keys: KeyRing) -> None:
        self._mode, self._keys = mode, keys

    async def __call__(
        self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
    ) -> None:
        """Raise Refusal 401 or 403, or let the request through."""
        scope: Any = connection.scope
        opt = handler.opt
        scope["user"] = ANONYMOUS
        if opt.get(OPEN):
            return
        token = bearer(connection.headers.get("authorization"))
        if token is not None:
            try:
                scope["user"] = await self._keys.verify(token)
            except InvalidToken as error:
                raise unauthorized(str(error)) from error
        if self._mode == "required":
            self._require(scope["user"], changes=scope["method"] != "GET" and not opt.get(READS_ONLY))

    def _require(self, principal: Principal, *, changes: bool) -> None:
        if principal is ANONYMOUS:
            raise unauthorized("a token is needed: log in at /auth/login")
        if changes and principal.role == "viewer":
            raise Refusal(403, "forbidden", "a viewer changes nothing; an operator may")


def bearer(header: str | None) -> str | None:
    """Return the token of an Authorization header, None without a header; raises Refusal for another scheme."""
    if header is None:
        return None
    if header[: len(_SCHEME)].lower() != _SCHEME:
        raise unauthorized("the Authorization header is not of the form: Bearer <token>")
    return header[len(_SCHEME) :].strip()


def unauthorized(detail: str) -> Refusal:
    """Return a 401 with the challenge RFC 6750 asks for."""
    return Refusal(401, "unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="orc"'})


async def refuse_unknown_parameters(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Raise Invalid for a query parameter the handler does not know: a misspelt filter would filter nothing."""
    query = connection.scope["query_string"]
    if not query:
        return
    known = {
        field.kwarg_definition.name or field.name
        for field in handler.parsed_fn_signature.parameters.values()
        if isinstance(field.kwarg_definition, QueryParameter)
    }
    given = set[str]()
    for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name in given:
            raise Invalid(name, "the query parameter is given twice", valid="each parameter once")
        given.add(name)
        if name not in known:
            raise Invalid(name, "there is no such query parameter", valid=", ".join(sorted(known)) or "none")
