"""Purging: sessions and refresh tokens that no token can belong to any more are forgotten; the log keeps what was."""

import asyncio
from typing import Never

import asyncpg
import structlog

from orc_events.statements import load
from orc_runtime.database import UNREACHABLE

log = structlog.stdlib.get_logger()

PURGE_SECONDS = 60.0
KEPT_SECONDS = 86_400.0
"""Longer than any access token lives: a session that has ended is told to verifiers for as long."""
AT_ONCE = 1_000
"""Rows of one statement, which has two seconds."""


async def purge_sessions(pool: asyncpg.Pool) -> Never:
    """For ever, each minute."""
    while True:
        try:
            await purge(pool)
        except UNREACHABLE as error:
            log.info("not purged now", reason=type(error).__name__)
        await asyncio.sleep(PURGE_SECONDS)


async def purge(pool: asyncpg.Pool) -> None:
    """Forget all that may be forgotten now; raises UNREACHABLE."""
    for statement in ("purge_refresh_tokens", "purge_sessions"):
        while await pool.execute(load("orc_auth", statement), KEPT_SECONDS, AT_ONCE) == f"DELETE {AT_ONCE}":
            pass
