"""
Child: one worker process as the executor sees it.

It is started by exec, never by fork, from the main thread (a worker asks the kernel to be killed when the thread that
started it ends), in a session of its own (a Ctrl-C at the terminal is the executor's to answer). Orders go to its
standard input, frames come from its standard output, what it writes to standard error goes to our log, up to a limit.
"""

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import structlog

from orc_executor.frames import (
    Answer,
    Failed,
    FrameError,
    Loaded,
    NoReceipt,
    Ping,
    Pong,
    Previewed,
    PreviewOrder,
    Progress,
    Ready,
    Stop,
    Stopped,
    TaskOrder,
    answers,
    encode,
)
from orc_executor.key_pipe import pipe_of
from orc_executor.orphans import Registry
from orc_runtime.settings import Secret

_logger = structlog.get_logger()

WORKER = ("-P", "-m", "orc_executor.worker")
"""Nothing is imported from the folder that the executor happens to be in."""
OFFLINE = "--offline"
START_SECONDS_MAX = 30.0
CLOSE_SECONDS_MAX = 2.0
LAST_WORDS_SECONDS = 1.0
"""How long after its end what a worker wrote may still be on its way."""
STDERR_BYTES_MAX = 64 * 1024
"""Of one order; what is more is dropped."""
_IN, _OUT, _ERR = 0, 1, 2


class WorkerDied(Exception):
    """The worker process ended before it answered."""

    def __init__(self, how: str) -> None:
        super().__init__(f"the worker process {how}")


class Child(asyncio.SubprocessProtocol):
    """A worker process: one order at a time."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._loop = asyncio.get_running_loop()
        self._frames = answers()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._answer: asyncio.Future[Answer] | None = None
        self._heard: Callable[[Progress], None] | None = None
        self._pinged_at: float | None = None
        self._has_exited = self._is_mute = self._is_condemned = False
        self._stderr_room = STDERR_BYTES_MAX
        self.pid = 0
        self.tasks_done = 0

    @property
    def is_usable(self) -> bool:
        """Whether it lives and may be given another order."""
        return not (self._is_condemned or self._has_exited or self._is_mute)

    def silent_seconds(self) -> float:
        """For how long a ping has been waiting for its answer."""
        return 0.0 if self._pinged_at is None else time.monotonic() - self._pinged_at

    async def perform(self, order: TaskOrder | PreviewOrder, heard: Callable[[Progress], None]) -> Answer:
        """Have an order done; `heard` is called with each progress. Raises WorkerDied, FrameError when too large."""
        assert self._answer is None, "one order at a time"
        frame = encode(order)
        self._answer, self._heard = self._loop.create_future(), heard
        self._stderr_room = STDERR_BYTES_MAX
        try:
            if self._has_exited or self._is_mute:
                raise WorkerDied(self._how())
            self._write(frame)
            answer = await self._answer
        except asyncio.CancelledError:
            # What the worker does now is nobody's any more.
            self.kill()
            raise
        finally:
            self._answer = self._heard = None
        self.tasks_done += 1
        if isinstance(answer, Failed) and answer.fatal:
            self._is_condemned = True
        return answer

    def stop(self) -> None:
        """Tell it to end the open order between two batches."""
        self._write(encode(Stop()))

    def ping(self) -> None:
        """Ask whether it is alive, unless it still owes an answer."""
        if self._pinged_at is None:
            self._pinged_at = time.monotonic()
            self._write(encode(Ping()))

    def kill(self) -> None:
        """End it at once."""
        self._is_condemned = True
        if not self._has_exited:
            try:
                self._transport.kill()
            except ProcessLookupError:
                return

    async def close(self) -> None:
        """Let it end, then make it; returns when it has."""
        self._is_condemned = True
        if (orders := self._transport.get_pipe_transport(_IN)) is not None:
            orders.close()
        _, running = await asyncio.wait({self._ended}, timeout=CLOSE_SECONDS_MAX)
        if running:
            self.kill()
            await self._ended
        self._transport.close()

    # --- what the loop tells ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of the process: it runs."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self.pid = self._transport.get_pid()
        self._registry.add(self.pid)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Take what it wrote."""
        if fd == _ERR:
            self._pass_on(data)
            return
        try:
            for frame in self._frames.feed(data):
                self._take(frame)
        except FrameError as error:
            _logger.warning("a worker speaks nonsense", pid=self.pid, reason=str(error))
            self.kill()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002  # given by the loop
        """Hear no more: it closed its end, or ended."""
        if fd == _OUT:
            self._is_mute = True
            self._end_if_over()

    def process_exited(self) -> None:
        """Note its end; what it said before may still come."""
        self._has_exited = True
        self._registry.remove(self.pid)
        self._end_if_over()
        # Somebody who inherited its output may keep that open for ever.
        self._loop.call_later(LAST_WORDS_SECONDS, self._end)

    # --- inside -----------------------------------------------------------------------------------------------

    async def wait_ready(self) -> None:
        """Wait until it takes orders; raises TimeoutError or EOFError, and it is gone then."""
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                await self._ready
        except BaseException:
            self.kill()
            raise

    def _write(self, frame: bytes) -> None:
        pipe = cast("asyncio.WriteTransport | None", self._transport.get_pipe_transport(_IN))
        if pipe is not None and not pipe.is_closing():
            pipe.write(frame)

    def _take(self, frame: Any) -> None:
        match frame:
            case Progress():
                if self._heard is not None:
                    self._heard(frame)
            case Loaded() | NoReceipt() | Previewed() | Stopped() | Failed():
                if self._answer is not None and not self._answer.done():
                    self._answer.set_result(frame)
            case Pong():
                self._pinged_at = None
            case Ready():
                if not self._ready.done():
                    self._ready.set_result(None)

    def _end_if_over(self) -> None:
        if self._has_exited and self._is_mute:
            self._end()

    def _end(self) -> None:
        if self._ended.done():
            return
        self._ended.set_result(None)
        if not self._ready.done():
            self._ready.set_exception(EOFError(f"the worker process {self._how()}"))
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(WorkerDied(self._how()))

    def _how(self) -> str:
        code = self._transport.get_returncode()
        if code is None:
            return "closed its output"
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"

    def _pass_on(self, data: bytes) -> None:
        if self._stderr_room <= 0:
            return
        text = data[: self._stderr_room].decode(errors="replace").rstrip()
        self._stderr_room -= len(data)
        for line in text.splitlines():
            _logger.warning("worker", pid=self.pid, line=line)
        if self._stderr_room <= 0:
            _logger.warning("worker says too much, the rest is dropped", pid=self.pid)


async def spawn(
    registry: Registry,
    environment: Mapping[str, str],
    program: Sequence[str] = WORKER,
    *,
    master_keys: Secret | None = None,
) -> Child:
    """
    Start a worker and wait until it takes orders; raises OSError, TimeoutError or EOFError.

    Master keys reach it through a pipe of their own: an environment can be read by others for as long as it lives.
    """
    with pipe_of(master_keys) as (options, inherited):
        _, child = await asyncio.get_running_loop().subprocess_exec(
            lambda: Child(registry),
            sys.executable,
            *program,
            *options,
            env=dict(environment),
            start_new_session=True,
            pass_fds=inherited,
        )
    await child.wait_ready()
    return child
