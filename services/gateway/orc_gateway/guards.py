"""
Guards: whom a request speaks for, and whether that is enough.

    optional    anybody may do anything; a credential that is sent must be valid, and names the actor
    required    a credential whose role, and whose scopes when it is an API key, are enough for the route

Each route says what it asks for under `ACCESS`; `check_declared` keeps an application from being made where one does not.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.params import QueryParameter

from orc_domain.rejection import Invalid
from orc_gateway.api_keys import ApiKeys
from orc_gateway.auth_client import unauthorized
from orc_gateway.problems import Refusal
from orc_gateway.requests import AnyRequest
from orc_gateway.settings import Mode
from orc_gateway.trusting import Trusting
from orc_runtime.access import API_KEY_PREFIX, Access, covers, is_enough
from orc_runtime.principal import ANONYMOUS, Principal
from orc_runtime.settings import Secret
from orc_runtime.tokens import InvalidToken

ACCESS = "access"
"""The name under which a handler's `opt` says what it asks for."""

ANY_QUERY = "any_query"
"""Marks a route whose caller adds query parameters that we do not know."""

_SCHEME = "bearer "


class Guard:
    """Litestar's guard for every route: notes the principal in the scope, or refuses."""

    def __init__(self, mode: Mode, trusting: Trusting, api_keys: ApiKeys) -> None:
        self._mode, self._trusting, self._api_keys = mode, trusting, api_keys

    async def __call__(
        self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
    ) -> None:
        """Raise Refusal 401 or 403, or let the request through."""
        scope: Any = connection.scope
        scope["user"] = ANONYMOUS
        access = access_of(handler)
        if access.role is None:
            return
        credential = bearer(connection.headers.get("authorization"))
        scope["user"] = await self._let_in(credential, access)
        scope["may_go_on"] = partial(self._may_go_on, credential, access)

    async def _let_in(self, credential: str | None, access: Access) -> Principal:
        principal = ANONYMOUS if credential is None else await self._judge(credential)
        if credential is None and self._mode == "required":
            raise unauthorized("a token is needed: log in at /auth/login, or send an API key")
        self._require(principal, access)
        return principal

    async def _may_go_on(self, credential: str | None, access: Access) -> bool:
        try:
            await self._let_in(credential, access)
        except Refusal:
            return False
        return True

    async def _judge(self, credential: str) -> Principal:
        by = self._api_keys if credential.startswith(API_KEY_PREFIX) else self._trusting
        try:
            return await by.verify(credential)
        except InvalidToken as error:
            raise unauthorized(str(error)) from error

    def _require(self, principal: Principal, access: Access) -> None:
        if self._mode == "required" and not is_enough(principal.role, access):
            raise Refusal(
                403, "forbidden", f"the role {principal.role} is not enough: {access.role} is needed"
            )
        # Whoever limits a key means it, also where nobody needs one.
        if not covers(principal, access):
            raise Refusal(403, "forbidden", f"the API key does not have the scope {access.scope}")


def access_of(handler: BaseRouteHandler) -> Access:
    """Return what a route asks for."""
    access: Access = handler.opt[ACCESS]
    return access


def check_declared(handlers: Iterable[HTTPRouteHandler]) -> None:
    """Raise ValueError naming a route that does not say what it asks for."""
    for handler in handlers:
        if not isinstance(handler.opt.get(ACCESS), Access):
            raise ValueError(f"{sorted(handler.paths)} does not declare its access")  # noqa: TRY004


def bearer(header: str | None) -> str | None:
    """Return the credential of an Authorization header, None without a header; raises Refusal for another scheme."""
    if header is None:
        return None
    if header[: len(_SCHEME)].lower() != _SCHEME:
        raise unauthorized("the Authorization header is not of the form: Bearer <token>")
    return header[len(_SCHEME) :].strip()


def credential_of(request: AnyRequest) -> Secret | None:
    """Return what a request was let in by, for auth to judge it again."""
    credential = bearer(request.headers.get("authorization"))
    return None if credential is None else Secret(credential)


async def refuse_unknown_parameters(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Raise Invalid for a query parameter the handler does not know: a misspelt filter would filter nothing."""
    query = connection.scope["query_string"]
    if not query or handler.opt.get(ANY_QUERY):
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
