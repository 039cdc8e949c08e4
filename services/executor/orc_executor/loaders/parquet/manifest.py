"""
The manifest of a Parquet folder, `_orc/manifest.json`: which files are the dataset, and what the folder knows of loads.

It is replaced as a whole, by a rename: that is the commit. Files, receipt, fence and state change in one step or not at
all. A file that it does not name is no part of the dataset.
"""

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid5

import msgspec
from msgspec import Struct, structs

from orc_domain.run_messages import TaskResult
from orc_executor.beneath import folder_in
from orc_executor.errors import NoSpace, OutcomeUnknown, Superseded, TargetUnusable
from orc_executor.frames import TaskOrder
from orc_executor.paths import check_plain
from orc_executor.receipts import Receipt
from orc_executor.state import NO_STATE, TaskState

FOLDER, NAME = "_orc", "manifest.json"
FORMAT = 1
MANIFEST_BYTES_MAX = 256 * 1024 * 1024
FILES_MAX = 100_000
"""Of one dataset."""
_KEPT = timedelta(days=365)
"""Receipts and fences are asked for while a run can be retried; a year is more than any run takes."""
_NO_SPACE = "No space left on device"


class DataFile(Struct, frozen=True):
    """One file of the dataset."""

    path: str
    """Under the folder."""
    rows: int
    bytes: int


class KeptReceipt(Struct, frozen=True):
    """The proof of one load."""

    result: TaskResult
    loaded_at: datetime


class Fence(Struct, frozen=True):
    """The latest attempt of a run that came to this folder; older ones may not load any more."""

    attempt: int
    raised_at: datetime


class Manifest(Struct, frozen=True, kw_only=True):
    """What is true of a folder."""

    format: int = FORMAT
    version: int = 0
    """1 more with each change."""
    columns: dict[str, str] = {}
    """Names and types, those of `partition_by` included; empty before the first load."""
    partition_by: tuple[str, ...] = ()
    files: tuple[DataFile, ...] = ()
    receipts: dict[str, KeptReceipt] = {}
    """By root run and task: `<root>/<task>`."""
    fences: dict[str, Fence] = {}
    """By run."""
    states: dict[str, TaskState] = {}
    """By task."""

    def receipt(self, order: TaskOrder) -> Receipt | None:
        """Return the proof that the order's task was loaded."""
        kept = self.receipts.get(_key(order))
        return None if kept is None else Receipt(kept.result)

    def state(self, order: TaskOrder) -> TaskState:
        """Return what is remembered of the order's task."""
        return self.states.get(str(order.task_id), NO_STATE)

    def holding_back(self, order: TaskOrder) -> "Manifest":
        """Return it with earlier attempts of the run kept from loading; raises Superseded when that was done to us."""
        run, fence = str(order.run_id), self.fences.get(str(order.run_id))
        if fence is not None and fence.attempt > order.attempt:
            raise Superseded(order.attempt, fence.attempt)
        # Before the first attempt there is none to hold back.
        if max(1, fence.attempt if fence else 0) >= order.attempt:
            return self
        raised = Fence(order.attempt, datetime.now(UTC))
        return structs.replace(self, fences={**self.fences, run: raised})

    def proving(self, order: TaskOrder, result: TaskResult) -> tuple["Manifest", Receipt]:
        """Return it with a receipt of the result, what is older than a year forgotten."""
        now = datetime.now(UTC)
        result = structs.replace(result, receipt=load_id(order))
        receipts = {key: kept for key, kept in self.receipts.items() if kept.loaded_at > now - _KEPT}
        fences = {key: fence for key, fence in self.fences.items() if fence.raised_at > now - _KEPT}
        receipts[_key(order)] = KeptReceipt(result, now)
        return structs.replace(self, receipts=receipts, fences=fences), Receipt(result)


def load_id(order: TaskOrder) -> str:
    """Return the id of this load: the same whenever it is asked for."""
    return str(uuid5(order.run_id, f"{order.attempt}/{order.task_id}"))


def read_manifest(folder: Path, name: str) -> Manifest | None:
    """Return the folder's manifest, None where there is none; raises TargetUnusable."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        with folder_in(folder, FOLDER) as home:
            descriptor = os.open(home / NAME, flags)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TargetUnusable(f"{name}: its manifest cannot be read: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        check_plain(os.fstat(descriptor), f"{name}: its manifest", TargetUnusable)
        text = file.read(MANIFEST_BYTES_MAX + 1)
    if len(text) > MANIFEST_BYTES_MAX:
        raise TargetUnusable(f"{name}: its manifest is longer than {MANIFEST_BYTES_MAX} bytes")
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except msgspec.MsgspecError as error:
        raise TargetUnusable(f"{name}: {FOLDER}/{NAME} is no manifest of ours: {error}") from error
    if manifest.format != FORMAT:
        raise TargetUnusable(
            f"{name}: its manifest is of format {manifest.format}, this version knows {FORMAT}"
        )
    return manifest


def write_manifest(folder: Path, manifest: Manifest, name: str) -> Manifest:
    """Put it in the place of the one before, for good once this returns, and return it; raises NoSpace, TargetUnusable, OutcomeUnknown."""
    manifest = structs.replace(manifest, version=manifest.version + 1)
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    is_put = False
    try:
        with folder_in(folder, FOLDER, make=True) as home:
            unfinished = home / f"{NAME}.orc-unfinished"
            # Whatever stands there is removed, not written into: it may be a link.
            unfinished.unlink(missing_ok=True)
            with unfinished.open("xb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(home / NAME)
            is_put = True
            _sync(home)
        _sync(folder)
    except OSError as error:
        if is_put:
            raise OutcomeUnknown(
                f"{name}: its manifest may be lost in a power cut: {error.strerror}"
            ) from error
        fault = NoSpace if error.strerror == _NO_SPACE else TargetUnusable
        raise fault(f"{name}: its manifest cannot be written: {error.strerror}") from error
    return manifest


def sync_folders(folder: Path, paths: Iterable[str]) -> None:
    """Have what was renamed in folders below another survive a power cut; raises OSError."""
    for path in paths:
        with folder_in(folder, path) as home:
            _sync(home)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _key(order: TaskOrder) -> str:
    return f"{order.root_id}/{order.task_id}"
