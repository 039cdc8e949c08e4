"""Service: answers to core NATS requests, several at once."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from orc_events.connection import Interest, Received
from orc_events.inbox import is_inbox

_logger = structlog.get_logger()

SERVED_MAX = 64
"""Requests answered at once; further ones wait in the client."""


class Service:
    """
    Answers each request with `handler(data)`.

    nats-py awaits one callback after another, so each request gets a task. A handler that raises answers nothing:
    its error is logged here and the asker's wait ends by its own timeout.
    """

    interest: Interest

    def __init__(
        self,
        handler: Callable[[bytes], Awaitable[bytes]],
        tell: Callable[[str, bytes], Awaitable[None]],
    ) -> None:
        self._handler, self._tell = handler, tell
        self._free = asyncio.Semaphore(SERVED_MAX)
        self._tasks: set[asyncio.Task[None]] = set()

    async def receive(self, message: Received) -> None:
        """Begin to answer, waiting when too many are being answered; who asks to be answered elsewhere is not."""
        if not is_inbox(message.reply):
            return
        await self._free.acquire()
        task = asyncio.create_task(self._answer(message))
        self._tasks.add(task)
        task.add_done_callback(self._finish)

    async def close(self) -> None:
        """Take no more requests and give up those being answered."""
        await self.interest.unsubscribe()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answer(self, message: Received) -> None:
        try:
            answer = await self._handler(message.data)
        except Exception:
            _logger.exception("request failed", subject=message.subject)
            return
        await self._tell(message.reply, answer)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._free.release()
