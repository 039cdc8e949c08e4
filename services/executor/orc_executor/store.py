"""
Store: what the secret store holds of the secrets that a task names, read here and opened in the worker alone.

This process speaks Postgres and opens nothing; the worker holds the master key and speaks a pipe. What cannot be read now
is no reason to fail a task yet: the secret may be in a variable or a file, which come first.
"""

from collections.abc import Awaitable, Callable

import asyncpg
import structlog

from orc_domain.config import Config, secret_names
from orc_events.statements import load
from orc_executor.frames import NOTHING_STORED, SealedSecret, Stored
from orc_executor.offline import needs_network
from orc_runtime.database import UNREACHABLE

_logger = structlog.get_logger()

ReadStore = Callable[[Config, Config], Awaitable[Stored]]
"""Returns what the store holds for an extractor's and a loader's config."""
NAMES_MAX = 32
"""That the store is asked for, of one task: a value has 64 KiB, and all go into one frame."""


class Store:
    """Reads sealed secrets."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._statement = load("orc_executor", "sealed_secrets", "queries")

    async def read(self, extractor_config: Config, loader_config: Config) -> Stored:
        """Return what there is of all secrets that the configs name, or why it cannot be told."""
        if not needs_network(extractor_config, loader_config):
            return NOTHING_STORED
        names = sorted(secret_names([extractor_config, loader_config]))
        if not names:
            return NOTHING_STORED
        if len(names) > NAMES_MAX:
            return Stored(trouble=f"a task may name {NAMES_MAX} secrets of it at most, not {len(names)}")
        try:
            rows = await self._pool.fetch(self._statement, names)
        except UNREACHABLE as error:
            _logger.warning("the secret store cannot be read", reason=type(error).__name__)
            return Stored(trouble="it cannot be read now", is_passing=True)
        return Stored(
            tuple(
                SealedSecret(
                    name=row["name"],
                    version=row["version"],
                    data=row["sealed"],
                    wrapped_key=row["wrapped_key"],
                    master_key_id=row["master_key_id"],
                )
                for row in rows
            )
        )
