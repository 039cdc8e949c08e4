"""
Orphans: workers that outlived their executor.

Each executor keeps a file of the workers it started, by process id and start time: a process id alone may since
belong to somebody else. An executor that starts kills what the files of dead executors name, before it claims
anything. Workers also end by themselves when their executor dies; this is for those that cannot, such as stopped ones.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

_logger = structlog.get_logger()


class Process(Struct, frozen=True, order=True):
    """A process, told apart from all that had or will have its id."""

    pid: int
    started: str
    """The boot's id and the clock ticks from boot to start."""


class Record(Struct, frozen=True):
    """What one executor's file holds."""

    executor: Process
    workers: tuple[Process, ...]


def process_of(pid: int) -> Process | None:
    """Return a living process, None when there is none or the system does not tell its start."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    # The name, in parentheses, may hold anything; what follows is counted from its end. Field 3 is the state, 22 the
    # start. A zombie has ended; it only waits for its parent to ask.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else Process(pid, f"{boot}/{fields[19]}")


class Registry:
    """The file of this executor's workers, in a folder that its successors on this machine look into."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._path = folder / f"{os.getpid()}.json"
        self._workers: dict[int, Process] = {}

    def clear(self) -> list[int]:
        """Kill what dead executors left, and forget them; returns the killed pids."""
        killed = []
        for path in self._folder.glob("*.json"):
            try:
                record = msgspec.json.decode(path.read_bytes(), type=Record)
            except (OSError, msgspec.DecodeError) as error:
                _logger.warning("unreadable record of workers", path=str(path), reason=str(error))
                record = None
            if record is not None and process_of(record.executor.pid) == record.executor:
                continue
            if record is not None:
                killed += [worker.pid for worker in record.workers if kill(worker)]
            path.unlink(missing_ok=True)
        if killed:
            _logger.warning("killed workers of an executor that died", pids=killed)
        return killed

    def add(self, pid: int) -> None:
        """Record a worker just started."""
        if (worker := process_of(pid)) is not None:
            self._workers[pid] = worker
            self._write()

    def remove(self, pid: int) -> None:
        """Forget a worker that has ended."""
        if self._workers.pop(pid, None) is not None:
            self._write()

    def close(self) -> None:
        """Leave nothing behind once every worker has ended."""
        if not self._workers:
            self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        executor = process_of(os.getpid())
        if executor is None:
            return
        draft = self._path.with_suffix(".draft")
        draft.write_bytes(msgspec.json.encode(Record(executor, tuple(self._workers.values()))))
        draft.replace(self._path)


def kill(process: Process) -> bool:
    """Kill this very process; False when it has ended, even if its id was given away since."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        # The descriptor holds on to whoever has the id now: only then is it compared.
        if process_of(process.pid) != process:
            return False
        with suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            return True
        return False
    finally:
        os.close(descriptor)
