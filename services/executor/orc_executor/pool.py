"""
Pool: the worker processes of this executor, one per slot at most.

Workers are started when they are needed and reused; one is always kept warm, others are let go after a while without
work. A worker that was killed, failed badly or has done its share of tasks is replaced.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, Never, Protocol, TypeVar

import structlog

_logger = structlog.get_logger()

IDLE_SECONDS_MAX = 30.0
TEND_SECONDS = 2.0


class NoWorker(Exception):
    """No worker process could be started."""


class Worker(Protocol):
    """What the pool asks of a worker process."""

    tasks_done: int

    @property
    def is_usable(self) -> bool:
        """Whether it lives and may be given another task."""
        ...

    async def close(self) -> None:
        """End it and wait for its end; bounded."""

    def kill(self) -> None:
        """End it at once."""


W = TypeVar("W", bound=Worker)


class Pool(Generic[W]):
    """Lends workers to attempts, first come, first served."""

    def __init__(self, spawn: Callable[[], Awaitable[W]], *, slots: int, tasks_max: int) -> None:
        self._spawn, self._tasks_max = spawn, tasks_max
        self._free = asyncio.Semaphore(slots)
        self._idle: list[tuple[W, float]] = []
        """The last one used comes last, and is used next: it is the warmest."""
        self._busy: set[W] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._trouble: str | None = "no worker was started yet"

    @property
    def size(self) -> int:
        """Workers there are, busy or not."""
        return len(self._idle) + len(self._busy)

    @property
    def trouble(self) -> str | None:
        """Why no worker can be had, None when one can."""
        return self._trouble

    async def acquire(self) -> W:
        """Return a worker for one attempt, waiting for a free slot; raises NoWorker when none starts."""
        await self._free.acquire()
        try:
            return await self.acquire_extra()
        except BaseException:
            self._free.release()
            raise

    def release(self, worker: W) -> None:
        """Take a worker back from an attempt."""
        self.release_extra(worker)
        self._free.release()

    async def acquire_extra(self) -> W:
        """Return a worker beside the slots: an idle one, else a new one; raises NoWorker. No attempt waits for it."""
        worker = self._take_idle() or await self._start()
        self._busy.add(worker)
        return worker

    def release_extra(self, worker: W) -> None:
        """Take such a worker back."""
        self._busy.remove(worker)
        if worker.is_usable and worker.tasks_done < self._tasks_max:
            self._idle.append((worker, time.monotonic()))
        else:
            self._let_go(worker)

    async def tend(self) -> Never:
        """Keep one worker warm and let go of idle ones, for ever."""
        while True:
            await self.tidy(time.monotonic())
            await asyncio.sleep(TEND_SECONDS)

    async def tidy(self, now: float) -> None:
        """Do once what `tend` does."""
        for entry in [entry for entry in self._idle if not entry[0].is_usable]:
            self._idle.remove(entry)
            self._let_go(entry[0])
        while self.size > 1 and self._idle and now - self._idle[0][1] > IDLE_SECONDS_MAX:
            self._let_go(self._idle.pop(0)[0])
        if self.size == 0:
            try:
                self.release(await self.acquire())
            except NoWorker as error:
                _logger.warning("no worker could be started", reason=str(error))

    async def close(self) -> None:
        """End every worker, the busy ones at once."""
        for worker in self._busy:
            worker.kill()
        for worker, _ in self._idle:
            self._let_go(worker)
        self._idle.clear()
        while self._closing:
            await asyncio.gather(*self._closing, return_exceptions=True)

    def _take_idle(self) -> W | None:
        while self._idle:
            worker, _ = self._idle.pop()
            if worker.is_usable:
                return worker
            self._let_go(worker)
        return None

    async def _start(self) -> W:
        try:
            worker = await self._spawn()
        except (OSError, TimeoutError, EOFError) as error:
            self._trouble = f"a worker did not start: {error!r}"
            raise NoWorker(self._trouble) from error
        self._trouble = None
        return worker

    def _let_go(self, worker: W) -> None:
        task = asyncio.create_task(worker.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
