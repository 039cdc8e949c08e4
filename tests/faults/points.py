"""
Named points, from the harness's side: a process that comes to an armed point stops there until it is killed or let go.

The other side is `entries/reach.py`, which wraps functions of the product in the test's own processes; the product
knows nothing of it. A point is a file: `<name>.<n>.armed`, taken by whoever renames it first, answered by `.hit`.
"""

import json
import time
from pathlib import Path

from msgspec import Struct

WAIT_SECONDS_MAX = 60.0


class Hit(Struct, frozen=True):
    """A process waiting at a point."""

    name: str
    number: int
    pid: int
    executor: int
    """Pid of the executor it belongs to, or is."""
    run_id: str


class Points:
    """The points of one machine."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._number = 0

    def arm(self, name: str, run_id: str = "") -> int:
        """Let the next process that comes there stop; only for one run when it is named. Returns the arm's number."""
        self._number += 1
        draft = self.folder / f"{self._number}.draft"
        draft.write_text(run_id)
        draft.rename(self.folder / f"{name}.{self._number:04}.armed")
        return self._number

    def disarm(self) -> None:
        """Take back what nobody came to."""
        for path in self.folder.glob("*.armed"):
            path.unlink(missing_ok=True)

    def hits(self) -> list[Hit]:
        """Return who waits now and was not let go."""
        found = []
        for path in sorted(self.folder.glob("*.hit")):
            hit = Hit(**json.loads(path.read_text()))
            if not path.with_suffix(".go").exists() and _lives(hit.pid):
                found.append(hit)
        return found

    def fallen(self) -> list[str]:
        """Name the point of each process that was killed there; one point may have several."""
        found = [Hit(**json.loads(path.read_text())) for path in self.folder.glob("*.hit")]
        return [
            hit.name
            for hit in found
            if not _lives(hit.pid) and not (self.folder / f"{hit.name}.{hit.number:04}.go").exists()
        ]

    def wait(self, name: str, seconds_max: float = WAIT_SECONDS_MAX) -> Hit:
        """Wait until somebody is at a point; nobody coming makes the run invalid."""
        deadline = time.monotonic() + seconds_max
        while time.monotonic() < deadline:
            for hit in self.hits():
                if hit.name == name:
                    return hit
            time.sleep(0.02)
        raise AssertionError(f"INVALID run, not a failed one: nobody came to the point {name}")

    def release(self, hit: Hit) -> None:
        """Let a process go on."""
        (self.folder / f"{hit.name}.{hit.number:04}.go").touch()


def _lives(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    # A zombie has ended; it only waits for its parent to ask.
    return stat.rpartition(")")[2].split()[0] != "Z"
