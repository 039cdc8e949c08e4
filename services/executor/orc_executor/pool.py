"""
Pool: the worker processes of this executor, one per slot at most.

Workers are started when they are needed and reused; one is always kept warm, others are let go after a while without
work. A worker that was killed, failed badly or has done its share of tasks is replaced.

Where workers can be kept from the network there are two kinds, and a task that needs none gets one that has none. A slot
may then have an idle worker of one kind beside a busy one of the other, so that mixed loads start no processes.
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

    def __init__(
        self,
        spawn: Callable[[], Awaitable[W]],
        *,
        slots: int,
        tasks_max: int,
        spawn_offline: Callable[[], Awaitable[W]] | None = None,
    ) -> None:
        """`spawn_offline` starts a worker without network; None where none can be kept from it."""
        self._spawn, self._spawn_offline, self._tasks_max = spawn, spawn_offline, tasks_max
        self._free = asyncio.Semaphore(slots)
        self._idle: list[tuple[W, bool, float]] = []
        """With whether it is offline. The last one used comes last, and is used next: it is the warmest."""
        self._busy: dict[W, bool] = {}
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

    async def acquire(self, *, offline: bool = False) -> W:
        """Return a worker for one attempt, waiting for a free slot; raises NoWorker when none starts."""
        await self._free.acquire()
        try:
            return await self.acquire_extra(offline=offline)
        except BaseException:
            self._free.release()
            raise

    def release(self, worker: W) -> None:
        """Take a worker back from an attempt."""
        self.release_extra(worker)
        self._free.release()

    async def exchange(self, worker: W, *, offline: bool) -> W:
        """Return a worker of the kind in place of one, which is itself where it is of that kind; raises NoWorker."""
        if self._busy[worker] == self._is_offline(wanted=offline):
            return worker
        other = await self.acquire_extra(offline=offline)
        self.release_extra(worker)
        return other

    async def acquire_extra(self, *, offline: bool = False) -> W:
        """Return a worker beside the slots: an idle one, else a new one; raises NoWorker. No attempt waits for it."""
        offline = self._is_offline(wanted=offline)
        worker = self._take_idle(offline=offline) or await self._start(offline=offline)
        self._busy[worker] = offline
        return worker

    def release_extra(self, worker: W) -> None:
        """Take such a worker back."""
        offline = self._busy.pop(worker)
        if worker.is_usable and worker.tasks_done < self._tasks_max:
            self._idle.append((worker, offline, time.monotonic()))
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
        while self.size > 1 and self._idle and now - self._idle[0][2] > IDLE_SECONDS_MAX:
            self._let_go(self._idle.pop(0)[0])
        if self.size == 0:
            try:
                self.release(await self.acquire(offline=True))
            except NoWorker as error:
                _logger.warning("no worker could be started", reason=str(error))

    async def close(self) -> None:
        """End every worker, the busy ones at once."""
        for worker in self._busy:
            worker.kill()
        for worker, *_ in self._idle:
            self._let_go(worker)
        self._idle.clear()
        while self._closing:
            await asyncio.gather(*self._closing, return_exceptions=True)

    def _is_offline(self, *, wanted: bool) -> bool:
        return wanted and self._spawn_offline is not None

    def _take_idle(self, *, offline: bool) -> W | None:
        for entry in [entry for entry in reversed(self._idle) if entry[1] == offline]:
            self._idle.remove(entry)
            if entry[0].is_usable:
                return entry[0]
            self._let_go(entry[0])
        return None

    async def _start(self, *, offline: bool) -> W:
        spawn = self._spawn_offline if offline and self._spawn_offline else self._spawn
        try:
            worker = await spawn()
        except (OSError, TimeoutError, EOFError) as error:
            self._trouble = f"a worker did not start: {error!r}"
            raise NoWorker(self._trouble) from error
        self._trouble = None
        return worker

    def _let_go(self, worker: W) -> None:
        task = asyncio.create_task(worker.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
