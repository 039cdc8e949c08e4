"""A process that swaps two names with each other, again and again, as fast as it can: `swapper.py ONE OTHER`."""

import ctypes
import os
import random
import subprocess
import sys
import time
from contextlib import contextmanager

_HERE = -100
_EXCHANGE = 2
_TRUE_SECONDS_MAX, _FALSE_SECONDS_MAX = 0.003, 0.001
"""How long each path keeps what it names at first, and the other's."""


@contextmanager
def swapping(one, other):
    """Have what is at the two paths swapped all the time; each path always names one of the two."""
    process = subprocess.Popen([sys.executable, __file__, str(one), str(other)], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"swapping\n"
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _main(one, other):
    libc, chance = ctypes.CDLL(None, use_errno=True), random.Random(1)
    names = os.fsencode(one), os.fsencode(other)
    print("swapping", flush=True)  # noqa: T201
    while os.getppid() != 1:
        for seconds in (_TRUE_SECONDS_MAX, _FALSE_SECONDS_MAX):
            until = time.perf_counter() + seconds * chance.random()
            while time.perf_counter() < until:
                pass
            assert libc.renameat2(_HERE, names[0], _HERE, names[1], _EXCHANGE) == 0


if __name__ == "__main__":
    _main(*sys.argv[1:])
