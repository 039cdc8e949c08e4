"""
API keys: made by a person for a program, told once, limited by scopes, and ended by time or by word.

A key never does more than its owner may now, nor more than its scopes say; it makes no keys. The log says that there
is one and what it may; what it is, only whoever made it knows.
"""

from datetime import datetime, timedelta
from uuid import uuid4

import asyncpg

from orc_auth.authority import Authority
from orc_auth.denial import Denied, Forbidden, Missing, NoAccount, NotByKey
from orc_auth.events import ApiKeyCreated, ApiKeyRevoked, Said, say
from orc_auth.key_holders import KeyHolders, hash_secret
from orc_auth.sessions import Tell
from orc_auth.transactions import in_transaction
from orc_events.event import NO_STREAM
from orc_events.statements import load
from orc_runtime.access import SCOPES, Access
from orc_runtime.api_key_text import is_key_id, new_key
from orc_runtime.auth_messages.api_keys import (
    AddedKey,
    AddKey,
    ApiKey,
    KeyList,
    KeyOwner,
    ListKeys,
    RevokeKey,
    WhoseKey,
)
from orc_runtime.auth_messages.wire import Done
from orc_runtime.clock import Clock
from orc_runtime.principal import Principal
from orc_runtime.tokens import InvalidToken

LIST_OWN = Access("viewer", "account:read")
LIST_ALL = Access("admin", "users:read")
CHANGE_OWN = Access("viewer", "account:write")
CHANGE_ALL = Access("admin", "users:write")

NAME_CHARS_MAX = 64
DAYS_DEFAULT = 90
DAYS_MAX = 3650
KEYS_MAX = 100
"""Living keys of one account."""
KEPT_DAYS = 90
"""How long a key is still listed that is no longer good."""
DEAD_MAX = 1_000
"""So many of them of one account: who makes and revokes keys again and again fills no table."""
LIST_MAX = 1000
ALL_SCOPES = (*SCOPES, *sorted({f"{scope.partition(':')[0]}:*" for scope in SCOPES}), "*")


