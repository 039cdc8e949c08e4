"""Key holders: whom an API key speaks for, by what the database says now of the key and of its owner."""

import hashlib
import hmac

import asyncpg

from orc_auth.usernames import KEY_MARK
from orc_events.statements import load
from orc_runtime.api_key_text import parse_key
from orc_runtime.principal import Principal
from orc_runtime.settings import Secret
from orc_runtime.tokens import InvalidToken

USED_SECONDS = 60
"""How exactly it is kept when a key was used last: one write a minute, however often it is sent."""
_NO_HASH = bytes(32)


class KeyHolders:
    """Judges keys."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def judge(self, key: Secret) -> Principal:
        """Return whom it speaks for, with the owner's role of now; raises InvalidToken."""
        parts = parse_key(key.reveal())
        if parts is None:
            raise InvalidToken
        row = await self._pool.fetchrow(load("orc_auth", "key_holder"), parts.key_id, USED_SECONDS)
        # Compared for a key that is not there too, and in the same time wherever the two differ.
        is_right = hmac.compare_digest(
            _NO_HASH if row is None else row["secret_hash"], hash_secret(parts.secret)
        )
        if row is None or not is_right or not row["lives"]:
            raise InvalidToken
        if row["is_used_anew"]:
            await self._pool.execute(load("orc_auth", "use_key"), parts.key_id, USED_SECONDS)
        return Principal(
            subject=f"user:{row['username']}{KEY_MARK}{parts.key_id}",
            user_id=row["user_id"],
            role=row["role"],
            scopes=tuple(row["scopes"]),
        )


def hash_secret(secret: Secret) -> bytes:
    """Return what is kept of a key's secret part; 256 random bits need nothing slower."""
    return hashlib.sha256(secret.reveal().encode()).digest()
