"""A real worker process at the end of two pipes, driven by frames."""

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from uuid import UUID, uuid4

import duckdb

from orc_executor.frames import Answer, Failed, Loaded, Progress, Ready, TaskOrder, answers, encode

ANSWER_SECONDS_MAX = 60.0
SLOW_ROWS = 6_000_000
TASK = UUID(int=2)


def order(extractor, loader, **more):
    """Order a first attempt at a new run, unless `more` says otherwise."""
    run_id = more.pop("run_id", None) or uuid4()
    fields = {
        "run_id": run_id, "root_id": run_id, "attempt": 1, "task_id": TASK, "task_order": 1,
        "extractor_config": extractor, "loader_config": loader, "check_receipt": False,
    }  # fmt: skip
    return TaskOrder(**{**fields, **more})


def table(name="t", **more):
    """Load into a table of out.duckdb."""
    return {"type": "duckdb", "db_path": "out.duckdb", "table_name": name, **more}


WORKER = ("-P", "-m", "orc_executor.worker")
DISCARD = {"type": "discard"}
INLINE = {"type": "inline", "rows": [{"a": 1}, {"a": 2}]}


def slow_order(data_dir):
    """Write a file that is small but takes long to load, and return configs for it: some seconds."""
    text = "repeat('x', 300) || (n % 7)"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT n, {text} AS x, {text} AS y FROM range({SLOW_ROWS}) AS rows(n)) "
            f"TO '{data_dir / 'slow.parquet'}' (FORMAT parquet)"
        )
    return {"type": "parquet", "path": "slow.parquet"}, table()


class WorkerProcess:
    """Start, order, listen, kill."""

    def __init__(self, data_dir, environment, program=WORKER):
        orders_out, self._orders = os.pipe()
        self._answers, answers_in = os.pipe()
        self.data_dir = data_dir
        settings = {
            "ORC_DATA_DIR": str(data_dir), "ORC_WORKER_THREADS": "2",
            "ORC_WORKER_MEMORY_BYTES_MAX": str(1024**3), **environment,
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, *program, "--in", str(orders_out), "--out", str(answers_in)],
            pass_fds=[orders_out, answers_in],
            env={"PATH": os.environ["PATH"], **settings},
            stderr=subprocess.PIPE,
        )
        os.close(orders_out)
        os.close(answers_in)
        self._frames, self._read = answers(), []
        assert self.frame() == Ready(self.process.pid)

    def say(self, frame):
        os.write(self._orders, encode(frame))

    def frame(self):
        """Return the next frame, whatever it is; EOFError when the process ended."""
        until = time.monotonic() + ANSWER_SECONDS_MAX
        while not self._read:
            readable, _, _ = select.select([self._answers], [], [], max(0, until - time.monotonic()))
            assert readable, "the worker did not answer"
            data = os.read(self._answers, 65536)
            if not data:
                raise EOFError(self.process.stderr.read().decode())
            self._read += self._frames.feed(data)
        return self._read.pop(0)

    def answer(self):
        """Return the next answer, progress left out."""
        while isinstance(frame := self.frame(), Progress):
            pass
        assert isinstance(frame, Answer)
        return frame

    def perform(self, extractor, loader, **more):
        self.say(order(extractor, loader, **more))
        return self.answer()

    def load(self, extractor, loader, **more):
        """Perform and return the number of rows; what fails is an assertion."""
        answer = self.perform(extractor, loader, **more)
        assert isinstance(answer, Loaded), answer
        return answer.result.rows

    def fail(self, extractor, loader, **more):
        """Perform and return (kind, message)."""
        answer = self.perform(extractor, loader, **more)
        assert isinstance(answer, Failed), answer
        return answer.kind, answer.message

    def rows(self, sql="SELECT * FROM t"):
        """Query the target file as a user would."""
        with duckdb.connect(str(self.data_dir / "out.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def types(self, name="t"):
        return dict(self.rows(f"SELECT column_name, column_type FROM (DESCRIBE {name})"))

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self):
        """End it by its pipe and return its exit code."""
        os.close(self._orders)
        code = self.process.wait(ANSWER_SECONDS_MAX)
        os.close(self._answers)
        self.process.stderr.close()
        return code


@contextmanager
def worker_process(data_dir, program=WORKER, **environment):
    worker = WorkerProcess(data_dir, environment, program)
    try:
        yield worker
    finally:
        worker.close()
