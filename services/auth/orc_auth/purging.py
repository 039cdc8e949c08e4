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


async def purge_sessions(pool: asyncpg.Pool) -> Never:
    """For ever, a bounded number a minute."""
    while True:
        for statement in ("purge_refresh_tokens", "purge_sessions"):
            try:
                await pool.execute(load("orc_auth", statement), KEPT_SECONDS)
            except UNREACHABLE as error:
                log.info("not purged now", reason=type(error).__name__)
        await asyncio.sleep(PURGE_SECONDS)
