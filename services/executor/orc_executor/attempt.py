"""
Attempt: one try at a run, from the claim to the last thing to be said of it.

    perform    in a worker, for each task left:  order → answer → said    (all but the last answer)
    closing    the last thing to say; the worker is given back before it is said

What interrupts an attempt sets a flag and speaks to the worker; what follows always comes by the worker's answer or
its death, in one place:

    cancel     the worker is told to stop between batches; past the grace it is killed
    lose       the lease is gone: the worker is killed and nothing is said
    abandon    this process is stopping: likewise
    time out   the worker is killed; it may have committed, so another attempt looks

A run in doubt, which an earlier attempt may have loaded, is not closed before its receipt was read: `_look` orders
just that.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog
from msgspec import Struct

from orc_domain.run_messages import FailAttempt, RunTask, SettleRun, StopRun, SucceedTask
from orc_events.errors import NotStorable
from orc_executor.child import Child, WorkerDied
from orc_executor.claim import OwnedRun
from orc_executor.closing import Closing
from orc_executor.frames import NOTHING_STORED, Failed, FrameError, Loaded, NoReceipt, Stopped, TaskOrder
from orc_executor.frames import Progress as Heard
from orc_executor.offline import needs_network
from orc_executor.pool import NoWorker, Pool
from orc_executor.progress import Reporter
from orc_executor.store import ReadStore
from orc_executor.time_limits import RUN_TIMEOUT, TimeLimit, limit_of, look_limit, run_limit
from orc_runtime.clock import Clock

_logger = structlog.get_logger()

KILL_MARGIN_SECONDS = 2.0
"""A worker knows its limit too, and is given this long to answer by itself, with its reason."""


class Surroundings(Struct, frozen=True):
    """What every attempt of this process works with."""

    pool: Pool[Child]
    clock: Clock
    stored: ReadStore
    jitter: Callable[[], float]
    """In [0, 1)."""
    cancel_grace_seconds: float


class Attempt:
    """One attempt; a `leases.Holder`."""

    def __init__(self, owned: OwnedRun, around: Surroundings, reporter: Reporter) -> None:
        self.owned = owned
        self.run_id, self.attempt, self.claim_version = owned.run_id, owned.attempt, owned.claim_version
        self.slots_holder, self.slots_count = owned.slots.holder, owned.slots.count
        self.kept_at = owned.slots.asked_at
        self._around, self._reporter = around, reporter
        self._loop = asyncio.get_running_loop()
        self._worker: Child | None = None
        self._stored = NOTHING_STORED
        self._can_stop = False
        """Whether the open order loads; one that only looks is about to end anyway, with the receipt read."""
        self._is_cancelled = False
        self.is_silenced = False
        """Whether it was lost or abandoned."""
        self.worker_seconds: float | None = None
        """How long it kept a worker, once it gave it back."""
        self._verdict: tuple[str, str] | None = None
        """Kind and message of why we killed the worker."""
        self._grace: asyncio.TimerHandle | None = None

    # --- interruptions ----------------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Stop, because somebody wishes it; saying it again changes nothing."""
        if self._is_cancelled:
            return
        self._is_cancelled = True
        if self._worker is not None and self._can_stop:
            self._stop(self._worker)

    def lose(self, why: str) -> None:
        """Stop at once and say nothing more: the run is no longer ours."""
        _logger.warning("attempt lost", run_id=str(self.run_id), attempt=self.attempt, reason=why)
        self.abandon()

    def abandon(self) -> None:
        """Stop at once and say nothing more: what became of the run will be seen by its next attempt."""
        self.is_silenced = True
        if self._worker is not None:
            self._worker.kill()

    def check(self, silence_seconds_max: float) -> bool:
        """Ask the worker whether it is alive and say whether it was; one silent for too long is killed."""
        if (worker := self._worker) is None:
            return True
        silent = worker.silent_seconds()
        if silent > silence_seconds_max:
            self._kill(
                worker, "worker_died", f"the worker process did not answer for {silence_seconds_max:g} s"
            )
        worker.ping()
        return silent < silence_seconds_max / 4

    def unsayable(self, error: NotStorable) -> Closing:
        """Return what to say instead of a result that the log cannot hold."""
        message = f"the result cannot be recorded: {error}"
        return self._failed("internal", message, retryable=False, task_order=None)

    # --- the work ---------------------------------------------------------------------------------------------

    async def perform(self) -> Closing | None:
        """
        Perform the tasks that are left and return the last thing to say, None when there is none.

        The worker is free again then. Raises what `OwnedRun.say` raises.
        """
        try:
            self._worker = worker = await self._around.pool.acquire(offline=self._is_offline)
        except NoWorker as error:
            return self._failed("worker_died", str(error), retryable=True, task_order=None)
        began = self._loop.time()
        try:
            return await self._perform_tasks(worker)
        except NoWorker as error:
            return self._failed("worker_died", str(error), retryable=True, task_order=None)
        finally:
            worker, self._worker = self._worker or worker, None
            self.worker_seconds = self._loop.time() - began
            self._around.pool.release(worker)

    @property
    def _is_offline(self) -> bool:
        task = self.owned.run.next_task
        return task is not None and not needs_network(task.extractor_config, task.loader_config)

    async def _perform_tasks(self, worker: Child) -> Closing | None:
        tasks_last = self.owned.requested.tasks[-1].task_order
        while not self.is_silenced:
            task = self.owned.run.next_task
            assert task is not None, "a run whose tasks are all done has ended"
            closing = await self._perform_task(worker, task)
            if closing is None or not closing.is_success or task.task_order == tasks_last:
                return closing
            await self.owned.say(closing.command, closing.what)
            if self.owned.run.is_ended:
                return None
            worker = self._worker = await self._around.pool.exchange(worker, offline=self._is_offline)
        return None

    async def _perform_task(self, worker: Child, task: RunTask) -> Closing | None:
        # Before it is looked at whether to begin: a cancel that comes while this is read is seen then.
        self._stored = await self._around.stored(task.extractor_config, task.loader_config)
        if self.owned.run.settle:
            return await self._look(worker, task, Closing(SettleRun(self.attempt), "settled"))
        if self._is_cancelled:
            return await self._stopped(worker, task)
        limit = limit_of(self.owned.requested.policy, task.task_order, self._run_seconds_left())
        if limit.seconds <= 0:
            return await self._overdue(worker, task)
        match await self._order(worker, task, limit, settle=False):
            case Stopped():
                return await self._stopped(worker, task)
            case answer:
                return self._closing(task, limit.judge(answer))

    async def _stopped(self, worker: Child, task: RunTask) -> Closing | None:
        if self.is_silenced:
            return None
        await self.owned.look()
        stopped = Closing(StopRun(self.attempt), "stopped")
        return await self._look(worker, task, stopped) if self.owned.run.in_doubt else stopped

    async def _overdue(self, worker: Child, task: RunTask) -> Closing | None:
        overdue = self._failed(
            RUN_TIMEOUT,
            run_limit(self.owned.requested.policy).message,
            retryable=False,
            task_order=task.task_order,
            receipt_read=True,
        )
        return await self._look(worker, task, overdue) if self.owned.run.in_doubt else overdue

    async def _look(self, worker: Child, task: RunTask, unless_loaded: Closing) -> Closing | None:
        """Read the task's receipt: it is loaded, or what else is to be said."""
        limit = look_limit(task.task_order)
        answer = await self._order(worker, task, limit, settle=True)
        return unless_loaded if isinstance(answer, NoReceipt) else self._closing(task, limit.judge(answer))

    async def _order(self, worker: Child, task: RunTask, limit: TimeLimit, *, settle: bool) -> Any:
        """Give an order and return the answer; what was to be answered in time but was not is a WorkerDied."""
        order = TaskOrder(
            run_id=self.run_id,
            root_id=self.owned.requested.root_id,
            attempt=self.attempt,
            task_id=task.task_id,
            task_order=task.task_order,
            extractor_config=task.extractor_config,
            loader_config=task.loader_config,
            cursor_set=task.cursor_set,
            window=task.window,
            settle=settle,
            check_receipt=settle or self.attempt > 1 or self.owned.requested.root_id != self.run_id,
            task_timeout_seconds=limit.seconds,
            stored=self._stored,
        )

        def heard(progress: Heard) -> None:
            self._reporter.report(task.task_order, progress)

        timer = self._loop.call_later(
            limit.seconds + KILL_MARGIN_SECONDS, self._kill, worker, limit.kind, limit.message
        )
        self._can_stop = not settle
        try:
            return await worker.perform(order, heard)
        except WorkerDied as died:
            return died
        except FrameError as error:
            return Failed("internal", str(error), retryable=False)
        finally:
            self._can_stop = False
            timer.cancel()
            if self._grace is not None:
                self._grace.cancel()

    def _closing(self, task: RunTask, answer: Any) -> Closing | None:
        match answer:
            case Loaded(result=result):
                command = SucceedTask(self.attempt, task.task_order, result)
                return Closing(command, f"task-{task.task_order}-succeeded")
            case Failed(kind=kind, message=message, retryable=retryable):
                return self._failed(kind, message, retryable=retryable, task_order=task.task_order)
            case WorkerDied():
                if self.is_silenced:
                    return None
                kind, message = self._verdict or ("worker_died", str(answer))
                return self._failed(
                    kind,
                    message,
                    # The run's time is over for whoever tries next, too; a look is all that is left.
                    retryable=kind != RUN_TIMEOUT,
                    task_order=task.task_order,
                    uncertain=True,
                )
        return self._failed(
            "internal", f"the worker answered {answer!r}", retryable=True, task_order=task.task_order
        )

    def _failed(
        self,
        kind: str,
        message: str,
        *,
        retryable: bool,
        task_order: int | None,
        uncertain: bool = False,
        receipt_read: bool = False,
    ) -> Closing:
        command = FailAttempt(
            attempt=self.attempt,
            kind=kind,
            message=message,
            retryable=retryable,
            at=self._around.clock.now(),
            jitter=self._around.jitter(),
            task_order=task_order,
            uncertain=uncertain,
            receipt_read=receipt_read,
        )
        return Closing(command, "failed")

    # --- inside -----------------------------------------------------------------------------------------------

    def _run_seconds_left(self) -> float:
        started_at = self.owned.run.started_at
        assert started_at is not None
        until = started_at + timedelta(seconds=self.owned.requested.policy.run_timeout_seconds)
        return (until - self._around.clock.now()).total_seconds()

    def _stop(self, worker: Child) -> None:
        worker.stop()
        grace = self._around.cancel_grace_seconds
        message = f"the worker process did not stop within {grace:g} s of the cancel and was killed"
        self._grace = self._loop.call_later(grace, self._kill, worker, "worker_died", message)

    def _kill(self, worker: Child, kind: str, message: str) -> None:
        # A worker that was given back serves another attempt by now.
        if self._worker is worker:
            self._verdict = self._verdict or (kind, message)
            worker.kill()
