"""A home belongs to one supervisor, keeps what it was given, and shows nobody its passwords."""

import os
import socket
import subprocess
import sys
import threading

import pytest

from orc.embedded.errors import HomeTaken
from orc.embedded.home import LOG_BYTES_MAX, Home, read_env


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path / "home")
    home.lock()
    return home


def test_second_supervisor_is_refused_by_pid_and_place(home):
    """While one process holds the home, another is told which one and where."""
    code = (
        f"from pathlib import Path; from orc.embedded.home import Home; Home(Path({str(home.path)!r})).lock()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"HomeTaken: another `orc up` (pid {os.getpid()}) runs on {home.path}" in done.stderr


def test_lock_holds_within_a_process(home):
    """The same process cannot take the home twice either."""
    with pytest.raises(HomeTaken):
        Home(home.path).lock()


def test_ports_and_passwords_are_kept(tmp_path):
    """A second start has the ports and passwords of the first."""
    first = Home(tmp_path)
    first.lock()
    ports, passwords = first.ports(["a", "b"]), first.passwords(["x", "y"])
    first._lock.close()
    second = Home(tmp_path)
    second.lock()
    assert (second.ports(["a", "b"]), second.passwords(["x", "y"])) == (ports, passwords)
    assert len(set(ports.values())) == 2
    assert len(set(passwords.values())) == 2


def test_port_that_somebody_took_is_replaced(home):
    """Where somebody else listens now, another port is taken."""
    port = home.ports(["a"])["a"]
    with socket.create_server(("127.0.0.1", port)):
        assert home.ports(["a"])["a"] != port


def test_port_that_is_about_to_be_let_go_is_kept(tmp_path):
    """After a supervisor was killed, its port is waited for rather than replaced."""
    first = Home(tmp_path)
    first.lock()
    port = first.ports(["a"])["a"]
    first.write_pid("gateway", 1)
    first._lock.close()
    second = Home(tmp_path)
    second.lock()
    with socket.create_server(("127.0.0.1", port)) as held:
        release = threading.Timer(0.05, held.close)
        release.start()
        assert second.ports(["a"])["a"] == port
        release.join()


def test_files_with_passwords_are_private(home):
    """`run/env` and `state.json` are readable by their owner alone, and `env` reads back."""
    home.passwords(["x"])
    home.write_env({"ORC_NATS_URL": "nats://operator:x=y@127.0.0.1:4222", "ORC_HOME": "/some where"})
    modes = [
        path.stat().st_mode & 0o777 for path in (home.run / "env", home.path / "state.json", home.secrets)
    ]
    assert modes == [0o600, 0o600, 0o700]
    assert read_env(home.path) == {
        "ORC_NATS_URL": "nats://operator:x=y@127.0.0.1:4222",
        "ORC_HOME": "/some where",
    }


def test_env_can_be_sourced(home):
    """A shell reads back what was written, spaces and quotes included."""
    home.write_env({"ORC_HOME": "/some where/it's"})
    script = f'set -a; . "{home.run / "env"}"; printf %s "$ORC_HOME"'
    assert (
        subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
        == "/some where/it's"
    )
    assert read_env(home.path) == {"ORC_HOME": "/some where/it's"}


def test_pid_files_of_a_killed_supervisor_are_removed(tmp_path):
    """Whoever takes the home starts without the pids of processes that are no more."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "gateway.pid").write_text("1\n")
    Home(tmp_path).lock()
    assert list((tmp_path / "run").glob("*.pid")) == []


def test_log_that_grew_too_large_is_put_aside(home):
    """A log past its bound moves to `.log.1`; who appends to it goes on with an empty file."""
    log = home.log("gateway")
    with log.open("ab") as writer:
        writer.write(b"x" * (LOG_BYTES_MAX + 1))
        writer.flush()
        home.cap_logs()
        writer.write(b"more")
    assert log.read_bytes() == b"more"
    assert log.with_suffix(".log.1").stat().st_size == LOG_BYTES_MAX + 1
