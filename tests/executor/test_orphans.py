"""Workers that outlived their executor are found and killed; nobody else is."""

import os
import signal
import subprocess
import sys

import msgspec
import pytest

from orc_executor.orphans import Process, Record, Registry, kill, process_of

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]


@pytest.fixture
def sleeper():
    process = subprocess.Popen(SLEEP, stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


DEAD = Process(2**22 + 1, "another boot/1")


def record(folder, executor, *workers):
    folder.mkdir(exist_ok=True)
    (folder / "1.json").write_bytes(msgspec.json.encode(Record(executor, workers)))


def test_a_dead_executors_workers_are_killed(tmp_path, sleeper):
    """What a file of a dead executor names is killed, and the file removed."""
    record(tmp_path, DEAD, process_of(sleeper.pid))
    assert Registry(tmp_path).clear() == [sleeper.pid]
    assert (sleeper.wait(10), list(tmp_path.iterdir())) == (-signal.SIGKILL, [])


def test_a_living_executors_workers_are_left(tmp_path, sleeper):
    """Another executor on this machine keeps its own."""
    record(tmp_path, process_of(os.getpid()), process_of(sleeper.pid))
    assert Registry(tmp_path).clear() == []
    assert (sleeper.poll(), [path.name for path in tmp_path.iterdir()]) == (None, ["1.json"])


def test_who_only_has_the_same_pid_is_left(tmp_path, sleeper):
    """A process id that was given away since belongs to somebody else."""
    impostor = Process(sleeper.pid, "another boot/1")
    record(tmp_path, DEAD, impostor)
    assert Registry(tmp_path).clear() == []
    assert (sleeper.poll(), list(tmp_path.iterdir())) == (None, [])
    assert kill(impostor) is False


def test_an_executor_whose_pid_was_given_away_is_dead(tmp_path, sleeper):
    """In a container every executor is process 1; its start tells it from its predecessor."""
    record(tmp_path, Process(os.getpid(), "another boot/1"), process_of(sleeper.pid))
    assert Registry(tmp_path).clear() == [sleeper.pid]
    sleeper.wait(10)


def test_a_file_that_cannot_be_read_is_removed(tmp_path):
    """A torn file stops nobody."""
    (tmp_path / "1.json").write_bytes(b'{"exec')
    assert Registry(tmp_path).clear() == []
    assert list(tmp_path.iterdir()) == []


def test_a_worker_is_recorded_while_it_lives(tmp_path, sleeper):
    """The file names the executor and its workers; with the last of them it goes."""
    registry = Registry(tmp_path)
    registry.add(sleeper.pid)
    path = tmp_path / f"{os.getpid()}.json"
    assert msgspec.json.decode(path.read_bytes(), type=Record) == Record(
        process_of(os.getpid()), (process_of(sleeper.pid),)
    )
    registry.remove(sleeper.pid)
    registry.close()
    assert list(tmp_path.iterdir()) == []


def test_a_zombie_has_ended(sleeper):
    """A process that ended but was not asked for yet is no process any more."""
    os.kill(sleeper.pid, signal.SIGKILL)
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert process_of(sleeper.pid) is None
