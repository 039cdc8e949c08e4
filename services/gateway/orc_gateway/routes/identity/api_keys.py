"""API keys: made by a person for a program, listed and revoked."""

from datetime import datetime

from litestar import Response, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from msgspec import Struct, structs

from orc_gateway.answers import json_answer
from orc_gateway.auth_client import AuthClient, unauthorized
from orc_gateway.bodies import read_body
from orc_gateway.guards import ACCESS, credential_of
from orc_gateway.identity_bodies import NewKeyBody
from orc_gateway.request_ids import request_id_of
from orc_gateway.requests import AnyRequest
from orc_runtime.access import Access
from orc_runtime.auth_messages.api_keys import (
    ADD_KEY,
    LIST_KEYS,
    REVOKE_KEY,
    AddedKey,
    AddKey,
    ApiKey,
    KeyList,
    ListKeys,
    RevokeKey,
)
from orc_runtime.auth_messages.wire import Done


class KeyDetails(Struct, frozen=True, kw_only=True):
    """A key, but for the key itself."""

    key_id: str
    """Its public part: what stands between `orc_` and the next underscore."""
    name: str
    username: str
    """Whom it speaks for."""
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    """To the minute."""
    revoked_at: datetime | None


class NewKey(KeyDetails, frozen=True, kw_only=True):
    """A key that was just made."""

    key: str
    """What `Authorization: Bearer` takes; it is not told again."""


def api_key_routes(auth: AuthClient) -> list[HTTPRouteHandler]:
    """Return the handlers of API keys."""

    @post(
        "/auth/api-keys",
        status_code=200,
        operation_id="addApiKey",
        tags=["auth"],
        summary="Make a key that speaks for oneself, within its scopes; the answer is the only time it is told",
        opt={ACCESS: Access("viewer", "account:write")},
    )
    async def add_key(request: AnyRequest) -> Response[NewKey]:
        body = await read_body(request, NewKeyBody)
        authority = credential_of(request)
        if authority is None:
            raise unauthorized("send the access token of whomever the key is to speak for")
        wish = AddKey(
            request_id=request_id_of(request.scope),
            authority=authority,
            name=body.name,
            scopes=body.scopes,
            expires_at=body.expires_at,
        )
        added = await auth.ask(ADD_KEY, wish, AddedKey)
        key = NewKey(key=added.key.reveal(), **structs.asdict(_details(added.about)))
        return json_answer(key, {"Cache-Control": "no-store"})

    @get(
        "/auth/api-keys",
        operation_id="listApiKeys",
        tags=["auth"],
        summary="List one's keys, or as an admin everybody's, the newest first",
        opt={ACCESS: Access("viewer", "account:read")},
    )
    async def list_keys(
        request: AnyRequest, everybody: FromQuery[bool] = False
    ) -> Response[list[KeyDetails]]:
        wish = ListKeys(authority=credential_of(request), everybody=everybody)
        found = await auth.ask(LIST_KEYS, wish, KeyList)
        return json_answer([_details(key) for key in found.keys])

    @delete(
        "/auth/api-keys/{key_id:str}",
        status_code=204,
        operation_id="revokeApiKey",
        tags=["auth"],
        summary="Revoke a key of one's own, or as an admin anybody's; it is worth nothing within 5 s",
        opt={ACCESS: Access("viewer", "account:write")},
    )
    async def revoke_key(request: AnyRequest, key_id: FromPath[str]) -> None:
        wish = RevokeKey(
            request_id=request_id_of(request.scope), authority=credential_of(request), key_id=key_id
        )
        await auth.ask(REVOKE_KEY, wish, Done)

    return [add_key, list_keys, revoke_key]


def _details(key: ApiKey) -> KeyDetails:
    return KeyDetails(
        key_id=key.key_id,
        name=key.name,
        username=key.username,
        scopes=key.scopes,
        created_at=key.created_at,
        expires_at=key.expires_at,
        last_used_at=key.last_used_at,
        revoked_at=key.revoked_at,
    )
