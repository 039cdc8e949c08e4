"""
Concurrent callers share one round trip.

    ask(wish) ──▶ pending ──▶ a free lane takes all that is pending ──▶ perform(wishes) ──▶ each its own answer

A lane never waits for company: alone, a wish goes at once; while all lanes are busy, what arrives goes together next.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from orc_events.errors import LogUnavailable

Wish = TypeVar("Wish")
Answer = TypeVar("Answer")

PENDING_MAX = 20_000


class Coalescer(Generic[Wish, Answer]):
    """
    Performs wishes in batches, at most `lanes` batches at a time.

    A lane is a task that lives while there is something to do: it belongs to no caller, since a caller that is
    cancelled must not take the others' answers along.
    """

    def __init__(
        self,
        perform: Callable[[list[Wish]], Awaitable[Sequence[Answer | Exception]]],
        *,
        lanes: int,
        batch_max: int,
        weigh: Callable[[Wish], int] = lambda _wish: 1,
    ) -> None:
        """`batch_max` bounds the sum of what `weigh` says of a batch's wishes; a heavier wish goes alone."""
        self._perform, self._lanes, self._batch_max, self._weigh = perform, lanes, batch_max, weigh
        self._pending: deque[tuple[Wish, asyncio.Future[Answer]]] = deque()
        self._busy = 0
        self._starting = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, wish: Wish) -> Answer:
        """Return the wish's own answer, or raise its own error; raises LogUnavailable when too many wait."""
        if len(self._pending) >= PENDING_MAX:
            raise LogUnavailable(f"{PENDING_MAX} callers are waiting already")
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._pending.append((wish, answer))
        if not self._starting and self._busy < self._lanes:
            self._starting = True
            self._busy += 1
            lane = asyncio.create_task(self._work())
            self._tasks.add(lane)
            lane.add_done_callback(self._tasks.discard)
        return await answer

    async def _work(self) -> None:
        self._starting = False
        try:
            while batch := self._take():
                await self._answer(batch)
        finally:
            # In the same step as the last look at `_pending`: a wish that comes later finds the lane free.
            self._busy -= 1

    async def _answer(self, batch: list[tuple[Wish, "asyncio.Future[Answer]"]]) -> None:
        try:
            answers = await self._perform([wish for wish, _ in batch])
        except Exception as error:  # noqa: BLE001  # every caller is told, none waits for ever
            answers = [error] * len(batch)
        except BaseException:
            for _, future in batch:
                future.cancel()
            raise
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue  # its caller went away; what was done stays done
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    def _take(self) -> list[tuple[Wish, "asyncio.Future[Answer]"]]:
        batch: list[tuple[Wish, asyncio.Future[Answer]]] = []
        room = self._batch_max
        while self._pending:
            wish, future = self._pending[0]
            if not future.done():
                room -= self._weigh(wish)
                if batch and room < 0:
                    break
                batch.append((wish, future))
            self._pending.popleft()
        return batch
