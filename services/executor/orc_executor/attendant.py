"""
Attendant: the thread that stays at the pipe while the main thread works.

The pipe's end is the executor's end, so the process goes with it at once: whatever the main thread is at, either its
transaction is not committed or its receipt is.
"""

import os
import queue
import select
import sys
import threading
from typing import NoReturn

from orc_executor.errors import storable
from orc_executor.frames import (
    Answer,
    Failed,
    FrameError,
    FromParent,
    FromWorker,
    Ping,
    Pong,
    PreviewOrder,
    Ready,
    Stop,
    TaskOrder,
    encode,
    orders,
)
from orc_executor.underway import Preview, Reach, Underway

PROGRESS_SECONDS = 0.5
IDLE_SECONDS = 2.0
"""How often a confined worker without work looks whether the folders are those that it may touch."""
INTERRUPT_SECONDS = 0.05
"""How often a task that must end is interrupted again."""
_READ_BYTES = 1024 * 1024
EXIT_BAD_FRAME = 65


class Attendant:
    """Reads and writes the pipes."""

    def __init__(self, source: int, sink: int, reach: Reach, *, is_confined: bool = False) -> None:
        """Where it `is_confined` the process reaches the folders that there were at its start, and no others."""
        self._source, self._sink, self._reach = source, sink, reach
        self._is_confined = is_confined
        self._frames = orders()
        self._tasks: queue.SimpleQueue[Underway] = queue.SimpleQueue()
        self._writing = threading.Lock()
        self._underway: Underway | None = None
        """The order that was read and not answered."""

    def start(self) -> None:
        """Begin, and say that orders are taken."""
        with self._writing:
            self._write(Ready(os.getpid()))
        threading.Thread(target=self._attend, name="attendant", daemon=True).start()

    def next_task(self) -> Underway:
        """Wait for an order."""
        return self._tasks.get()

    def answer(self, answer: Answer) -> None:
        """Close the open order: neither progress nor a stop of it follows."""
        with self._writing:
            self._underway = None
            self._write(answer)

    def _attend(self) -> None:
        while True:
            readable, _, _ = select.select([self._source], [], [], self._patience())
            if readable:
                self._read()
            if (underway := self._underway) is not None:
                underway.tick()
                if not readable:
                    self._tell_progress(underway)
            elif not readable and self._reach.folders.made_anew():
                # Another worker reaches what is there now.
                self._end()

    def _patience(self) -> float | None:
        if self._underway is None:
            return IDLE_SECONDS if self._is_confined else None
        return INTERRUPT_SECONDS if self._underway.must_end else PROGRESS_SECONDS

    def _read(self) -> None:
        data = os.read(self._source, _READ_BYTES)
        if not data:
            self._end()
        try:
            for frame in self._frames.feed(data):
                self._take(frame)
        except FrameError as error:
            print(f"the executor sent no frame: {error}", file=sys.stderr, flush=True)  # noqa: T201
            os._exit(EXIT_BAD_FRAME)

    def _end(self) -> NoReturn:
        self._reach.scratch.remove()
        os._exit(0)

    def _take(self, frame: FromParent) -> None:
        match frame:
            case TaskOrder():
                self._begin(Underway(frame, self._reach))
            case PreviewOrder(task=task, with_target=with_target):
                self._begin(Underway(task, self._reach, preview=Preview(with_target)))
            case Stop() if self._underway is not None:
                self._underway.stop()
            case Ping():
                with self._writing:
                    self._write(Pong())

    def _begin(self, underway: Underway) -> None:
        self._underway = underway
        self._tasks.put(underway)

    def _tell_progress(self, underway: Underway) -> None:
        if underway.must_end:
            return
        progress = underway.progress()
        with self._writing:
            if self._underway is underway:
                self._write(progress)

    def _write(self, frame: FromWorker) -> None:
        """Write a frame, the lock held; ends the process when nobody reads any more."""
        try:
            body = encode(frame)
        except (FrameError, UnicodeEncodeError) as error:
            body = encode(
                Failed("internal", storable(f"the answer cannot be sent: {error}"), retryable=False)
            )
        view = memoryview(body)
        try:
            while view:
                view = view[os.write(self._sink, view) :]
        except OSError:
            os._exit(0)
