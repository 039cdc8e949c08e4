"""A pool that breaks once, at a step of one's choice: before a statement or a commit is done, or after it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from asyncpg import ConnectionDoesNotExistError


class Broken(ConnectionDoesNotExistError):
    """What asyncpg raises when the server goes away."""


class Flaky:
    """Stands for a pool; the step counted `breaks_at` breaks, `after` it was done or before."""

    def __init__(self, pool: Any, breaks_at: int, *, after: bool) -> None:
        self._pool, self._breaks_at, self._after = pool, breaks_at, after
        self.steps = 0

    async def step(self, done: Any) -> Any:
        """Take a step."""
        self.steps += 1
        breaks = self.steps == self._breaks_at
        if breaks and not self._after:
            done.close()
            raise Broken("before")
        result = await done
        if breaks:
            raise Broken("after")
        return result

    @asynccontextmanager
    async def acquire(self, **options: Any) -> AsyncIterator[Any]:
        """Give a connection that breaks."""
        async with self._pool.acquire(**options) as connection:
            yield _Connection(connection, self)

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._pool, name)
        return lambda *values, **options: self.step(asked(*values, **options))


class _Connection:
    def __init__(self, connection: Any, pool: Flaky) -> None:
        self._connection, self._pool = connection, pool

    @asynccontextmanager
    async def transaction(self, **options: Any) -> AsyncIterator[None]:
        transaction = self._connection.transaction(**options)
        await self._pool.step(transaction.start())
        try:
            yield
        except BaseException:
            await transaction.rollback()
            raise
        try:
            await self._pool.step(transaction.commit())
        except Broken:
            if self._connection.is_in_transaction():
                await transaction.rollback()
            raise

    def terminate(self) -> None:
        """Leave the connection as good as it was: only who asked was told that it is not."""

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._connection, name)
        if name not in {"fetch", "fetchrow", "fetchval", "execute"}:
            return asked
        return lambda *values, **options: self._pool.step(asked(*values, **options))