class ApiKeys:
    """The API keys of one installation."""

    def __init__(
        self, pool: asyncpg.Pool, authority: Authority, holders: KeyHolders, clock: Clock, tell: Tell
    ) -> None:
        self._pool, self._authority, self._holders = pool, authority, holders
        self._clock, self._tell = clock, tell

    async def add(self, wish: AddKey) -> AddedKey:
        """Make a key for whoever asks; raises Unauthorized, NotByKey, NoAccount and what is invalid."""
        owner = await self._authority.require(wish.authority, CHANGE_OWN)
        if owner.scopes is not None:
            raise NotByKey("makes no keys")
        user_id = owner.user_id
        if user_id is None:
            raise NoAccount
        name, scopes = _read_name(wish.name), _read_scopes(wish.scopes)
        expires_at = _read_expiry(wish.expires_at, self._clock.now())
        parts, command_id = new_key(), uuid4()

        async def work(connection: asyncpg.Connection) -> ApiKey:
            # Counted once nobody else makes one: a statement that waits for a lock still counts what was before it.
            await connection.execute(load("orc_auth", "lock_account"), user_id)
            living = await connection.fetchval(
                load("orc_auth", "count_keys_of"), user_id, KEPT_DAYS, DEAD_MAX
            )
            row = await connection.fetchrow(load("orc_auth", "api_key"), parts.key_id)
            # It is there when this was committed before and the answer was lost.
            if row is None:
                if living >= KEYS_MAX:
                    raise Denied(
                        "conflict", "too-many-keys", f"an account has {KEYS_MAX} keys at most: revoke one"
                    )
                await connection.execute(
                    load("orc_auth", "insert_api_key"),
                    parts.key_id, user_id, name, hash_secret(parts.secret), list(scopes), expires_at,
                )  # fmt: skip
                row = await connection.fetchrow(load("orc_auth", "api_key"), parts.key_id)
            event = ApiKeyCreated(
                key_id=parts.key_id, user_id=user_id, name=name, scopes=scopes, expires_at=expires_at
            )
            said = [Said(NO_STREAM, (event,), command_id)]
            await say(connection, said, actor=owner, request_id=wish.request_id, clock=self._clock)
            return _shown(row)

        return AddedKey(key=parts.text, about=await in_transaction(self._pool, work))

    async def list(self, wish: ListKeys) -> KeyList:
        """Return one's own keys, or an admin everybody's; raises Unauthorized, Forbidden, NoAccount."""
        principal = await self._authority.require(wish.authority, LIST_ALL if wish.everybody else LIST_OWN)
        if principal.user_id is None and not wish.everybody:
            raise NoAccount
        owner = None if wish.everybody else principal.user_id
        rows = await self._pool.fetch(load("orc_auth", "api_keys"), owner, LIST_MAX)
        return KeyList(keys=tuple(_shown(row) for row in rows))

    async def revoke(self, wish: RevokeKey) -> Done:
        """End a key of one's own, or as an admin anybody's; raises Unauthorized, Forbidden, Missing."""
        principal = await self._authority.require(wish.authority, CHANGE_OWN)
        if not is_key_id(wish.key_id):
            raise Missing("API key")
        row = await self._pool.fetchrow(load("orc_auth", "api_key"), wish.key_id)
        if row is None or not await self._may_revoke(principal, row, wish):
            # Others' keys are no more to be found than those that never were.
            raise Missing("API key")
        command_id = uuid4()

        async def work(connection: asyncpg.Connection) -> None:
            if await connection.fetchval(load("orc_auth", "revoke_api_key"), wish.key_id) is not None:
                event = ApiKeyRevoked(key_id=wish.key_id, user_id=row["user_id"])
                said = [Said(1, (event,), command_id)]
                await say(connection, said, actor=principal, request_id=wish.request_id, clock=self._clock)

        await in_transaction(self._pool, work)
        await self._tell()
        return Done()

    async def whose(self, wish: WhoseKey) -> KeyOwner:
        """Return whom a key speaks for; raises Denied (unauthorized)."""
        try:
            return KeyOwner(principal=await self._holders.judge(wish.key))
        except InvalidToken as error:
            raise Denied("unauthorized", "unauthorized", str(error)) from error

    async def _may_revoke(self, principal: Principal, row: asyncpg.Record, wish: RevokeKey) -> bool:
        if row["user_id"] == principal.user_id:
            return True
        try:
            await self._authority.require(wish.authority, CHANGE_ALL)
        except Forbidden:
            return False
        return True


def _read_name(text: str) -> str:
    name = text.strip()
    if not 1 <= len(name) <= NAME_CHARS_MAX or not name.isprintable():
        raise Denied(
            "invalid",
            "invalid",
            "the key's name cannot be that",
            "name",
            valid=f"1 to {NAME_CHARS_MAX} visible characters",
        )
    return name


def _read_scopes(scopes: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [place for place, scope in enumerate(scopes) if scope not in ALL_SCOPES]
    if unknown or not scopes:
        field = f"scopes[{unknown[0]}]" if unknown else "scopes"
        raise Denied(
            "invalid", "invalid-scope", "there is no such scope" if unknown else "a key needs scopes", field,
            valid=", ".join(ALL_SCOPES),
        )  # fmt: skip
    return tuple(dict.fromkeys(scopes))


def _read_expiry(expires_at: datetime | None, now: datetime) -> datetime:
    if expires_at is None:
        return now + timedelta(days=DAYS_DEFAULT)
    if expires_at.tzinfo is None or not now < expires_at <= now + timedelta(days=DAYS_MAX):
        raise Denied(
            "invalid", "invalid-expiry", "a key cannot expire then", "expires_at",
            valid=f"a time with an offset, from now to {DAYS_MAX} days on",
        )  # fmt: skip
    return expires_at


def _shown(row: asyncpg.Record) -> ApiKey:
    return ApiKey(
        key_id=row["key_id"],
        name=row["name"],
        username=row["username"],
        scopes=tuple(row["scopes"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
        revoked_at=row["revoked_at"],
    )
