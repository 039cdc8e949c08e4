"""What we start ends with us."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orc.embedded import program as programs
from orc.embedded.program import Program, spawn, stop

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def python(code: str) -> Program:
    return Program(name="it", argv=(sys.executable, "-c", code), environment={"PATH": os.defpath})


def wait_for(log: Path, text: str) -> None:
    while not log.exists() or text not in log.read_text():
        pass


def test_child_ends_when_we_are_killed(tmp_path):
    """The kernel ends a child whose parent was killed with no chance to do it."""
    log = tmp_path / "log"
    code = (
        "import pathlib, sys\n"
        "from orc.embedded.program import Program, spawn\n"
        f"argv = (sys.executable, '-c', {STUBBORN!r})\n"
        f"child = spawn(Program(name='it', argv=argv, environment={{}}), pathlib.Path({str(log)!r}))\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        wait_for(log, "up")
        watched = os.pidfd_open(child)
        parent.kill()
    # Readable once the process has ended, however it is reaped.
    assert select.select([watched], [], [], 30)[0] == [watched]


def test_stubborn_child_is_killed(tmp_path, monkeypatch):
    """A child that ignores being asked is ended by force."""
    process = spawn(python(STUBBORN), tmp_path / "log")
    wait_for(tmp_path / "log", "up")
    stop(process, python(STUBBORN), seconds_max=0.05)
    assert process.returncode == -signal.SIGKILL


def test_child_gets_its_environment_and_no_other(tmp_path, monkeypatch):
    """Nothing of our own environment leaks into a child."""
    monkeypatch.setenv("ORC_SECRET_TOKEN", "x")
    process = spawn(python("import os; print(sorted(os.environ))"), tmp_path / "log")
    process.wait()
    assert "ORC_SECRET_TOKEN" not in (tmp_path / "log").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the signal")
def test_nothing_is_asked_of_other_kernels(monkeypatch):
    """Elsewhere a child is started without the request."""
    monkeypatch.setattr(programs.sys, "platform", "darwin")
    assert programs.end_with_us(signal.SIGKILL) is None
