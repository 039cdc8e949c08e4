"""The keys that sign tokens: their public halves for everybody, the next one by an admin's word."""

from typing import Any

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from orc_gateway.answers import json_answer
from orc_gateway.auth_client import AuthClient
from orc_gateway.bodies import read_body
from orc_gateway.guards import ACCESS, bearer
from orc_gateway.identity_bodies import RotateBody
from orc_gateway.request_ids import request_id_of
from orc_gateway.requests import AnyRequest
from orc_gateway.trusting import Trusting
from orc_runtime.access import OPEN, Access
from orc_runtime.auth_messages.signing_keys import ROTATE, Rotate, Rotated
from orc_runtime.settings import Secret


class KeySet(Struct, frozen=True):
    """A JWK Set (RFC 7517)."""

    keys: tuple[Any, ...]


def signing_key_routes(auth: AuthClient, trusting: Trusting) -> list[HTTPRouteHandler]:
    """Return the handlers of the key set and of its rotation."""

    @get(
        "/.well-known/jwks.json",
        operation_id="jwks",
        tags=["auth"],
        summary="The keys that verify tokens",
        opt={ACCESS: OPEN},
    )
    async def jwks() -> Response[KeySet]:
        # No longer than a new key is told before it signs.
        return json_answer(KeySet(await trusting.keys()), {"Cache-Control": "public, max-age=5"})

    @post(
        "/auth/signing-keys/rotate",
        status_code=200,
        operation_id="rotateSigningKey",
        tags=["auth"],
        summary="Make the next signing key; `drop_old` voids at once what the others signed",
        opt={ACCESS: Access("admin", "keys:write")},
    )
    async def rotate(request: AnyRequest) -> Response[Rotated]:
        body = await read_body(request, RotateBody)
        credential = bearer(request.headers.get("authorization"))
        wish = Rotate(
            request_id=request_id_of(request.scope),
            authority=None if credential is None else Secret(credential),
            drop_old=body.drop_old,
        )
        return json_answer(await auth.ask(ROTATE, wish, Rotated))

    return [jwks, rotate]
