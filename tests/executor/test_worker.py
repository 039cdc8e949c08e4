"""The worker process: what it answers, when it ends."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.worker_process import DISCARD, INLINE, order, slow_order, table, worker_process

from orc_domain.run_messages import TaskResult
from orc_executor.frames import Failed, Loaded, NoReceipt, Ping, Pong, Progress, Ready, Stop, Stopped, encode


@pytest.fixture
def worker(tmp_path):
    with worker_process(tmp_path) as worker:
        yield worker


@pytest.fixture
def slow(tmp_path):
    return slow_order(tmp_path)


def mapped(worker):
    """Names of the libraries that the process has in memory."""
    return Path(f"/proc/{worker.process.pid}/maps").read_text()


def test_a_run_that_does_nothing_costs_nothing(worker):
    """Inline rows that are discarded are counted without DuckDB, Arrow or an HTTP client being imported."""
    answer = worker.perform(INLINE, DISCARD)
    assert answer == Loaded(TaskResult(rows=2, bytes=17, seconds=answer.result.seconds))
    assert not any(name in mapped(worker) for name in ("duckdb", "arrow", "uvloop"))
    worker.load(INLINE, table())
    assert "duckdb" in mapped(worker)
    assert not any(name in mapped(worker) for name in ("arrow", "uvloop"))


def test_one_worker_does_order_after_order(worker):
    """What one order left open or broken is not in the way of the next."""
    assert worker.load(INLINE, table()) == 2
    assert worker.fail({"type": "csv", "path": "gone.csv"}, table())[0] == "source_missing"
    assert worker.load({"type": "inline", "rows": [{"b": "x"}]}, table()) == 1
    assert worker.rows() == [("x",)]


def test_discard_has_no_receipts(worker):
    """It keeps nothing, so it can prove nothing."""
    assert worker.perform(INLINE, DISCARD, settle=True) == NoReceipt()


def test_a_ping_is_answered_during_a_load_and_progress_is_told(worker, slow):
    """The thread at the pipe is not held up by the one that loads."""
    worker.say(order(*slow))
    worker.say(Ping())
    assert worker.frame() == Pong()
    worker.say(Stop())
    frames = [worker.frame()]
    while isinstance(frames[-1], Progress):
        frames.append(worker.frame())
    assert frames[-1] == Stopped()


def test_a_stop_ends_a_load_and_leaves_the_table_as_it_was(worker, slow):
    """The scan is interrupted, the rows roll back, and the worker goes on."""
    worker.load(INLINE, table())
    worker.say(order(*slow))
    worker.say(Stop())
    assert worker.answer() == Stopped()
    assert worker.rows() == [(1,), (2,)]
    assert worker.load(INLINE, table()) == 2


def test_a_stop_that_comes_too_late_changes_nothing(worker):
    """Neither the order before it nor the one after."""
    worker.load(INLINE, table())
    worker.say(Stop())
    assert worker.load(INLINE, table()) == 2


def test_a_task_that_takes_too_long_ends_itself_and_may_be_tried_again(worker, slow):
    """The worker's own word arrives before the executor's kill."""
    answer = worker.perform(*slow, task_timeout_seconds=0.05)
    assert answer == Failed("task_timeout", "the task took longer than 0.05 s", retryable=True)


def test_a_config_that_cannot_be_read_is_a_failed_task(worker):
    """The gateway has judged it; if it comes all the same, it is no crash."""
    kind, message = worker.fail({"type": "csv"}, table())
    assert kind == "internal"
    assert "extractor_config.path" in message


def test_the_end_of_the_pipe_ends_the_process_in_the_middle_of_a_load(worker, slow):
    """Nothing half-loaded is left, and no scratch folder."""
    worker.load(INLINE, table())
    worker.say(order(*slow))
    while not isinstance(worker.frame(), Progress):
        pass
    os.close(worker._orders)
    assert worker.process.wait(10) == 0
    assert worker.rows() == [(1,), (2,)]
    assert list((worker.data_dir / ".scratch").iterdir()) == []
    worker._orders = os.open(os.devnull, os.O_WRONLY)


def test_what_is_no_frame_ends_the_process(worker):
    """It cannot be told where the next frame would begin."""
    os.write(worker._orders, b"\xff" * 64)
    assert worker.process.wait(10) == 65


def test_a_worker_dies_with_the_process_that_started_it(tmp_path):
    """A parent that is killed takes it along, though a grandparent keeps the pipe open."""
    read, write = os.pipe()
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'orc_executor.worker', '--in', sys.argv[1]],"
        " pass_fds=[int(sys.argv[1])], stdout=subprocess.PIPE)\n"
        "child.stdout.read(1)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(read)],
        pass_fds=[read],
        stdout=subprocess.PIPE,
        env={**os.environ, "ORC_DATA_DIR": str(tmp_path)},
    )
    child = os.pidfd_open(int(parent.stdout.readline()))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    readable, _, _ = select.select([child], [], [], 10)
    assert readable, "the worker outlived its parent"
    for descriptor in (read, write, child):
        os.close(descriptor)
    parent.stdout.close()


def test_a_killed_workers_scratch_is_removed_by_the_next_one(tmp_path):
    """A lock tells the dead from the living."""
    with worker_process(tmp_path) as living:
        living.load(INLINE, table())
        with worker_process(tmp_path) as dead:
            dead.load(INLINE, table("dead"))
            dead.kill()
        assert len(list((tmp_path / ".scratch").iterdir())) == 2
        with worker_process(tmp_path) as fresh:
            fresh.load(INLINE, table())
            assert len(list((tmp_path / ".scratch").iterdir())) == 2
        assert living.load(INLINE, table()) == 2


def test_the_pipes_may_be_the_standard_descriptors(tmp_path):
    """They are moved away from there, and what any library prints goes to standard error."""
    process = subprocess.Popen(
        [sys.executable, "-m", "orc_executor.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "ORC_DATA_DIR": str(tmp_path)},
    )
    assert process.stdout.read(4) == encode(Ready(process.pid))[:4]
    descriptors = Path(f"/proc/{process.pid}/fd")
    assert (descriptors / "1").readlink() == (descriptors / "2").readlink()
    assert (descriptors / "0").readlink() == Path(os.devnull)
    out, _ = process.communicate(encode(Ping()))
    assert out.endswith(encode(Pong()))
    assert process.returncode == 0
