"""
What a killed Postgres leaves behind: backends that still hold its shared memory, and a pid file.

Every Postgres process works inside its data folder, which tells ours from all others without trusting a pid that
may since belong to somebody else. Whoever calls this holds the lock of the home, so no living server is ours.
"""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

PATIENCE_SECONDS = 5.0
POLL_SECONDS = 0.02


def clear(data: Path) -> None:
    """End what still runs in `data` and remove the pid file: by itself first, then by force."""
    if not Path("/proc/self").exists():
        return  # Without /proc, Postgres' own check of the pid file has to do.
    deadline = time.monotonic() + PATIENCE_SECONDS
    while running := _working_in(data):
        if time.monotonic() > deadline:
            for pid in running:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(POLL_SECONDS)
    (data / "postmaster.pid").unlink(missing_ok=True)


def _working_in(folder: Path) -> list[int]:
    """Pids of all processes whose current directory is `folder`."""
    wanted = folder.stat()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            # Processes end while we look, and those of other users do not show where they work.
            with suppress(OSError):
                here = (entry / "cwd").stat()
                if (here.st_dev, here.st_ino) == (wanted.st_dev, wanted.st_ino):
                    found.append(int(entry.name))
    return found
