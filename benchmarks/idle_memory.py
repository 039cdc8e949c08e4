"""Memory of our own processes when nothing runs, as PSS: shared pages are counted once. Beside it: a bare interpreter."""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from stack import running_stack

SETTLE_SECONDS = 5


def pss_mb(pid: int) -> float:
    """Proportional set size of a process in MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in family(int(child)))]


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    bare = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with running_stack() as stack:
        time.sleep(SETTLE_SECONDS)
        total = 0.0
        for pid in family(stack.pid):
            command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
            if "postgres" in command.split(" ")[0] or "nats-server" in command:
                continue
            total += pss_mb(pid)
            print(f"  {pss_mb(pid):7.1f} MB  {command[-60:]}")
    print(
        f"our processes idle: {total:.0f} MB   target ≤ 500 MB   a bare interpreter: {pss_mb(bare.pid):.0f} MB"
    )
    bare.kill()


if __name__ == "__main__":
    main()
