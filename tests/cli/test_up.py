"""`orc up`: one command, one ready line, nothing left behind."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from support.processes import processes_of
from support.rest import until
from support.servers import nats_server_running, postgres_server
from support.stack import stack_running

from orc.embedded.errors import StartFailed

NAMES = ("postgres", "nats", "auth", "scheduler", "executor", "gateway")
pytestmark = pytest.mark.slow


def up(home: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Call `orc up` where it is expected to end by itself."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ORC_")}
    return subprocess.run(
        [sys.executable, "-m", "orc", "up"],
        env=inherited | {"ORC_HOME": str(home)} | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_everything_is_where_the_interface_says(stack):
    """The ready line names a gateway that is ready; every process has a pid file and every URL is in `env`."""
    assert httpx.get(f"{stack.url}/readyz", trust_env=False).status_code == 200
    for name in NAMES:
        os.kill(stack.pid(name), 0)
    assert stat.S_IMODE((stack.home / "run" / "env").stat().st_mode) == 0o600
    roles = ("", "GATEWAY_", "AUTH_", "SCHEDULER_", "EXECUTOR_", "AUDITOR_")
    wanted = {f"ORC_{role}DATABASE_URL" for role in roles} | {"ORC_POSTGRES_SUPERUSER_URL", "ORC_NATS_URL"}
    assert wanted <= set(stack.env)


def test_second_up_on_the_same_home_is_refused(stack):
    """It says which process holds the home, and disturbs nothing."""
    before = [stack.pid(name) for name in NAMES]
    done = up(stack.home, ORC_PORT="0")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"another `orc up` (pid {stack.supervisor}) runs on {stack.home}" in done.stderr
    assert [stack.pid(name) for name in NAMES] == before


def test_taken_port_is_said(stack, tmp_path):
    """Where somebody listens already, one line names the port and the setting."""
    port = stack.url.rpartition(":")[2]
    done = up(tmp_path / "home", ORC_PORT=port)
    assert (done.returncode, done.stderr) == (
        1,
        f"orc: 127.0.0.1:{port} is taken: stop what listens there or set ORC_PORT (0 takes a free one)\n",
    )


@pytest.fixture
def background_of_a_script():
    """Ignore SIGINT, as a script's shell lets what it starts with `&` ignore it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("background_of_a_script")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_behind_and_a_second_start_goes_on(tmp_path, number):
    """However the supervisor ends, so do all its processes; started again, what was there is there."""
    home = tmp_path / "its home, é"
    with stack_running(home) as stack:
        job = {"job_name": "kept", "schedule": "@manual", "description": None, "is_active": True}
        task = {
            "extractor_config": {"type": "inline", "rows": [{"n": 1}]},
            "loader_config": {"type": "discard"},
        }
        created = httpx.post(f"{stack.url}/jobs", json=job | {"tasks": [task]}, trust_env=False)
        assert created.status_code == 200, created.text
        env = stack.env
        os.kill(stack.supervisor, number)
        until(lambda: processes_of(home) == [] or None, "all processes to end")
    with stack_running(home) as stack:
        assert stack.env == env
        (kept,) = httpx.get(f"{stack.url}/jobs", trust_env=False).json()
        assert kept["job_id"] == created.json()["job_id"]
    assert processes_of(home) == []
    assert list((home / "run").glob("*.pid")) == []


def test_external_servers_are_used_and_none_is_started(tmp_path):
    """Given URLs of servers that run elsewhere, database and roles are made there and four services started."""
    for name in ("postgres", "nats"):
        (tmp_path / name).mkdir()
    with postgres_server(tmp_path / "postgres") as postgres, nats_server_running(tmp_path / "nats") as nats:
        urls = {"ORC_DATABASE_URL": postgres.superuser("elsewhere"), "ORC_NATS_URL": nats.urls["operator"]}
        with stack_running(tmp_path / "home", **urls) as stack:
            assert httpx.get(f"{stack.url}/readyz", trust_env=False).status_code == 200
            started = {path.stem for path in (stack.home / "run").glob("*.pid")}
            assert started == {"auth", "scheduler", "executor", "gateway"}
            assert f"127.0.0.1:{postgres.port}/elsewhere" in stack.env["ORC_GATEWAY_DATABASE_URL"]
            assert not (stack.home / "postgres").exists()
            os.kill(stack.supervisor, signal.SIGTERM)
            until(lambda: processes_of(stack.home) == [] or None, "all processes to end")
        os.kill(postgres.pid, 0)
        os.kill(nats.pid, 0)


def test_half_of_external_servers_is_refused(tmp_path):
    """One of the two URLs alone is an error that names it."""
    done = up(tmp_path / "home", ORC_NATS_URL="nats://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "ORC_NATS_URL is set alone" in done.stderr


def test_port_that_is_no_port_is_said(tmp_path):
    """A wrong ORC_PORT is one line."""
    done = up(tmp_path / "home", ORC_PORT="http")
    assert (done.returncode, done.stderr) == (
        1,
        "orc: ORC_PORT is 'http': a port is a number from 0 to 65535\n",
    )


def test_wrong_setting_is_said_once_and_nothing_stays(tmp_path):
    """A service that refuses its settings ends the start with its own words."""
    with (
        pytest.raises(StartFailed, match="ORC_LOG_LEVEL"),
        stack_running(tmp_path / "home", ORC_LOG_LEVEL="loud"),
    ):
        pass
    assert processes_of(tmp_path / "home") == []
