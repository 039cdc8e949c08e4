"""What keeps a worker process from outliving its executor or eating the machine."""

import ctypes
import faulthandler
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1
_GIBIBYTE = 1024**3
ADDRESS_BYTES_SPARE = 8 * _GIBIBYTE
"""Address space that libraries and threads reserve without using it."""


def die_with_parent() -> None:
    """Be killed when the thread that started us ends; ends this process when that has already happened."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def limit_resources(memory_bytes_max: int) -> None:
    """Leave no core files, and end at an allocation rather than take the machine down with us."""
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = 2 * memory_bytes_max + ADDRESS_BYTES_SPARE
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
