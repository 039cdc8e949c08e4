"""Secrets of jobs: set, listed by name, deleted, sealed anew; what one holds is never answered."""

from datetime import datetime

from litestar import Response, delete, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Struct

from orc_gateway.answers import json_answer
from orc_gateway.auth_client import AuthClient
from orc_gateway.bodies import NoBody, read_body
from orc_gateway.guards import ACCESS, credential_of
from orc_gateway.identity_bodies import SecretBody
from orc_gateway.request_ids import request_id_of
from orc_gateway.requests import AnyRequest
from orc_runtime.access import Access
from orc_runtime.auth_messages.secrets import (
    DELETE_SECRET,
    LIST_SECRETS,
    REWRAP_SECRETS,
    SET_SECRET,
    DeleteSecret,
    ListSecrets,
    Rewrapped,
    RewrapSecrets,
    SecretList,
    SetSecret,
    StoredSecret,
)
from orc_runtime.auth_messages.wire import Done
from orc_runtime.settings import Secret

REWRAP_SECONDS_MAX = 4.0


class SecretDetails(Struct, frozen=True, kw_only=True):
    """That there is a secret."""

    name: str
    """As jobs refer to it: `{"secret": "name"}`."""
    version: int
    """One more whenever it was given another value."""
    updated_at: datetime
    updated_by: str
    """Who did: an actor of the log."""
    master_key_id: str
    """The master key that seals it."""


class RewrappedDetails(Struct, frozen=True, kw_only=True):
    """What the newest master key seals now."""

    master_key_id: str
    rewrapped: int
    """Secrets that another one had sealed."""
    signing_keys: int
    """Likewise of the keys that sign tokens."""
    left: int
    """Secrets that another one still seals: ask again, unless they are among the `unopened`."""
    unopened: tuple[str, ...]
    """Secrets that no master key here opens: set them anew."""


def secret_routes(auth: AuthClient) -> list[HTTPRouteHandler]:
    """Return the handlers of the secret store."""

    @put(
        "/secrets/{name:str}",
        operation_id="setSecret",
        tags=["secrets"],
        summary="Give a secret a value; it is never told again",
        opt={ACCESS: Access("admin", "secrets:write")},
    )
    async def set_secret(request: AnyRequest, name: FromPath[str]) -> Response[SecretDetails]:
        body = await read_body(request, SecretBody)
        wish = SetSecret(
            request_id=request_id_of(request.scope),
            authority=credential_of(request),
            name=name,
            value=Secret(body.value),
        )
        return json_answer(_details(await auth.ask(SET_SECRET, wish, StoredSecret)))

    @get(
        "/secrets",
        operation_id="listSecrets",
        tags=["secrets"],
        summary="List the secrets of the store by name, and never what they hold",
        opt={ACCESS: Access("operator", "secrets:read")},
    )
    async def list_secrets(request: AnyRequest) -> Response[list[SecretDetails]]:
        found = await auth.ask(LIST_SECRETS, ListSecrets(authority=credential_of(request)), SecretList)
        return json_answer([_details(one) for one in found.secrets])

    @delete(
        "/secrets/{name:str}",
        status_code=204,
        operation_id="deleteSecret",
        tags=["secrets"],
        summary="Delete a secret of the store",
        opt={ACCESS: Access("admin", "secrets:write")},
    )
    async def delete_secret(request: AnyRequest, name: FromPath[str]) -> None:
        wish = DeleteSecret(
            request_id=request_id_of(request.scope), authority=credential_of(request), name=name
        )
        await auth.ask(DELETE_SECRET, wish, Done)

    @post(
        "/secrets/rewrap",
        status_code=200,
        operation_id="rewrapSecrets",
        tags=["secrets"],
        summary="Seal by the newest master key what older ones seal; ask again while something is left",
        opt={ACCESS: Access("admin", "secrets:write")},
    )
    async def rewrap_secrets(request: AnyRequest) -> Response[RewrappedDetails]:
        await read_body(request, NoBody, required=False)
        wish = RewrapSecrets(request_id=request_id_of(request.scope), authority=credential_of(request))
        done = await auth.ask(REWRAP_SECRETS, wish, Rewrapped, seconds_max=REWRAP_SECONDS_MAX)
        return json_answer(
            RewrappedDetails(
                master_key_id=done.master_key_id,
                rewrapped=done.rewrapped,
                signing_keys=done.signing_keys,
                left=done.left,
                unopened=done.unopened,
            )
        )

    return [set_secret, list_secrets, delete_secret, rewrap_secrets]


def _details(secret: StoredSecret) -> SecretDetails:
    return SecretDetails(
        name=secret.name,
        version=secret.version,
        updated_at=secret.updated_at,
        updated_by=secret.updated_by,
        master_key_id=secret.master_key_id,
    )
