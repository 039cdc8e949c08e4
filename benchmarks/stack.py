"""A whole stack for a benchmark: `orc up` on free ports in a folder that is thrown away."""

import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec


class Stack(msgspec.Struct, frozen=True):
    """A running stack."""

    url: str
    home: Path
    pid: int
    """Of `orc up`, the parent of everything."""

    @property
    def env(self) -> dict[str, str]:
        """What ORC_HOME/run/env says: every URL."""
        lines = (self.home / "run" / "env").read_text().splitlines()
        pairs = (line.removeprefix("export ").split("=", 1) for line in lines if "=" in line)
        return {name: value.strip("'\"") for name, value in pairs}


@contextmanager
def running_stack(**settings: str) -> Iterator[Stack]:
    """Start `orc up`, give it, stop it."""
    with tempfile.TemporaryDirectory(prefix="orc-bench-") as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        os.chmod(folder, 0o755)  # noqa: PTH101 - Postgres runs as another user
        environment = os.environ | {"ORC_HOME": folder, "ORC_PORT": str(port)} | settings
        command = [str(Path(sys.executable).parent / "orc"), "up"]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd=folder)
        try:
            for line in process.stdout or ():
                if ready := re.match(r"ready (http://\S+)", line):
                    yield Stack(ready[1], Path(folder), process.pid)
                    break
            else:
                raise SystemExit("the stack did not start")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of them lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def spread(values: Sequence[float], form: str = ".0f") -> str:
    """Say median and range: `353 [331–421]`."""
    return f"{statistics.median(values):{form}} [{min(values):{form}}–{max(values):{form}}]"
