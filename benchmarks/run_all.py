"""Every figure, one script after the other; each prints its own limit or peer beside it."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = (
    ("append.py",),
    ("read_back.py",),
    ("replay.py",),
    ("load_files.py", "--rows", "10000000"),
    ("ingest.py",),
    ("flat_memory.py",),
    ("refusals.py",),
    ("latency.py",),
    ("runs.py", "--peer"),
    ("schedules.py",),
    ("idle_memory.py",),
)


def main() -> int:
    """Run all; returns how many failed."""
    failed = 0
    for name, *arguments in SCRIPTS:
        print(f"== {name} {' '.join(arguments)}", flush=True)
        failed += subprocess.run([sys.executable, HERE / name, *arguments], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
