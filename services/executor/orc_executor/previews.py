"""
Previews: sources that the gateway asks to look at, beside the runs.

    wish → a worker that no run waits for → the answer, or that too many are looked at

A worker is taken that is idle, or one is started; a slot never is, so no run waits for a preview.
"""

import asyncio
from uuid import uuid4

import msgspec
import structlog

from orc_domain.previews import (
    PreviewAnswer,
    PreviewBusy,
    PreviewFailed,
    PreviewLate,
    PreviewShown,
    PreviewWish,
)
from orc_executor.child import Child, WorkerDied
from orc_executor.errors import TimedOut
from orc_executor.frames import (
    Failed,
    FrameError,
    LoadLimits,
    Previewed,
    PreviewOrder,
    Progress,
    TaskOrder,
)
from orc_executor.offline import needs_network
from orc_executor.pool import NoWorker, Pool
from orc_executor.store import ReadStore

_logger = structlog.get_logger()

QUEUE = "executors"
AT_ONCE_MAX = 2
SECONDS_MAX = 12.0
"""Less than the gateway waits, so that the reason reaches who asked."""
KILL_MARGIN_SECONDS = 1.5
NO_LOADER = {"type": "discard"}
_wish = msgspec.json.Decoder(PreviewWish)


class Previews:
    """Answers wishes; bounded in number and time."""

    def __init__(
        self,
        pool: Pool[Child],
        stored: ReadStore,
        *,
        seconds_max: float = SECONDS_MAX,
    ) -> None:
        """Take a way to tell, by `stored`, what the secret store holds for an extractor's and a loader's config."""
        self._pool, self._stored, self._seconds_max = pool, stored, seconds_max
        self._under_way = 0

    async def answer(self, data: bytes) -> bytes:
        """Answer a wish; what cannot be read raises, and its asker hears nothing."""
        wish = _wish.decode(data)
        if self._under_way >= AT_ONCE_MAX:
            return msgspec.json.encode(PreviewBusy())
        self._under_way += 1
        try:
            return msgspec.json.encode(await self._look(wish))
        finally:
            self._under_way -= 1

    async def _look(self, wish: PreviewWish) -> PreviewAnswer:
        try:
            order = await self._order(wish)
            offline = not needs_network(order.task.extractor_config, order.task.loader_config)
            worker = await self._pool.acquire_extra(offline=offline)
        except NoWorker as error:
            return PreviewFailed("worker_died", str(error))
        try:
            # One that is cancelled kills its worker.
            async with asyncio.timeout(self._seconds_max + KILL_MARGIN_SECONDS):
                answer = await worker.perform(order, _unheard)
        except TimeoutError:
            return PreviewLate(self._seconds_max)
        except (WorkerDied, FrameError) as error:
            return PreviewFailed("worker_died", str(error))
        finally:
            self._pool.release_extra(worker)
        match answer:
            case Previewed(preview=preview):
                return PreviewShown(preview)
            case Failed(kind=TimedOut.kind):
                return PreviewLate(self._seconds_max)
            case Failed(kind=kind, message=message):
                return PreviewFailed(kind, message)
        _logger.error("a worker answered a preview with something else", answer=type(answer).__name__)
        return PreviewFailed("internal", "the worker answered something else")

    async def _order(self, wish: PreviewWish) -> PreviewOrder:
        run_id = uuid4()
        loader_config = wish.loader_config or NO_LOADER
        task = TaskOrder(
            run_id=run_id,
            root_id=run_id,
            attempt=1,
            task_id=run_id,
            task_order=1,
            extractor_config=wish.extractor_config,
            loader_config=loader_config,
            stored=await self._stored(wish.extractor_config, loader_config),
            check_receipt=False,
            task_timeout_seconds=self._seconds_max,
            limits=LoadLimits(rows_wanted=wish.rows_wanted),
        )
        return PreviewOrder(task, wish.loader_config is not None)


def _unheard(_progress: Progress) -> None:
    """Nobody follows a preview."""
