"""A transaction that is tried again when its connection was broken already."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

T = TypeVar("T")

TRIES_MAX = 2
"""A connection that broke in the pool is found by using it; the second try gets a fresh one."""

BROKEN = (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError)


async def in_transaction(pool: asyncpg.Pool, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
    """
    Return what `work` does, committed.

    It may have been committed the first time too, its answer lost: `work` must be right twice.
    """
    for attempt in range(1, TRIES_MAX + 1):
        try:
            async with pool.acquire() as connection, connection.transaction():
                return await work(connection)
        except BROKEN:
            if attempt == TRIES_MAX:
                raise
    raise AssertionError("the loop returns or raises")
