"""What was asked, what was answered, what was broken: a line of JSON each, with the seed first. The oracle reads it."""

import json
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any


class History:
    """One run's history; may be written from several threads."""

    def __init__(self, path: Path, seed: int) -> None:
        self.path, self.seed = path, seed
        self.happened: Counter[str] = Counter()
        """Faults of the test under way, by name."""
        self.total: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.write("seed", seed=seed)

    def write(self, what: str, **facts: Any) -> None:
        line = json.dumps({"at": time.time(), "what": what, **facts}, default=str)
        with self._lock, self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def fault(self, name: str, **facts: Any) -> None:
        """Note that a fault happened; one that was only tried is not noted."""
        self.happened[name] += 1
        self.total[name] += 1
        self.write("fault", name=name, **facts)

    def begin_test(self) -> None:
        """Let what happened in earlier tests not count for the next one's plan."""
        self.happened.clear()

    def require(self, **planned: int) -> None:
        """Refuse a run in which a planned fault happened less often than planned."""
        missing = {
            name: (self.happened[name], times)
            for name, times in ((key.replace("_", " "), value) for key, value in planned.items())
            if self.happened[name] < times
        }
        assert not missing, (
            f"INVALID run, not a failed one: planned faults did not happen (had, planned): {missing}"
        )
