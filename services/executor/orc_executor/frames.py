"""
What the executor and its worker process say to each other, over two pipes.

    executor → worker    TaskOrder, PreviewOrder, Stop, Ping
    worker → executor    Ready, Progress…, then one of Loaded | NoReceipt | Previewed | Stopped | Failed; Pong to each Ping

A frame is four bytes of length, big-endian, and then JSON: whole numbers of any size that a job's rows may hold pass
unchanged. One order is open at a time, and each order ends in exactly one answer; a Stop that comes too late changes
nothing.
"""

from collections.abc import Iterator
from struct import Struct as Layout
from typing import Generic, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct

from orc_domain.config import Config
from orc_domain.previews import TaskPreview
from orc_domain.run_messages import CursorSet, RunWindow, TaskResult

FRAME_BYTES_MAX = 16 * 1024 * 1024
"""A request body is 1 MiB at most, and an order holds one task of it."""
_LENGTH = Layout(">I")

F = TypeVar("F")

Phase = Literal["gather", "load"]
"""`gather` brings near what is far away, `load` writes it into its target."""


class LoadLimits(Struct, frozen=True, kw_only=True):
    """What one task may use, on top of the worker's own memory limit."""

    spool_bytes_max: int = 64 * 1024**3
    """Of an API's answers, and of files from elsewhere or written anew, kept in the scratch folder until they are loaded."""
    page_bytes_max: int = 256 * 1024**2
    """Of one answer of an API, or a JSON file that a path leads into, after decompression."""
    files_max: int = 10_000
    """That the paths of a config may name."""
    rows_wanted: int | None = None
    """Rows after which nothing more need be brought near; None is all."""


class _Frame(Struct, frozen=True, tag_field="frame"):
    pass


class SealedSecret(Struct, frozen=True, kw_only=True):
    """A secret of the store, which only a master key opens."""

    name: str
    version: int
    data: bytes
    wrapped_key: bytes
    master_key_id: str


class Stored(Struct, frozen=True):
    """What the secret store holds of the secrets that a task names."""

    secrets: tuple[SealedSecret, ...] = ()
    trouble: str | None = None
    """Why that is not known."""
    is_passing: bool = False
    """Whether another attempt may find it known."""


NOTHING_STORED = Stored()


class TaskOrder(_Frame, frozen=True, kw_only=True, tag="order"):
    """Extract and load one task, or say what its receipt says."""

    run_id: UUID
    root_id: UUID
    """Receipts are keyed by it and by the task."""
    attempt: int
    task_id: UUID
    task_order: int
    extractor_config: Config
    loader_config: Config
    settle: bool = False
    """Load nothing: answer Loaded when there is a receipt, else NoReceipt."""
    check_receipt: bool = True
    """Whether the task may have been loaded before; without a receipt it is loaded now."""
    cursor_set: CursorSet | None = None
    window: RunWindow | None = None
    task_timeout_seconds: float = 21_600.0
    limits: LoadLimits = LoadLimits()
    stored: Stored = NOTHING_STORED


class PreviewOrder(_Frame, frozen=True, tag="preview"):
    """Look at the first rows of a task's source, as many as its limits want, and load nothing."""

    task: TaskOrder
    with_target: bool
    """Whether to say what a load would do, too."""


class Stop(_Frame, frozen=True, tag="stop"):
    """End the open order between two batches; the answer is Stopped unless it was too late."""


class Ping(_Frame, frozen=True, tag="ping"):
    """Ask whether the worker is alive; it answers while it loads, too."""


class Ready(_Frame, frozen=True, tag="ready"):
    """The worker takes orders."""

    pid: int


class Progress(_Frame, frozen=True, tag="progress"):
    """How far the open order is; at most two in a second."""

    rows: int
    bytes: int
    percent: float | None = None
    """Of the phase; None where no total is known."""
    phase: Phase = "gather"


class Loaded(_Frame, frozen=True, tag="loaded"):
    """The rows are in the target and the receipt with them."""

    result: TaskResult
    already: bool = False
    """An earlier attempt had loaded them."""


class NoReceipt(_Frame, frozen=True, tag="no_receipt"):
    """A settle order found that nothing was loaded."""


class Previewed(_Frame, frozen=True, tag="previewed"):
    """The source could be looked at."""

    preview: TaskPreview


class Stopped(_Frame, frozen=True, tag="stopped"):
    """The order was ended by Stop; the target is as before."""


class Failed(_Frame, frozen=True, tag="failed"):
    """The order could not be done; the target is as before."""

    kind: str
    message: str
    retryable: bool
    fatal: bool = False
    """The worker ends itself after this frame: what it holds can no longer be trusted."""


class Pong(_Frame, frozen=True, tag="pong"):
    """The answer to Ping."""


FromParent = TaskOrder | PreviewOrder | Stop | Ping
FromWorker = Ready | Progress | Loaded | NoReceipt | Previewed | Stopped | Failed | Pong
Answer = Loaded | NoReceipt | Previewed | Stopped | Failed

_ENCODER = msgspec.json.Encoder()


class FrameError(Exception):
    """The other side sent what is no frame; nothing more of it can be read."""


class FrameReader(Generic[F]):
    """Cut a stream of bytes into frames; does no I/O, so that a thread and an event loop use it alike."""

    def __init__(self, decoder: "msgspec.json.Decoder[F]") -> None:
        self._decoder = decoder
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[F]:
        """Yield the frames that `data` completes; raises FrameError."""
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > FRAME_BYTES_MAX:
                raise FrameError(f"a frame of {length} bytes is longer than {FRAME_BYTES_MAX}")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            try:
                yield self._decoder.decode(body)
            except msgspec.MsgspecError as error:
                raise FrameError(f"a frame cannot be read: {error}") from error


def encode(frame: FromParent | FromWorker) -> bytes:
    """Return the frame's bytes, length first; raises FrameError when it is too long."""
    body = _ENCODER.encode(frame)
    if len(body) > FRAME_BYTES_MAX:
        raise FrameError(f"a frame of {len(body)} bytes is longer than {FRAME_BYTES_MAX}")
    return _LENGTH.pack(len(body)) + body


def orders() -> FrameReader[FromParent]:
    """Return a reader for the worker's side."""
    return FrameReader(msgspec.json.Decoder(FromParent))


def answers() -> FrameReader[FromWorker]:
    """Return a reader for the executor's side."""
    return FrameReader(msgspec.json.Decoder(FromWorker))
