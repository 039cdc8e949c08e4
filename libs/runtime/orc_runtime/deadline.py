"""
A deadline that holds even when cleaning up does not.

`asyncio.timeout` cancels and then waits for the cancelled to end. A query on a server that is frozen ends late: its
connection first tries to cancel it there, for as long as a command may take. Whoever has promised an answer by a
certain time cannot wait for that.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")


async def within(seconds: float, work: Awaitable[T]) -> T:
    """Return what `work` returns; past `seconds` raise TimeoutError at once, leaving `work` to end cancelled."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(_forget)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.cancel()
        raise TimeoutError
    return task.result()


def _forget(task: asyncio.Future[Any]) -> None:
    """Look at the error of work nobody waits for any more, which asyncio would otherwise complain of."""
    if not task.cancelled():
        task.exception()
