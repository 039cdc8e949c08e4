"""
Signing keys: one signs, the next is told before it does, the last is honoured until what it signed has expired.

    rotate      a new key, told at once, signing `KEY_AHEAD_SECONDS` later: no verifier goes by older news then, so no
                valid token is ever refused
    drop        when a key is lost: a new one signs at once, and whatever older ones signed is void

All times are the database's, so all auth processes sign with the same key at any moment.
"""

import asyncio
import base64
import hashlib
from datetime import datetime
from typing import Protocol
from uuid import UUID, uuid4

import asyncpg
import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from orc_auth.denial import Denied, Unavailable
from orc_auth.events import Said, SigningKeyDropped, SigningKeyMade, say
from orc_auth.transactions import in_transaction
from orc_events.errors import LogError
from orc_events.event import NO_STREAM
from orc_events.statements import load
from orc_runtime.auth_messages.trust import KEY_AHEAD_SECONDS, PublicKey
from orc_runtime.clock import Clock
from orc_runtime.database import UNREACHABLE
from orc_runtime.principal import Principal
from orc_runtime.sealing import CannotOpen

log = structlog.stdlib.get_logger()

KEYS_ACTOR = Principal(subject="auth", user_id=None, role="admin")
"""Who makes the first key, and renews an old one."""
LEEWAY_SECONDS = 60.0
"""A retired key is told this much longer than its tokens live."""
_DAY = 86_400.0
LOOK_SECONDS = 3_600.0


class Sealer(Protocol):
    """Keeps what rests in the database from being read there."""

    def seal(self, name: str, data: bytes) -> bytes:
        """Return what may rest."""

    def open(self, name: str, data: bytes) -> bytes:
        """Return what was sealed under the name; what was never sealed as it is."""


class Clear:
    """Where there is no key to seal with: what rests, rests as it is."""

    def seal(self, name: str, data: bytes) -> bytes:
        """Return it as it is."""
        del name
        return data

    def open(self, name: str, data: bytes) -> bytes:
        """Return it as it is."""
        del name
        return data


CLEAR = Clear()


class SigningKey(Struct, frozen=True):
    """A private key and its name."""

    kid: str
    private: Ed25519PrivateKey


class SigningKeys:
    """The keys of one installation."""

    def __init__(
        self, pool: asyncpg.Pool, sealer: Sealer, clock: Clock, *, token_seconds: int, days: int
    ) -> None:
        self._pool, self._sealer, self._clock = pool, sealer, clock
        self._told_seconds = token_seconds + LEEWAY_SECONDS
        self._days = days

    async def prepare(self) -> None:
        """Make the first key, if there is none; all processes agree on it."""
        await in_transaction(self._pool, self._make_when_missing)

    async def current(self) -> tuple[SigningKey, datetime]:
        """Return the key that signs now, and what time it is; raises Unavailable when there is none."""
        row = await self._pool.fetchrow(load("orc_auth", "signing_key"))
        if row is None:
            raise Unavailable
        try:
            private = self._sealer.open(row["kid"], row["private_key"])
        except CannotOpen as error:
            # Another process has sealed it by a master key that came later than we did.
            log.error("the signing key cannot be opened", kid=row["kid"], reason=str(error))  # noqa: TRY400
            raise Unavailable from error
        return SigningKey(row["kid"], Ed25519PrivateKey.from_private_bytes(private)), row["now"]

    async def public(self) -> tuple[PublicKey, ...]:
        """Return the public half of every key that a living token may be signed with, and of the next."""
        rows = await self._pool.fetch(load("orc_auth", "verifying_keys"), self._told_seconds)
        return tuple(PublicKey(kid=row["kid"], x=base64url(row["public_key"])) for row in rows)

    async def rotate(self, actor: Principal, request_id: UUID, *, drop_old: bool = False) -> str:
        """Make the next key and return its name; raises Denied while one is still to begin."""

        async def work(connection: asyncpg.Connection) -> str:
            await connection.execute(load("orc_auth", "lock_keys"))
            newest = await connection.fetchrow(load("orc_auth", "newest_key"))
            if newest is not None and not newest["signs"] and not drop_old:
                raise Denied(
                    "conflict",
                    "rotating",
                    f"a key that was just made begins to sign within {KEY_AHEAD_SECONDS:g} s",
                )
            return await self._make(connection, actor, request_id, drop_old=drop_old)

        return await in_transaction(self._pool, work)

    async def keep_young(self) -> None:
        """For ever: replace a key that is too old."""
        while True:
            try:
                await self.replace_when_old()
            except (*UNREACHABLE, LogError) as error:
                log.info("keys not looked at now", reason=type(error).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    async def replace_when_old(self) -> None:
        """Make the next key if the newest is too old."""
        await in_transaction(self._pool, self._replace_when_old)

    async def _make_when_missing(self, connection: asyncpg.Connection) -> None:
        await connection.execute(load("orc_auth", "lock_keys"))
        if await connection.fetchrow(load("orc_auth", "newest_key")) is None:
            await self._make(connection, KEYS_ACTOR, uuid4(), drop_old=True)

    async def _replace_when_old(self, connection: asyncpg.Connection) -> None:
        await connection.execute(load("orc_auth", "lock_keys"))
        newest = await connection.fetchrow(load("orc_auth", "newest_key"))
        if newest is not None and newest["signs"] and newest["seconds"] > self._days * _DAY:
            await self._make(connection, KEYS_ACTOR, uuid4(), drop_old=False)

    async def _make(
        self, connection: asyncpg.Connection, actor: Principal, request_id: UUID, *, drop_old: bool
    ) -> str:
        private = Ed25519PrivateKey.generate()
        public = private.public_key().public_bytes_raw()
        kid = thumbprint(public)
        signs_from = await connection.fetchval(
            load("orc_auth", "insert_key"),
            kid,
            self._sealer.seal(kid, private.private_bytes_raw()),
            public,
            0.0 if drop_old else KEY_AHEAD_SECONDS,
        )
        made = SigningKeyMade(kid=kid, signs_from=signs_from)
        said = [Said(NO_STREAM, (made,), uuid4())]
        if drop_old:
            dropped = await connection.fetch(load("orc_auth", "drop_keys"), kid)
            said += [
                Said(int(row["was_said"]), (SigningKeyDropped(kid=row["kid"]),), uuid4()) for row in dropped
            ]
        await say(connection, said, actor=actor, request_id=request_id, clock=self._clock)
        return kid


def thumbprint(public: bytes) -> str:
    """Return the key's name, the same wherever it is computed (RFC 7638, RFC 8037)."""
    members = {"crv": "Ed25519", "kty": "OKP", "x": base64url(public)}
    return base64url(hashlib.sha256(msgspec.json.encode(members, order="sorted")).digest())


def base64url(data: bytes) -> str:
    """Return the text of bytes, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
