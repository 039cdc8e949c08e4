"""
`ORC_HOME`: the folder that holds all state of one stack, and the lock that gives it to one supervisor at a time.

    state.json   ports and passwords, made at the first start and kept
    postgres/    the cluster      nats/  what JetStream stores      data/  what jobs write
    secrets/     a file per secret that jobs refer to
    master.key   what the secret store is sealed by
    run/         a pid file per process, `env` with every URL
    logs/        a file per process, and the one before it
"""

import fcntl
import os
import secrets
import shlex
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import msgspec
from msgspec import Struct, field

from orc.embedded.errors import HomeTaken
from orc.embedded.ports import LOOPBACK, becomes_free, free_ports
from orc.master_key_file import make_key_file

DEFAULT = ".orc"
LOG_BYTES_MAX = 16 * 1024**2
ENDING_SECONDS_MAX = 5.0


class Kept(Struct, kw_only=True):
    """What a second start takes over from the first."""

    ports: dict[str, int] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)


class Home:
    """One stack's folder; `lock` it before anything is written."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.run = self.path / "run"
        self.logs = self.path / "logs"
        self.data = self.path / "data"
        self.secrets = self.path / "secrets"
        self.master_key = self.path / "master.key"
        self.postgres = self.path / "postgres" / "data"
        self.nats = self.path / "nats"
        self.patience_seconds = 0.0
        """How long a port may still be held by what a killed supervisor left, which is ending by itself."""
        self._lock: TextIO | None = None
        self._began: dict[str, int] = {}
        self._kept = Kept()

    def lock(self) -> None:
        """Take the home until this process ends, however it ends; raises HomeTaken."""
        self.run.mkdir(parents=True, exist_ok=True)
        self._lock = (self.run / "lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.seek(0)
            raise HomeTaken(self.path, self._lock.read().strip()) from error
        self._lock.truncate(0)
        self._lock.write(f"{os.getpid()}\n")
        self._lock.flush()
        for folder, mode in ((self.logs, 0o755), (self.data, 0o755), (self.secrets, 0o700)):
            folder.mkdir(mode=mode, exist_ok=True)
        if not self.master_key.exists():
            make_key_file(self.master_key)
        if any(self.run.glob("*.pid")):
            self.patience_seconds = ENDING_SECONDS_MAX
        self.clear_pids()
        with suppress(FileNotFoundError):
            self._kept = msgspec.json.decode((self.path / "state.json").read_bytes(), type=Kept)

    def ports(self, names: Iterable[str]) -> dict[str, int]:
        """Return a free port for each name: the one of the last start, unless somebody else listens there now."""
        wanted = list(names)
        fresh = iter(free_ports(len(wanted)))
        for name in wanted:
            kept = self._kept.ports.get(name)
            if kept is None or not becomes_free(kept, LOOPBACK, self.patience_seconds):
                self._kept.ports[name] = next(fresh)
        self._keep()
        return {name: self._kept.ports[name] for name in wanted}

    def passwords(self, names: Iterable[str]) -> dict[str, str]:
        """Return a password for each name, made on first use."""
        wanted = list(names)
        for name in wanted:
            self._kept.passwords.setdefault(name, secrets.token_hex(24))
        self._keep()
        return {name: self._kept.passwords[name] for name in wanted}

    def write_env(self, variables: Mapping[str, str]) -> None:
        """Write `run/env`, for a person and for the other commands: a shell can read it."""
        _write_private(
            self.run / "env", "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())
        )

    def write_pid(self, name: str, pid: int) -> None:
        """Say which process is which."""
        _write_private(self.run / f"{name}.pid", f"{pid}\n", mode=0o644)

    def remove_pid(self, name: str) -> None:
        """Say that this process is no more."""
        (self.run / f"{name}.pid").unlink(missing_ok=True)

    def clear_pids(self) -> None:
        """Remove what a killed supervisor left."""
        for path in self.run.glob("*.pid"):
            path.unlink(missing_ok=True)

    def log(self, name: str) -> Path:
        """Where a process writes its output."""
        return self.logs / f"{name}.log"

    def cap_logs(self) -> None:
        """Put aside each log that has grown past `LOG_BYTES_MAX`; its writer appends to what is now empty."""
        for path in self.logs.glob("*.log"):
            if path.stat().st_size > LOG_BYTES_MAX:
                path.with_suffix(".log.1").write_bytes(path.read_bytes())
                os.truncate(path, 0)

    def begin_log(self, name: str) -> None:
        """Remember where in its log a process begins to write."""
        log = self.log(name)
        self._began[name] = log.stat().st_size if log.exists() else 0

    def last_words(self, name: str, lines: int = 5) -> str:
        """Return the end of what a process wrote since it began."""
        with suppress(FileNotFoundError), self.log(name).open("rb") as log:
            log.seek(self._began.get(name, 0))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
        return ""

    def _keep(self) -> None:
        _write_private(
            self.path / "state.json", msgspec.json.format(msgspec.json.encode(self._kept)).decode()
        )


def read_env(home: Path) -> dict[str, str]:
    """Return what `write_env` of a stack wrote; empty when none has run here."""
    with suppress(FileNotFoundError):
        lines = (home / "run" / "env").read_text(encoding="utf-8").splitlines()
        assignments = [line.partition("=") for line in lines]
        return {name: "".join(shlex.split(value)) for name, _, value in assignments if name}
    return {}


def _write_private(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace a file as a whole, so that no reader sees half of it."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(
        os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8"
    ) as file:
        file.write(text)
    unfinished.replace(path)
