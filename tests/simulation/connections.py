"""Connections of one process, given out as asyncpg's pool does."""

import asyncio
from collections.abc import Callable
from typing import Any

from simulation.loop import Process


class Pool:
    """Connections of one process, made as they are wanted."""

    def __init__(self, make: Callable[[], Any], database: Any, process: Process) -> None:
        self._make, self._database = make, database
        self._given: dict[Any, None] = {}
        process.on_end.append(self._vanish)

    def acquire(self, *, timeout: float | None = None) -> "_Acquired":
        return _Acquired(self)

    async def fetch(self, statement: str, *values: Any) -> Any:
        async with self.acquire() as connection:
            return await connection.fetch(statement, *values)

    async def fetchrow(self, statement: str, *values: Any) -> Any:
        async with self.acquire() as connection:
            return await connection.fetchrow(statement, *values)

    async def fetchval(self, statement: str, *values: Any) -> Any:
        async with self.acquire() as connection:
            return await connection.fetchval(statement, *values)

    execute = fetch

    async def open_connection(self) -> Any:
        """Give a connection out; raises OSError while the server is down."""
        await asyncio.sleep(0)
        if self._database.is_down:
            raise ConnectionRefusedError("the database is down")
        connection = self._make()
        self._given[connection] = None
        return connection

    def take_back(self, connection: Any) -> None:
        """Put a connection back."""
        self._given.pop(connection, None)
        self._database.connections.pop(connection, None)

    def _vanish(self) -> None:
        """See what a server sees of a client that died: nothing at first, and its locks stay."""
        for connection in self._given:
            self._database.server.later(self._database.chance.half_open_seconds(), connection.terminate)


class _Acquired:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def __aenter__(self) -> Any:
        self._connection = await self._pool.open_connection()
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        self._pool.take_back(self._connection)
