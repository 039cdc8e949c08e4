"""
A worker process without a process: what the executor's `Child` speaks to over its two pipes.

The frames, the child, its pool and what an attempt makes of the answers are the product's. What is said again is
`transfer`: look, gather, load, in the product's order, with an await wherever the real one may be killed or paused.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from simulation.loop import PROCESS, Process
from simulation.target import Target

from orc_domain.run_messages import TaskResult
from orc_executor.child import Child
from orc_executor.errors import SourceMalformed, SourceUnavailable, TaskError, TaskStopped, TimedOut
from orc_executor.frames import (  # fmt: skip
    Answer,
    Failed,
    Loaded,
    NoReceipt,
    Ping,
    Pong,
    Ready,
    Stop,
    Stopped,
    TaskOrder,
    encode,
    orders,
)

_OUT = 1
_SIGKILL = -9


class Worker:
    """The process itself, and the transport that the child holds of it."""

    def __init__(self, world: Any, child: Child, executor: Process, number: int) -> None:
        self._world, self._child, self._executor = world, child, executor
        self.process = Process(world.loop, f"{executor.name}/worker-{number}")
        self.process.on_end.append(self._ended)
        self._frames = orders()
        self._returncode: int | None = None
        self._number, self._pipe_free_at = number, 0.0
        self._is_closing = False
        self._is_stopped = False
        self._stuck_until = 0.0
        executor.on_end.append(self.kill)
        world.workers[self] = None

    # --- the child's side: subprocess and write transport in one ----------------------------------------------

    def get_pid(self) -> int:
        return self._number

    def get_pipe_transport(self, _fd: int) -> "Worker":
        return self

    def get_returncode(self) -> int | None:
        return self._returncode

    def is_closing(self) -> bool:
        return self._is_closing

    def write(self, data: bytes) -> None:
        self.process.later(self._world.chance.pipe_seconds(), self._receive, data)

    def close(self) -> None:
        """Close the worker's input; it ends then."""
        self._is_closing = True
        self.process.later(self._world.chance.pipe_seconds(), self.exit, 0)

    def kill(self) -> None:
        """Send SIGKILL, which a process deep in the kernel heeds late."""
        stuck = max(0.0, self._stuck_until - self._world.loop.now)
        self._world.server.later(stuck + self._world.chance.kill_seconds(), self.exit, _SIGKILL)

    # --- the process ------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Say that orders are taken."""
        self.process.soon(self._say, Ready(self._number))

    def exit(self, code: int) -> None:
        """End, whatever it is at."""
        if self._returncode is None:
            self._returncode = code
            self.process.kill()

    def stick(self, seconds: float) -> None:
        """Hang in the kernel, as on a file system that does not answer: no signal is heeded meanwhile."""
        self._stuck_until = self._world.loop.now + seconds
        self.process.pause()
        self._world.server.later(seconds, self.process.resume)

    def _ended(self) -> None:
        self._world.workers.pop(self, None)
        self._hear(self._child.process_exited)
        self._hear(self._child.pipe_connection_lost, _OUT, None)

    def _say(self, frame: Any) -> None:
        self._hear(self._child.pipe_data_received, _OUT, encode(frame))

    def _hear(self, told: Callable[..., None], *args: Any) -> None:
        loop = self._world.loop
        self._pipe_free_at = max(self._pipe_free_at, loop.now + self._world.chance.pipe_seconds())
        loop.call_at(self._pipe_free_at, told, *args, context=self._executor.context)

    def _receive(self, data: bytes) -> None:
        for frame in self._frames.feed(data):
            match frame:
                case TaskOrder():
                    self._is_stopped = False
                    self.process.start(self._answer(frame))
                case Stop():
                    self._is_stopped = True
                case Ping():
                    self._say(Pong())

    async def _answer(self, order: TaskOrder) -> None:
        try:
            answer = await self._perform(order)
        except TaskStopped:
            answer = Stopped()
        except TaskError as error:
            answer = Failed(error.kind, error.message, error.retryable)
        self._world.note(self.process.name, f"answers {answer}")
        self._say(answer)

    # --- the work ---------------------------------------------------------------------------------------------

    async def _perform(self, order: TaskOrder) -> Answer:
        target: Target = self._world.target(order.loader_config["db_path"])
        late_at = self._world.loop.now + order.task_timeout_seconds
        wait_seconds = order.task_timeout_seconds * 0.9
        if order.settle or order.check_receipt:
            async with target.locked(wait_seconds) as session:
                await self._step(order, "looks")
                ledger = session.ledger(order)
                if ledger.receipt is None:
                    session.begin()
                    ledger.hold_back_earlier()
                    await self._step(order, "holds back earlier attempts")
                    session.commit()
                await self._step(order, "looked")
            if ledger.receipt is not None:
                return Loaded(ledger.receipt.result, already=True)
            if order.settle:
                return NoReceipt()
        await self._step(order, "extracts")
        await self._gather(late_at)
        await self._step(order, "is about to load")
        async with target.locked(wait_seconds) as session:
            ledger = session.ledger(order)
            if ledger.receipt is not None:
                return Loaded(ledger.receipt.result, already=True)
            session.begin()
            await self._step(order, "begins")
            ledger.hold_back_earlier()
            rows = len(order.extractor_config["rows"])
            session.insert(order, rows)
            receipt = ledger.write(TaskResult(rows=rows))
            self._check(late_at)
            await self._step(order, "is about to commit")
            session.commit()
            self._world.note(self.process.name, f"committed task {order.task_order}, attempt {order.attempt}")
            await self._step(order, "has committed")
        return Loaded(receipt.result)

    async def _gather(self, late_at: float) -> None:
        for seconds in self._world.chance.batches():
            await asyncio.sleep(seconds)
            self._check(late_at)
        match self._world.chance.source():
            case "unavailable":
                raise SourceUnavailable("HTTP 503")
            case "malformed":
                raise SourceMalformed("a.csv", "no such column", line=3)

    def _check(self, late_at: float) -> None:
        if self._is_stopped:
            raise TaskStopped
        if self._world.loop.now > late_at:
            raise TimedOut(late_at)

    async def _step(self, order: TaskOrder, what: str) -> None:
        """Be at a point where a fault may strike."""
        self._world.strike_worker(self, f"{what}, attempt {order.attempt}")
        await asyncio.sleep(self._world.chance.disk_seconds())


def spawner(world: Any) -> Callable[..., Any]:
    """Return what starts a worker, in the place of `orc_executor.child.spawn`."""

    async def spawn(registry: Any, _environment: Any, **_kind: Any) -> Child:
        if world.chance.refuses_to_start():
            raise OSError("cannot allocate memory")
        child = Child(registry)
        worker = Worker(world, child, PROCESS.get(), next(world.worker_numbers))
        child.connection_made(worker)
        worker.begin()
        await child.wait_ready()
        return child

    return spawn
