"""Who is still running: found by what each process was told and where it works, since pids may be reused."""

import os
from pathlib import Path


def processes_of(home: Path) -> list[str]:
    """Return every living process that was told of this home, or works in it."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            told = command + (entry / "environ").read_bytes()
            works_in = str((entry / "cwd").readlink())
        except OSError:
            continue
        if str(home).encode() in told or works_in.startswith(str(home)):
            found.append(command.replace(b"\0", b" ").decode())
    return found
