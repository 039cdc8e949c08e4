"""A stack started by another program, as the demo and the tests do: wait for its ready line, end it afterwards."""

import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from orc.embedded.errors import StartFailed
from orc.embedded.program import Program, spawn, stop

READY = "ready "
READY_SECONDS_MAX = 150.0
STOP_SECONDS_MAX = 40.0
"""Its children have ten seconds to end, in three waves; so much it may need itself."""
POLL_SECONDS = 0.05


class Background(Struct, frozen=True):
    """A stack that answers."""

    url: str
    pid: int
    """Of its supervisor."""


@contextmanager
def stack_in_background(
    log: Path, environment: Mapping[str, str], folder: Path | None = None
) -> Iterator[Background]:
    """Run `orc up` in a folder with exactly this environment until the block ends; raises StartFailed."""
    program = Program(
        name="orc",
        argv=(sys.executable, "-m", "orc.embedded"),
        environment=environment,
        folder=folder,
        # Asked, not killed: it has children to end.
        orphan_signal=signal.SIGTERM,
    )
    log.write_bytes(b"")
    process = spawn(program, log)
    try:
        deadline = time.monotonic() + READY_SECONDS_MAX
        while (url := _ready_url(log)) is None:
            if process.poll() is not None or time.monotonic() > deadline:
                raise StartFailed("the stack does not start", log, log.read_text(encoding="utf-8")[-4000:])
            time.sleep(POLL_SECONDS)
        yield Background(url, process.pid)
    finally:
        stop(process, program, STOP_SECONDS_MAX)


def _ready_url(log: Path) -> str | None:
    for line in log.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.startswith(READY) and line.endswith("\n"):
            return line.removeprefix(READY).strip()
    return None
