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
    folder: Path | None = None
    """Where it is started, when not where we are."""
    user: tuple[int, int] | None = None
    """User and group to run under, when not ours."""
    keep_open: tuple[int, ...] = field(default=())
    """File descriptors that it inherits beside the usual three."""


def spawn(program: Program, log: Path) -> subprocess.Popen[bytes]:
    """Start a program with its output appended to `log`; to be called from the main thread."""
    uid, gid = program.user or (None, None)
    with log.open("ab") as output:
        return subprocess.Popen(
            program.argv,
            env=dict(program.environment),
            cwd=program.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            user=uid,
            group=gid,
            extra_groups=[] if uid is not None else None,
            pass_fds=program.keep_open,
            start_new_session=True,
            # One system call: no lock is taken and nothing imported in the child, whatever our threads do.
            preexec_fn=end_with_us(program.orphan_signal),  # noqa: PLW1509
        )


def stop(process: subprocess.Popen[bytes], program: Program, seconds_max: float = STOP_SECONDS_MAX) -> None:
    """Ask a process to end, and end it when it does not in time."""
    if process.poll() is not None:
        return
    process.send_signal(program.stop_signal)
    try:
        process.wait(seconds_max)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def end_with_us(orphan_signal: signal.Signals) -> Callable[[], None] | None:
    """Return what a child has to do before it runs, so that the kernel signals it when we die."""
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
