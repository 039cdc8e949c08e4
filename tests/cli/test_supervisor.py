"""What dies is started again; what cannot start is said; what is stopped stays stopped."""

import asyncio
import os
import signal
import sys

import pytest

from orc.embedded import supervisor as supervising
from orc.embedded.errors import StartFailed
from orc.embedded.home import Home
from orc.embedded.program import Program
from orc.embedded.supervisor import Child, Supervisor

STAYS = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {STAYS}"


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path / "home")
    home.lock()
    return home


def child(home: Home, code: str, **more) -> Child:
    program = Program(name="it", argv=(sys.executable, "-c", code), environment={"PATH": os.defpath})
    return Child("it", lambda: program, ready=lambda _pid: "up" in home.last_words("it"), **more)


def pid_file(home: Home) -> int:
    return int((home.run / "it.pid").read_text())


async def until(holds) -> None:
    """Let the loop turn until something holds."""
    while not holds():  # noqa: ASYNC110 - what is waited for is in another process
        await asyncio.sleep(0)


async def test_killed_child_is_started_again(home, capfd):
    """After SIGKILL there is another process, prepared anew, with its pid in the pid file, and the console says so."""
    prepared = []
    it = child(home, STAYS, prepare=lambda: prepared.append(1))
    supervisor = Supervisor(home)
    keeper = asyncio.create_task(supervisor.keep(it))
    await supervisor.until_ready(it)
    first = it.process.pid
    assert pid_file(home) == first
    it.process.kill()
    await until(lambda: it.process.pid != first)
    await supervisor.until_ready(it)
    assert (pid_file(home), it.deaths, prepared) == (it.process.pid, 1, [1, 1])
    assert "it was ended by SIGKILL, starting it again" in capfd.readouterr().err
    await supervisor.stop([it])
    await keeper


async def test_child_that_keeps_ending_fails_the_start(home, monkeypatch):
    """A program that ends again and again before it was ever ready is given up with its last words."""
    monkeypatch.setattr(supervising, "PAUSE_SECONDS_FIRST", 0.0)
    it = child(home, "raise SystemExit('no such setting')")
    with pytest.raises(StartFailed, match=r"(?s)^it ended with code 1 .*:\nno such setting$"):
        await Supervisor(home).keep(it)
    assert it.deaths == supervising.DEATHS_MAX_AT_START


async def test_child_that_refuses_its_settings_is_not_started_again(home):
    """Settings do not change by trying again."""
    it = child(home, "print('ORC_X is not set', flush=True); raise SystemExit(2)")
    with pytest.raises(StartFailed, match=r"(?s)^it ended with code 2 .*:\nORC_X is not set$"):
        await Supervisor(home).keep(it)
    assert it.deaths == 1


async def test_child_that_was_ready_once_is_never_given_up(home, monkeypatch):
    """After the start, whatever a child ends with, it is started again."""
    monkeypatch.setattr(supervising, "PAUSE_SECONDS_FIRST", 0.0)
    it = child(home, "raise SystemExit(2)")
    it.was_ready = True
    supervisor = Supervisor(home)
    keeper = asyncio.create_task(supervisor.keep(it))
    await until(lambda: it.deaths > supervising.DEATHS_MAX_AT_START)
    await supervisor.stop([it])
    await keeper


async def test_stopped_child_is_not_started_again(home):
    """Stopping ends the process, removes its pid file and ends the keeping."""
    it = child(home, STAYS)
    supervisor = Supervisor(home)
    keeper = asyncio.create_task(supervisor.keep(it))
    await supervisor.until_ready(it)
    await supervisor.stop([it])
    await keeper
    assert it.process.returncode == -signal.SIGTERM
    assert not (home.run / "it.pid").exists()


async def test_child_that_does_not_stop_is_killed(home, monkeypatch):
    """A process that ignores being asked is ended by force."""
    monkeypatch.setattr(supervising, "STOP_SECONDS_MAX", 0.05)
    it = child(home, STUBBORN)
    supervisor = Supervisor(home)
    keeper = asyncio.create_task(supervisor.keep(it))
    await supervisor.until_ready(it)
    await supervisor.stop([it])
    await keeper
    assert it.process.returncode == -signal.SIGKILL


async def test_unexpected_failure_of_a_start_is_not_swallowed(home):
    """When a child cannot even be prepared, whoever keeps it hears of it."""

    def fail() -> None:
        raise FileNotFoundError("programs")

    with pytest.raises(FileNotFoundError, match="programs"):
        await Supervisor(home).keep(child(home, STAYS, prepare=fail))


async def test_start_that_fails_later_is_tried_again(home, monkeypatch, capfd):
    """Once it was up, a child that cannot be prepared for a moment does not end the stack."""
    monkeypatch.setattr(supervising, "PAUSE_SECONDS_FIRST", 0.0)
    faults = [OSError("no space left"), None]

    def prepare() -> None:
        if fault := faults.pop(0):
            raise fault

    it = child(home, STAYS, prepare=prepare)
    it.was_ready = True
    supervisor = Supervisor(home)
    keeper = asyncio.create_task(supervisor.keep(it))
    await supervisor.until_ready(it)
    assert "it could not be started: no space left" in capfd.readouterr().err
    await supervisor.stop([it])
    await keeper
