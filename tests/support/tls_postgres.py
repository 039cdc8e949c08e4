"""A Postgres of the machine's own that was built with TLS, where there is one: the wheel's has none."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from orc.embedded.low_user import low_user
from orc.embedded.ports import free_ports

READY_SECONDS_MAX = 30.0
_HBA = """
hostssl all certified 127.0.0.1/32 cert
hostssl all all       127.0.0.1/32 scram-sha-256
"""


def tls_build() -> Path | None:
    """Return the `bin` folder of a build that has TLS: ORC_TLS_POSTGRES_BIN, or what pg_config tells of."""
    if given := os.environ.get("ORC_TLS_POSTGRES_BIN"):
        return Path(given)
    config = shutil.which("pg_config")
    if config is None:
        return None
    told = subprocess.run(
        [config, "--bindir", "--configure"], capture_output=True, text=True, check=False
    ).stdout
    folder = Path(told.partition("\n")[0])
    return folder if "ssl" in told and (folder / "postgres").exists() else None


@contextmanager
def tls_postgres(build: Path, files: Mapping[str, Path], password: str) -> Iterator[int]:
    """Run a server that takes TLS alone; `files` are its ssl_cert_file, ssl_key_file and ssl_ca_file. Gives the port."""
    user = low_user()
    identity = {"user": user.uid, "group": user.gid, "extra_groups": []} if user else {}
    with tempfile.TemporaryDirectory() as name:
        home, data = Path(name), Path(name, "data")
        copies = {setting: Path(shutil.copy(path, home / setting)) for setting, path in files.items()}
        (home / "password").write_text(password)
        for path in home.iterdir():
            path.chmod(0o600)
        if user:
            user.own(home)
        environ = {"LC_ALL": "C", "PATH": os.defpath}
        initdb = [
            build / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "-A",
            "scram-sha-256",
            f"--pwfile={home / 'password'}",
        ]
        subprocess.run(
            [*initdb, "--no-sync"], env=environ, cwd="/", check=True, capture_output=True, **identity
        )
        (data / "pg_hba.conf").write_text(_HBA)
        (port,) = free_ports(1)
        settings = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "ssl": "on",
            **copies,
        }
        arguments = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        log = (home / "log").open("wb")
        server = subprocess.Popen(
            [build / "postgres", "-D", data, *arguments],
            env=environ,
            cwd="/",
            stdout=log,
            stderr=log,
            **identity,
        )
        try:
            _wait(data, server, home / "log")
            yield port
        finally:
            server.terminate()
            server.wait(30)
            log.close()


def _wait(data: Path, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS_MAX
    # The eighth line is the server's state (miscadmin.h).
    while not (data / "postmaster.pid").exists() or "ready" not in (data / "postmaster.pid").read_text():
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(log.read_text())
        time.sleep(0.02)
