"""What verifiers are told: which keys to go by, and which sessions are over."""

import asyncpg

from orc_auth.signing import SigningKeys
from orc_events.statements import load
from orc_runtime.auth_messages.trust import ENDED_MAX, Trust
from orc_runtime.tokens import LEEWAY_SECONDS


class Trusted:
    """Reads it from the database, anew each time."""

    def __init__(self, pool: asyncpg.Pool, keys: SigningKeys, *, token_seconds: int) -> None:
        self._pool, self._keys = pool, keys
        self._seconds = float(token_seconds + 2 * LEEWAY_SECONDS)

    async def tell(self) -> Trust:
        """Return what holds now."""
        rows = await self._pool.fetch(load("orc_auth", "ended_sessions"), self._seconds, ENDED_MAX + 1)
        listed = rows[:ENDED_MAX]
        return Trust(
            keys=await self._keys.public(),
            ended=tuple(row["session_id"] for row in listed),
            tokens_from=rows[ENDED_MAX]["ended_at"] if len(rows) > ENDED_MAX else None,
        )
