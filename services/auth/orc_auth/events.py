"""
What the auth service says in the log, each in the transaction that makes it so, as that transaction's last statement.

An event never holds a hash, a key or a token: those rows are auth's own, the log is everybody's.
"""

import hashlib
from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

import asyncpg
from msgspec import Struct

from orc_auth.vault_events import SecretDeleted, SecretRewrapped, SecretSet, VaultEvent
from orc_domain.streams import (
    api_key_stream,
    secret_stream,
    session_stream,
    signing_key_stream,
    user_stream,
)
from orc_events.codec import EventCodec
from orc_events.errors import LogError
from orc_events.event import Append, StreamName, Version
from orc_events.log import append_within
from orc_runtime.clock import Clock
from orc_runtime.principal import Principal, Role


class UserRegistered(Struct, frozen=True, tag="user.registered"):
    """An account exists from now on."""

    SCHEMA_VERSION: ClassVar[int] = 1

    user_id: UUID
    username: str
    role: Role


class UserRoleChanged(Struct, frozen=True, tag="user.role_changed"):
    """It may more, or less."""

    SCHEMA_VERSION: ClassVar[int] = 1

    user_id: UUID
    role: Role


class UserDeactivated(Struct, frozen=True, tag="user.deactivated"):
    """It may nothing any more; its sessions ended, its keys are worth nothing."""

    SCHEMA_VERSION: ClassVar[int] = 1

    user_id: UUID


class UserActivated(Struct, frozen=True, tag="user.activated"):
    """It may log in again."""

    SCHEMA_VERSION: ClassVar[int] = 1

    user_id: UUID


class UserPasswordChanged(Struct, frozen=True, tag="user.password_changed"):
    """It logs in with another password; its sessions ended."""

    SCHEMA_VERSION: ClassVar[int] = 1

    user_id: UUID


class SessionOpened(Struct, frozen=True, tag="session.opened"):
    """Somebody logged in."""

    SCHEMA_VERSION: ClassVar[int] = 1

    session_id: UUID
    user_id: UUID
    by: str = "password"
    """`password`, or the provider that vouched."""


class SessionEnded(Struct, frozen=True, tag="session.ended"):
    """No token of it is taken any more. `reuse`: a refresh token came twice, so somebody else has one too; `account`: its role, password or being
    active changed; `crowded`: its owner opened very many more.
    """

    SCHEMA_VERSION: ClassVar[int] = 1

    session_id: UUID
    user_id: UUID
    why: Literal["logout", "reuse", "account", "crowded"]


class ApiKeyCreated(Struct, frozen=True, tag="api_key.created"):
    """A key speaks for its owner from now on."""

    SCHEMA_VERSION: ClassVar[int] = 1

    key_id: str
    user_id: UUID
    name: str
    scopes: tuple[str, ...]
    expires_at: datetime | None


class ApiKeyRevoked(Struct, frozen=True, tag="api_key.revoked"):
    """It does not any more."""

    SCHEMA_VERSION: ClassVar[int] = 1

    key_id: str
    user_id: UUID


class SigningKeyMade(Struct, frozen=True, tag="signing_key.made"):
    """Tokens are signed with it from then on, until the next."""

    SCHEMA_VERSION: ClassVar[int] = 1

    kid: str
    signs_from: datetime


class SigningKeyDropped(Struct, frozen=True, tag="signing_key.dropped"):
    """What it signed is void."""

    SCHEMA_VERSION: ClassVar[int] = 1

    kid: str


Event = (
    UserRegistered
    | UserRoleChanged
    | UserDeactivated
    | UserActivated
    | UserPasswordChanged
    | SessionOpened
    | SessionEnded
    | ApiKeyCreated
    | ApiKeyRevoked
    | SigningKeyMade
    | SigningKeyDropped
    | VaultEvent
)

CODEC: EventCodec[Event] = EventCodec(Event)


class Said(Struct, frozen=True):
    """What one stream is told."""

    after_version: int
    """The stream's version before it; 0 for a new stream."""
    events: tuple[Event, ...]
    command_id: UUID


async def say(
    connection: asyncpg.Connection, said: list[Said], *, actor: Principal, request_id: UUID, clock: Clock
) -> None:
    """Append, as the last statement of the caller's transaction; raises LogError."""
    items = []
    for one in said:
        new = tuple(CODEC.encode(event) for event in one.events)
        items.append(
            Append(
                command_id=one.command_id,
                body_hash=hashlib.sha256("\n".join(event.data for event in new).encode()).digest(),
                stream=StreamName(_stream_of(one.events[0])),
                expected_version=Version(one.after_version),
                events=new,
                actor=actor.subject,
                correlation_id=request_id,
                occurred_at=clock.now(),
            )
        )
    for outcome in await append_within(connection, items):
        if isinstance(outcome, LogError):
            raise outcome


def _stream_of(event: Event) -> str:
    match event:
        case SessionOpened() | SessionEnded():
            return session_stream(event.session_id)
        case ApiKeyCreated() | ApiKeyRevoked():
            return api_key_stream(event.key_id)
        case SigningKeyMade() | SigningKeyDropped():
            return signing_key_stream(event.kid)
        case SecretSet() | SecretDeleted() | SecretRewrapped():
            return secret_stream(event.name)
        case _:
            return user_stream(event.user_id)
