"""Accounts: made by their owners where anybody may, else by an admin, and changed."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Response, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import UNSET, Struct

from orc_gateway.answers import json_answer, next_link
from orc_gateway.auth_client import AuthClient, unauthorized
from orc_gateway.bodies import read_body
from orc_gateway.guards import ACCESS, credential_of
from orc_gateway.identity_bodies import BootstrapBody, ChangeUserBody, Credentials, NewUserBody, PasswordBody
from orc_gateway.request_ids import request_id_of
from orc_gateway.requests import AnyRequest, address_of
from orc_runtime.access import OPEN, Access
from orc_runtime.auth_messages.accounts import (
    ADD_USER,
    BOOTSTRAP,
    CHANGE_PASSWORD,
    CHANGE_USER,
    LIST_USERS,
    REGISTER,
    Account,
    AccountList,
    AddUser,
    Bootstrap,
    ChangePassword,
    ChangeUser,
    ListUsers,
    RegisterUser,
)
from orc_runtime.principal import Role
from orc_runtime.settings import Secret

USERS_MAX = 1_000
NO_STORE = {"Cache-Control": "no-store"}

Limit = Annotated[int, QueryParameter(ge=1, le=USERS_MAX, description="At most so many.")]


class User(Struct, frozen=True, kw_only=True):
    """An account as whoever registers sees it."""

    user_id: UUID
    username: str
    created_at: datetime
    updated_at: datetime


class UserDetails(User, frozen=True, kw_only=True):
    """An account as an admin sees it."""

    role: Role
    is_active: bool
    """Whether it may log in, and its keys be used."""


def user_routes(auth: AuthClient) -> list[HTTPRouteHandler]:
    """Return the handlers of accounts."""

    @post(
        "/auth/register",
        status_code=200,
        operation_id="register",
        tags=["auth"],
        summary="Make an account; with ORC_AUTH=required an admin's alone",
        opt={ACCESS: Access("admin", "users:write")},
    )
    async def register(request: AnyRequest) -> Response[User]:
        body = await read_body(request, Credentials)
        wish = RegisterUser(
            request_id=request_id_of(request.scope),
            username=body.username,
            password=Secret(body.password),
            authority=credential_of(request),
        )
        made = await auth.ask(REGISTER, wish, Account)
        return json_answer(
            User(
                user_id=made.user_id,
                username=made.username,
                created_at=made.created_at,
                updated_at=made.updated_at,
            )
        )

    @post(
        "/auth/bootstrap",
        status_code=200,
        operation_id="bootstrap",
        tags=["auth"],
        summary="Make the first admin by the bootstrap secret; works once",
        opt={ACCESS: OPEN},
    )
    async def bootstrap(request: AnyRequest) -> Response[UserDetails]:
        body = await read_body(request, BootstrapBody)
        wish = Bootstrap(
            request_id=request_id_of(request.scope),
            secret=Secret(body.secret),
            username=body.username,
            password=Secret(body.password),
            address=address_of(request),
        )
        return json_answer(_details(await auth.ask(BOOTSTRAP, wish, Account)), NO_STORE)

    @post(
        "/auth/users",
        status_code=200,
        operation_id="addUser",
        tags=["auth"],
        summary="Make an account of any role",
        opt={ACCESS: Access("admin", "users:write")},
    )
    async def add_user(request: AnyRequest) -> Response[UserDetails]:
        body = await read_body(request, NewUserBody)
        wish = AddUser(
            request_id=request_id_of(request.scope),
            authority=credential_of(request),
            username=body.username,
            password=Secret(body.password),
            role=body.role,
        )
        return json_answer(_details(await auth.ask(ADD_USER, wish, Account)))

    @get(
        "/auth/users",
        operation_id="listUsers",
        tags=["auth"],
        summary="List accounts, the oldest first",
        opt={ACCESS: Access("admin", "users:read")},
    )
    async def list_users(
        request: AnyRequest, limit: Limit = USERS_MAX, after: FromQuery[UUID | None] = None
    ) -> Response[list[UserDetails]]:
        wish = ListUsers(authority=credential_of(request), limit=limit, after=after)
        page = await auth.ask(LIST_USERS, wish, AccountList)
        headers = {"X-Total-Count": str(page.total)}
        if len(page.accounts) == limit:
            headers["Link"] = next_link("/auth/users", after=page.accounts[-1].user_id, limit=limit)
        return json_answer([_details(account) for account in page.accounts], headers)

    @put(
        "/auth/users/{user_id:str}",
        operation_id="changeUser",
        tags=["auth"],
        summary="Change an account's role, password or whether it is active; its sessions end",
        opt={ACCESS: Access("admin", "users:write")},
    )
    async def change_user(request: AnyRequest, user_id: FromPath[UUID]) -> Response[UserDetails]:
        body = await read_body(request, ChangeUserBody)
        wish = ChangeUser(
            request_id=request_id_of(request.scope),
            authority=credential_of(request),
            user_id=user_id,
            role=None if body.role is UNSET else body.role,
            is_active=None if body.is_active is UNSET else body.is_active,
            password=None if body.password is UNSET else Secret(body.password),
        )
        return json_answer(_details(await auth.ask(CHANGE_USER, wish, Account)))

    @post(
        "/auth/password",
        status_code=204,
        operation_id="changePassword",
        tags=["auth"],
        summary="Change one's own password; all of one's sessions end, this one too",
        opt={ACCESS: Access("viewer", "account:write")},
    )
    async def change_password(request: AnyRequest) -> Response[None]:
        body = await read_body(request, PasswordBody)
        authority = credential_of(request)
        if authority is None:
            raise unauthorized("send the access token of whoever's password is to change")
        wish = ChangePassword(
            request_id=request_id_of(request.scope),
            authority=authority,
            old=Secret(body.old),
            new=Secret(body.new),
            address=address_of(request),
        )
        await auth.ask(CHANGE_PASSWORD, wish, Account)
        return Response(None, status_code=204)

    return [register, bootstrap, add_user, list_users, change_user, change_password]


def _details(account: Account) -> UserDetails:
    return UserDetails(
        user_id=account.user_id,
        username=account.username,
        created_at=account.created_at,
        updated_at=account.updated_at,
        role=account.role,
        is_active=account.is_active,
    )
