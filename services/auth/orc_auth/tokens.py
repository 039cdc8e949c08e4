"""Signing: the key this installation signs with, and the tokens it signs."""

import base64
import hashlib
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from orc_events.statements import load
from orc_runtime.auth_messages import Keys, PublicKey
from orc_runtime.principal import Role
from orc_runtime.settings import Secret
from orc_runtime.tokens import ALGORITHM, AUDIENCE, ISSUER, TYPE


class SigningKey(Struct, frozen=True):
    """A private key and its name."""

    kid: str
    private: Ed25519PrivateKey


async def signing_key(pool: asyncpg.Pool) -> SigningKey:
    """Return the newest key that signs, making the first one; all processes agree on it."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(load("orc_auth", "lock_keys"))
        row = await connection.fetchrow(load("orc_auth", "signing_key"))
        if row is not None:
            return SigningKey(row["kid"], Ed25519PrivateKey.from_private_bytes(row["private_key"]))
        private = Ed25519PrivateKey.generate()
        public = private.public_key().public_bytes_raw()
        key = SigningKey(thumbprint(public), private)
        await connection.execute(load("orc_auth", "insert_key"), key.kid, private.private_bytes_raw(), public)
        return key


async def verifying_keys(pool: asyncpg.Pool, token_seconds: int) -> Keys:
    """Return the public half of every key a living token may be signed with."""
    rows = await pool.fetch(load("orc_auth", "verifying_keys"), float(token_seconds))
    return Keys(keys=tuple(PublicKey(kid=row["kid"], x=_base64url(row["public_key"])) for row in rows))


def issue(
    key: SigningKey, *, username: str, user_id: UUID, role: Role, now: datetime, seconds: int
) -> Secret:
    """Sign an access token (RFC 9068) that lives from `now` for so many seconds."""
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": f"user:{username}",
        "user_id": str(user_id),
        "role": role,
        "iat": now,
        "exp": now + timedelta(seconds=seconds),
        "jti": str(uuid4()),
    }
    return Secret(jwt.encode(claims, key.private, ALGORITHM, headers={"typ": TYPE, "kid": key.kid}))


def thumbprint(public: bytes) -> str:
    """Return the key's name, the same wherever it is computed (RFC 7638, RFC 8037)."""
    members = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(public)}
    return _base64url(hashlib.sha256(msgspec.json.encode(members, order="sorted")).digest())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
