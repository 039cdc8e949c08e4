"""
A task under way: what it shares with the thread that watches over it.

The task asks `check_stop` between two steps, and says how what it waits for is interrupted. The watcher calls `tick`
again and again: an interrupt that comes between two statements is lost, so one is not enough.
"""

import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from orc_domain.egress import EgressPolicy
from orc_executor.errors import TaskStopped, TimedOut
from orc_executor.frames import Phase, Progress, TaskOrder
from orc_executor.paths import Folders, SourceFile
from orc_executor.pins import Pins
from orc_executor.scratch import Scratch
from orc_executor.secrets import Secrets

LAST_SECONDS_MAX = 5.0
"""How long before the task's timeout a wait gives up, so that its reason still reaches the executor."""


class Reach:
    """What a worker may reach, the same for all its tasks."""

    def __init__(self, folders: Folders, scratch: Scratch, secrets: Secrets, egress: EgressPolicy) -> None:
        self.folders, self.scratch, self.secrets, self.egress = folders, scratch, secrets, egress


class Preview(Struct, frozen=True):
    """That an order only looks."""

    with_target: bool


class Underway:
    """One order under way."""

    def __init__(self, order: TaskOrder, reach: Reach, *, preview: Preview | None = None) -> None:
        self.order, self.reach, self.preview = order, reach, preview
        self.began_at = time.monotonic()
        timeout = order.task_timeout_seconds
        self._late_at = self.began_at + timeout
        self.wait_until = self.began_at + timeout - min(LAST_SECONDS_MAX, timeout / 10)
        """Until when (monotonic) it may wait for others."""
        self.rows = self.bytes = 0
        self.bytes_total: int | None = None
        """Of files, once it is known which; what a scan has read of them follows from its percent."""
        self._expected = dict[str, int | None]()
        self.files: int | None = None
        self.requests: int | None = None
        """Pages of an API that came."""
        self.requests_total: int | None = None
        """Of its pages, where it told how many there are."""
        self.is_cut = False
        """Whether there may be more than `limits.rows_wanted` had brought near."""
        self._phase: Phase = "gather"
        self._loaded = 0.0
        """The highest percent of the load that was told."""
        self.spooled_bytes = 0
        """Written into its folder, to be held against `spool_bytes_max`."""
        self._folder: Path | None = None
        self._plain_folder: Path | None = None
        self.pins = Pins(self.folder)
        """What it has opened in the folders that others may write into."""
        self._is_stopped = self._is_late = False
        self.is_committing = False
        """Whether a stop comes too late."""
        self._lock = threading.Lock()
        self._interrupt: Callable[[], None] | None = None
        self._percent: Callable[[], float | None] | None = None

    # --- the task's side --------------------------------------------------------------------------------------

    def check_stop(self) -> None:
        """Raise TaskStopped when Stop came, TimedOut when the task's time is over."""
        if self._is_stopped:
            raise TaskStopped
        if (too_late := self.too_late) is not None:
            raise too_late

    @property
    def too_late(self) -> TimedOut | None:
        """The error to end with when the task's time is over and nobody stopped it before."""
        if self._is_stopped or not self._is_late:
            return None
        return TimedOut(self.order.task_timeout_seconds)

    @contextmanager
    def interruptible(
        self, interrupt: Callable[[], None], percent: Callable[[], float | None] | None = None
    ) -> Iterator[None]:
        """
        Let Stop call `interrupt`, from another thread and perhaps more than once, until the block ends.

        A block that says how far it is, by `percent`, is the load.
        """
        with self._lock:
            self._interrupt, self._percent = interrupt, percent
            if percent is not None:
                self._phase = "load"
        try:
            self.check_stop()
            yield
        finally:
            with self._lock:
                self._interrupt, self._percent = None, None

    def commit_begins(self) -> None:
        """Pass the point after which Stop comes too late; raises TaskStopped when it came before."""
        with self._lock:
            self.check_stop()
            self.is_committing = True

    def expect(self, sizes: Mapping[str, int | None]) -> None:
        """Note how large files are that are brought near, by name; None is not known yet."""
        self._expected.update(sizes)
        known = [size for size in self._expected.values() if size is not None]
        self.bytes_total = sum(known) if len(known) == len(self._expected) else None

    def found(self, files: Collection[SourceFile]) -> None:
        """Note which files are read."""
        self.files, self.bytes_total = len(files), sum(file.bytes for file in files)

    @property
    def has_enough(self) -> bool:
        """Whether as many rows were brought near as are wanted; there may be more then."""
        wanted = self.order.limits.rows_wanted
        self.is_cut = wanted is not None and self.rows >= wanted
        return self.is_cut

    def folder(self) -> Path:
        """Return the task's folder for what does not go through memory, made on first use."""
        if self._folder is None:
            order = self.order
            self._folder = self.reach.scratch.subfolder(f"{order.run_id}-{order.attempt}-{order.task_order}")
        return self._folder

    def plain_folder(self) -> Path:
        """Return a folder of the task with a path like any other, for what is not ours; made on first use."""
        if self._plain_folder is None:
            order = self.order
            self._plain_folder = self.reach.scratch.plain(
                f"{order.run_id}-{order.attempt}-{order.task_order}"
            )
        return self._plain_folder

    def clean_up(self) -> None:
        """Remove the folders, and hold nothing open any more."""
        self.pins.let_go()
        for folder in (self._folder, self._plain_folder):
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)

    def seconds(self) -> float:
        """Return how long the task has taken, to a microsecond."""
        return round(time.monotonic() - self.began_at, 6)

    def seconds_left(self) -> float:
        """Return how long the task may still take, 0 when its time is over."""
        return max(0.0, self._late_at - time.monotonic())

    # --- the watcher's side -----------------------------------------------------------------------------------

    @property
    def must_end(self) -> bool:
        """Whether it was stopped or took too long."""
        return self._is_stopped or self._is_late

    def stop(self) -> None:
        """End the task, if it can still be ended."""
        self._is_stopped = True
        self.tick()

    def tick(self) -> None:
        """Interrupt the task when it must end; to be called until it has."""
        with self._lock:
            self._is_late = self._is_late or time.monotonic() > self._late_at
            if self.must_end and self._interrupt and not self.is_committing:
                self._interrupt()

    def progress(self) -> Progress:
        """Say how far it is."""
        with self._lock:
            if self._phase == "gather":
                return Progress(rows=self.rows, bytes=self.bytes, percent=self._gathered())
            # A load is several statements, and each tells its own share: what was read stays read.
            self._loaded = max(self._loaded, (self._percent and self._percent()) or 0.0)
            size = self.bytes if self.bytes_total is None else int(self.bytes_total * self._loaded / 100)
            return Progress(rows=self.rows, bytes=size, percent=self._loaded or None, phase="load")

    def _gathered(self) -> float | None:
        for done, total in ((self.requests, self.requests_total), (self.bytes, self.bytes_total)):
            if done and total:
                return round(min(100.0, 100 * done / total), 1)
        return None
