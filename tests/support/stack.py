"""The whole stack as a person starts it: `orc up`, in a folder of its own."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from orc.embedded.background import stack_in_background
from orc.embedded.home import read_env


class Stack(Struct, frozen=True):
    """A running stack."""

    url: str
    """Of its gateway."""
    home: Path
    """Its ORC_HOME."""
    supervisor: int
    """Pid of `orc up`."""

    @property
    def env(self) -> dict[str, str]:
        """What `run/env` holds: every URL."""
        return read_env(self.home)

    def pid(self, name: str) -> int | None:
        """Pid of postgres, nats, gateway, auth, scheduler or executor; None while it is being started again."""
        with suppress(FileNotFoundError, ValueError):
            return int((self.home / "run" / f"{name}.pid").read_text())
        return None

    def pause(self, name: str) -> None:
        """Freeze a process, as a machine that stalls does."""
        self._signal(name, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a frozen process go on."""
        self._signal(name, signal.SIGCONT)

    def _signal(self, name: str, number: signal.Signals) -> None:
        pid = self.pid(name)
        assert pid is not None, f"{name} is not running"
        os.kill(pid, number)


@contextmanager
def stack_running(home: Path, **settings: str) -> Iterator[Stack]:
    """Run `orc up` on a home and a free port until the block ends; `settings` are ORC_* variables."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ORC_")}
    environment = {**inherited, "ORC_HOME": str(home), "ORC_PORT": "0", **settings}
    with stack_in_background(home.with_suffix(".log"), environment) as running:
        yield Stack(running.url, home, running.pid)
