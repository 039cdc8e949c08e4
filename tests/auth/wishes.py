"""What is asked of accounts, with all that a test does not care about filled in."""

import json
from uuid import UUID, uuid4

from orc_auth.identity import Identity
from orc_events.event import Position
from orc_events.log import PostgresLog
from orc_runtime.auth_messages.accounts import (
    Account,
    AddUser,
    Bootstrap,
    ChangePassword,
    ChangeUser,
    RegisterUser,
)
from orc_runtime.auth_messages.api_keys import AddedKey, AddKey
from orc_runtime.auth_messages.sessions import LogIn
from orc_runtime.settings import Secret

BOOTSTRAP = Secret("the one-time secret")
STRONG = "a password long enough"
HERE = "192.0.2.1"


def register(
    username: str = "myuser",
    password: str = "mypassword",
    *,
    authority: Secret | None = None,
    request_id: UUID | None = None,
) -> RegisterUser:
    return RegisterUser(
        request_id=request_id or uuid4(), username=username, password=Secret(password), authority=authority
    )


def bootstrap(
    username: str,
    password: str = STRONG,
    *,
    secret: Secret = BOOTSTRAP,
    address: str = HERE,
    request_id: UUID | None = None,
) -> Bootstrap:
    return Bootstrap(
        request_id=request_id or uuid4(),
        secret=secret,
        username=username,
        password=Secret(password),
        address=address,
    )


def add(authority: Secret | None, username: str, role: str = "operator", password: str = STRONG) -> AddUser:
    return AddUser(
        request_id=uuid4(), authority=authority, username=username, password=Secret(password), role=role
    )


def change(authority: Secret | None, user_id: UUID, **changes: object) -> ChangeUser:
    return ChangeUser(request_id=uuid4(), authority=authority, user_id=user_id, **changes)


def change_password(authority: Secret, old: str, new: str) -> ChangePassword:
    return ChangePassword(
        request_id=uuid4(), authority=authority, old=Secret(old), new=Secret(new), address=HERE
    )


def add_key(authority: Secret, *scopes: str, **changes: object) -> AddKey:
    wanted = {"name": "nightly", "scopes": scopes or ("*",), "expires_at": None} | changes
    return AddKey(request_id=uuid4(), authority=authority, **wanted)


def login(username: str, password: str = STRONG, address: str = HERE) -> LogIn:
    return LogIn(request_id=uuid4(), username=username, password=Secret(password), address=address)


async def token(identity: Identity, username: str, password: str = STRONG) -> Secret:
    """Return an access token of a person."""
    return (await identity.sessions.log_in(login(username, password))).token


async def person(
    identity: Identity, admin: Secret, username: str, role: str = "operator"
) -> tuple[Account, Secret]:
    """Make an account, and return it with an access token of its own."""
    account = await identity.accounts.add(add(admin, username, role))
    return account, await token(identity, username)


async def key_of(identity: Identity, authority: Secret, *scopes: str) -> AddedKey:
    """Make a key."""
    return await identity.api_keys.add(add_key(authority, *scopes))


async def said(pool: object, *kinds: str) -> list[tuple[str, str, dict[str, object]]]:
    """Return type, actor and what else stands in the events of some kinds of stream, oldest first."""
    recorded = await PostgresLog(pool).read(Position(0), 1000)
    return [
        (
            event.type,
            event.actor,
            {name: value for name, value in json.loads(event.data).items() if name != "type"},
        )
        for event in recorded
        if event.stream.partition("-")[0] in kinds
    ]
