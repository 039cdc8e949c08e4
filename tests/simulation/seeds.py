"""
Many seeds, in as many processes as there are processors, and the way to look at one.

    python tests/simulation/seeds.py 1234          one seed, told step by step
    python tests/simulation/seeds.py 0 5000        a range; prints what broke
"""

import gc
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.util import Finalize
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from simulation.world import Verdict, run_seed, told

PROCESSES_MAX = 2
CHUNK = 25


def run_seeds(seeds: Sequence[int]) -> list[Verdict]:
    """Live through seeds, side by side; in their order."""
    processes = min(PROCESSES_MAX, os.cpu_count() or 1)
    # Started afresh rather than forked: the tests' own process has threads and open connections.
    with ProcessPoolExecutor(processes, get_context("spawn"), initializer=prepare) as pool:
        return list(pool.map(run_seed, seeds, chunksize=CHUNK))


def prepare() -> None:
    """Make a process fast at seeds: what was imported is not looked at again when garbage is collected."""
    run_seed(0)
    gc.collect()
    gc.freeze()
    # What is frozen is never freed, and DuckDB complains of that at the end.
    Finalize(None, gc.unfreeze, exitpriority=0)


def main(arguments: Sequence[str]) -> int:
    """Run what the command line says; 1 when something broke."""
    numbers = [int(argument) for argument in arguments]
    if len(numbers) == 1:
        verdicts = [run_seed(numbers[0], is_traced=True)]
        sys.stdout.write(told(verdicts[0]) + "\n")
    else:
        verdicts = run_seeds(range(numbers[0], numbers[1]))
        for verdict in verdicts:
            if verdict.broken:
                sys.stdout.write(told(verdict) + "\n")
    broken = sum(bool(verdict.broken) for verdict in verdicts)
    sys.stdout.write(f"{len(verdicts)} seeds, {broken} broken\n")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
