"""
A program that we start and answer for: how it is run, how it is asked to stop.

Whatever we start ends with us. The kernel signals each child when we die, however we die, so that nothing is
left behind that a person would have to look for.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct, field

PR_SET_PDEATHSIG = 1
STOP_SECONDS_MAX = 10.0


class Program(Struct, frozen=True, kw_only=True):
    """One process of the stack, as it is started and started again."""

    name: str
    """Also the name of its log and of its pid file."""
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    """The whole environment: nothing is inherited that is not in here."""
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends it when we die."""
    user: tuple[int, int] | None = None
    """User and group to run under, when not ours."""
    keep_open: tuple[int, ...] = field(default=())
    """File descriptors that it inherits beside the usual three."""


def spawn(program: Program, log: Path) -> subprocess.Popen[bytes]:
    """Start a program with its output appended to `log`; to be called from the main thread."""
    uid, gid = program.user or (None, None)
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: PLW1509 - one system call, no lock is taken and no import done in the child
            program.argv,
            env=dict(program.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            user=uid,
            group=gid,
            extra_groups=[] if uid is not None else None,
            pass_fds=program.keep_open,
            start_new_session=True,
            preexec_fn=_end_with_us(program.orphan_signal),
        )


def stop(process: subprocess.Popen[bytes], program: Program) -> None:
    """Ask a process to end, and end it when it does not within `STOP_SECONDS_MAX`."""
    if process.poll() is not None:
        return
    process.send_signal(program.stop_signal)
    try:
        process.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end_with_us(orphan_signal: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def ask_kernel() -> None:
        # Between the fork and this line the parent may already have died, and then no signal will come.
        prctl(PR_SET_PDEATHSIG, int(orphan_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask_kernel
