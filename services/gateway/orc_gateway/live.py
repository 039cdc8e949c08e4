"""
Live: new events of the log, read once for all who watch.

    somebody watches → follow the log from its head (poked, else polling) → keep the newest few thousand in memory
    each watcher goes on from its own position: from memory, or from the log when it is further back

Nobody is waited for: a slow watcher falls back to the log, and costs the others nothing.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Never

import structlog
from prometheus_client import CollectorRegistry, Gauge

from orc_events.errors import EventsError, LogUnavailable
from orc_events.event import Position, Recorded
from orc_events.follower import ReadableLog
from orc_events.log import assert_contiguous
from orc_events.wakeup import Wakeup
from orc_gateway.problems import Unavailable
from orc_gateway.reads import Reads

log = structlog.stdlib.get_logger()

KEPT_MAX = 2_000
KEPT_BYTES_MAX = 32 * 1024 * 1024
BATCH_MAX = 500
BATCH_BYTES_MAX = 1024 * 1024
"""Of one watcher's next events; one that is larger comes alone."""
POLL_SECONDS = 0.25
PROGRESS_MAX = 64
"""Progress messages waiting for one watcher; the oldest go first."""


MayGoOn = Callable[[], Awaitable[bool]]


class Watcher:
    """One who watches: told when there is news, and given what is not in the log."""

    def __init__(self, may_go_on: MayGoOn) -> None:
        self.may_go_on = may_go_on
        self.progress: deque[bytes] = deque(maxlen=PROGRESS_MAX)
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Say that there is news."""
        self._news.set()

    def hear(self, _subject: str, data: bytes) -> None:
        """Take a progress message."""
        self.progress.append(data)
        self._news.set()

    async def news(self, seconds_max: float) -> None:
        """Wait for news, or so long."""
        try:
            async with asyncio.timeout(seconds_max):
                await self._news.wait()
        except TimeoutError:
            return
        finally:
            self._news.clear()


class Tail:
    """The end of the log, for any number of watchers up to a maximum."""

    def __init__(
        self, events: ReadableLog, reads: Reads, registry: CollectorRegistry, *, watchers_max: int
    ) -> None:
        self._log, self._reads, self._watchers_max = events, reads, watchers_max
        self._kept: deque[Recorded] = deque()
        self._kept_bytes = 0
        self._end: Position | None = None
        """The position read up to; None while nobody watches."""
        self._watchers: set[Watcher] = set()
        self._wanted, self._wakeup = asyncio.Event(), Wakeup()
        self.is_over = False
        """True once the process is stopping: every watcher ends."""
        gauge = Gauge("orc_event_streams", "Live event streams being served.", registry=registry)
        gauge.set_function(lambda: len(self._watchers))

    async def run(self) -> Never:
        """Read what is new while somebody watches, for ever; ends the watchers when cancelled."""
        try:
            while True:
                await self._wanted.wait()
                try:
                    await self._follow()
                except EventsError as error:
                    log.warning("tail starts over", reason=repr(error))
                    await asyncio.sleep(POLL_SECONDS)
        finally:
            self.end()

    def end(self) -> None:
        """End every watcher; there will be no more."""
        self.is_over = True
        self._wake_all()

    def poke(self) -> None:
        """Say that the log has grown."""
        self._wakeup.poke()

    def refuse_when_full(self) -> None:
        """Raise Unavailable when as many watch as may."""
        if self.is_over or len(self._watchers) >= self._watchers_max:
            raise Unavailable("too many live streams are open", code="too-many-streams")

    @contextmanager
    def watch(self, may_go_on: MayGoOn) -> Iterator[Watcher]:
        """Watch while the block runs; `may_go_on` is asked now and then, since who watched may be let out meanwhile."""
        watcher = Watcher(may_go_on)
        self._watchers.add(watcher)
        self._wanted.set()
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)
            if not self._watchers:
                self._wanted.clear()

    async def head(self) -> Position:
        """Return the log's last position."""
        return await self._log.head()

    async def after(self, position: Position) -> list[Recorded]:
        """Return the next events after a position, a batch at most; none when that is all for now."""
        if self._end is None or position >= self._end:
            return []
        if self._kept and position + 1 >= self._kept[0].position:
            start = position + 1 - self._kept[0].position
            return _first(islice(self._kept, start, start + BATCH_MAX))
        return await self._read(position)

    async def _read(self, after: Position) -> list[Recorded]:
        try:
            batch, _ = await self._reads.events(after, BATCH_MAX, bytes_max=BATCH_BYTES_MAX)
        except Unavailable as error:
            raise LogUnavailable(str(error)) from error
        assert_contiguous(after, batch)
        return batch

    def _keep(self, batch: list[Recorded]) -> None:
        self._kept.extend(batch)
        self._kept_bytes += sum(map(_size, batch))
        while len(self._kept) > KEPT_MAX or self._kept_bytes > KEPT_BYTES_MAX:
            self._kept_bytes -= _size(self._kept.popleft())

    async def _follow(self) -> None:
        self._kept.clear()
        self._kept_bytes = 0
        self._end = await self._log.head()
        self._wake_all()
        try:
            while self._watchers:
                batch = await self._read(self._end)
                if not batch:
                    await self._wakeup.pause(POLL_SECONDS)
                    continue
                self._keep(batch)
                self._end = batch[-1].position
                self._wake_all()
        finally:
            self._end = None

    def _wake_all(self) -> None:
        for watcher in self._watchers:
            watcher.wake()


def _first(events: Iterable[Recorded]) -> list[Recorded]:
    """Return the events up to the one that passes the bytes of a batch."""
    batch, size = [], 0
    for event in events:
        batch.append(event)
        size += _size(event)
        if size >= BATCH_BYTES_MAX:
            break
    return batch


def _size(event: Recorded) -> int:
    return len(event.data)
