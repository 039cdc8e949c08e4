"""A real worker process at the end of two pipes, as the executor has them."""

import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4

from orc_domain.config import Config
from orc_executor.frames import (
    Answer,
    Failed,
    FromParent,
    FromWorker,
    Loaded,
    Progress,
    Ready,
    Stop,
    TaskOrder,
    answers,
    encode,
)

ANSWER_SECONDS_MAX = 120.0
STOP_SECONDS_MAX = 10.0
"""How long after Stop a worker is killed, like the executor's grace."""
CLOSE_SECONDS_MAX = 10.0
STDERR_CHARACTERS_MAX = 2000
TASK = UUID(int=1)
_READ_BYTES = 65_536


class NotConforming(AssertionError):
    """What was looked at is not as it must be."""


class Died(Exception):
    """The worker process ended before it answered."""


class WorkerAtHand:
    """Orders, answers, and the end, at once if need be."""

    def __init__(self, data_dir: Path, environ: Mapping[str, str], point: str | None) -> None:
        orders_out, self._orders = os.pipe()
        self._answers, answers_in = os.pipe()
        program = ["orc_executor.worker"]
        if point is not None:
            program = ["orc_executor.plugins.conformance.victim", point]
        # What the plugin prints and how it dies is read when it is asked for; a pipe nobody reads would fill.
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
        self._process = subprocess.Popen(
            [sys.executable, "-m", *program, "--in", str(orders_out), "--out", str(answers_in)],
            pass_fds=[orders_out, answers_in],
            env=_environment(data_dir, environ),
            stderr=self._stderr,
        )
        os.close(orders_out)
        os.close(answers_in)
        self._frames = answers()
        self._read: list[FromWorker] = []

    def __enter__(self) -> Self:
        if not isinstance(frame := self.frame(ANSWER_SECONDS_MAX), Ready):
            raise NotConforming(f"the worker began with {frame!r}")
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._orders)
        try:
            self._process.wait(CLOSE_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
        os.close(self._answers)
        self._stderr.close()

    def say(self, frame: FromParent) -> None:
        """Send a frame."""
        os.write(self._orders, encode(frame))

    def frame(self, seconds: float) -> FromWorker:
        """Return the next frame; raises Died, TimeoutError."""
        until = time.monotonic() + seconds
        while not self._read:
            readable, _, _ = select.select([self._answers], [], [], max(0.0, until - time.monotonic()))
            if not readable:
                raise TimeoutError
            data = os.read(self._answers, _READ_BYTES)
            if not data:
                raise Died(self.stderr())
            self._read += self._frames.feed(data)
        return self._read.pop(0)

    def answer(self, seconds: float = ANSWER_SECONDS_MAX) -> Answer:
        """Return the answer to the open order; raises Died, TimeoutError."""
        while isinstance(frame := self.frame(seconds), Progress):
            pass
        if not isinstance(frame, Answer):
            raise NotConforming(f"the worker said {frame!r}")
        return frame

    def perform(self, order: TaskOrder) -> Answer:
        """Have an order done; raises Died, TimeoutError."""
        self.say(order)
        return self.answer()

    def load(self, order: TaskOrder) -> Loaded:
        """Have an order done, which must succeed; raises NotConforming."""
        try:
            answer = self.perform(order)
        except Died as died:
            raise NotConforming(f"the worker process ended: {died}") from died
        if isinstance(answer, Failed):
            raise NotConforming(f"the task failed: {answer.kind}: {answer.message}\n{self.stderr()}")
        if not isinstance(answer, Loaded):
            raise NotConforming(f"the task was answered with {answer!r}")
        return answer

    def stop(self) -> None:
        """Ask for the open order's end."""
        self.say(Stop())

    def kill(self) -> None:
        """End it like a crash."""
        self._process.kill()
        self._process.wait()

    def stderr(self) -> str:
        """Return the last of what it printed."""
        self._stderr.seek(0)
        return self._stderr.read().decode(errors="replace")[-STDERR_CHARACTERS_MAX:]


@contextmanager
def worker_at_hand(
    data_dir: Path, environ: Mapping[str, str], *, point: str | None = None
) -> Iterator[WorkerAtHand]:
    """Start a worker; one that is to be killed is so at a point of its load: see `victim`."""
    with WorkerAtHand(data_dir, environ, point) as worker:
        yield worker


def order_of(extractor: Config, loader: Config, **more: Any) -> TaskOrder:
    """Order a first attempt at a new run, unless `more` says otherwise."""
    run_id = more.pop("run_id", None) or uuid4()
    fields = {
        "run_id": run_id, "root_id": run_id, "attempt": 1, "task_id": TASK, "task_order": 1,
        "extractor_config": extractor, "loader_config": loader, "check_receipt": False,
    }  # fmt: skip
    return TaskOrder(**{**fields, **more})


def _environment(data_dir: Path, environ: Mapping[str, str]) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", ""),
        # The plugin is found where the tests find it, installed or not.
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "ORC_DATA_DIR": str(data_dir),
        "ORC_WORKER_THREADS": "2",
        "ORC_WORKER_MEMORY_BYTES_MAX": str(1024**3),
        "ORC_EGRESS_ALLOW": "loopback",
        **environ,
    }
