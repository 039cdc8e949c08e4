"""The process's side of `points.py`: `reach(name)` returns at once unless the point is armed."""

import json
import os
import time
from pathlib import Path

POLL_SECONDS = 0.01


def reach(name: str, *, executor: int, run_id: object = "") -> None:
    """Stop here when the point is armed (for this run), until let go or killed; blocks the thread, on purpose."""
    folder = Path(os.environ["FAULTS_POINTS"])
    for armed in sorted(folder.glob(f"{name}.*.armed")):
        taken = armed.with_suffix(f".{os.getpid()}")
        try:
            if (wanted := armed.read_text()) and wanted != str(run_id):
                continue
            armed.rename(taken)
        except FileNotFoundError:
            continue
        hit = {
            "name": name,
            "number": int(armed.suffixes[-2].removeprefix(".")),
            "pid": os.getpid(),
            "executor": executor,
            "run_id": str(run_id),
        }
        taken.write_text(json.dumps(hit))
        taken.rename(armed.with_suffix(".hit"))
        while not armed.with_suffix(".go").exists():
            time.sleep(POLL_SECONDS)
        return
