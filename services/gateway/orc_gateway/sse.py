"""
Server-sent events (WHATWG HTML, section 9.2): the log, live, to whoever keeps the connection open.

`id:` is the event's position, so `Last-Event-ID` resumes without a gap; progress has none, for it is not in the log.
A comment every 15 s tells both ends that the other is there. Streams end by themselves when the process stops.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from time import monotonic
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from orc_events.errors import EventsError
from orc_events.event import Position, Recorded
from orc_gateway.live import Tail, Watcher

HEARTBEAT_SECONDS = 15.0
CHECK_SECONDS = 0.5
"""How often a stream asks whether its reader may go on; what ends a session ends its streams as fast as the rest."""
HEARTBEAT = b": still here\n\n"
OPENING = b"retry: 1000\n\n"
"""What tells a browser how many ms to wait before it connects again; its arrival says that the stream is open."""
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
CONTENT_TYPE = "text/event-stream"
PROGRESS = "progress"
FINAL = frozenset({"run.succeeded", "run.failed", "run.cancelled"})


class EventView(Struct, frozen=True):
    """An event as REST shows it."""

    position: int
    stream: str
    version: int
    type: str
    schema_version: int
    data: Raw
    actor: str
    command_id: UUID
    correlation_id: UUID
    occurred_at: datetime
    recorded_at: datetime
    hash: str
    """SHA-256 in hex over the previous event's hash and this event."""


def view(recorded: Recorded) -> EventView:
    """Show an event."""
    return EventView(
        recorded.position, recorded.stream, recorded.version, recorded.type, recorded.schema_version,
        Raw(recorded.data.encode()), recorded.actor, recorded.command_id, recorded.correlation_id,
        recorded.occurred_at, recorded.recorded_at, recorded.hash.hex(),
    )  # fmt: skip


def frame(recorded: Recorded) -> bytes:
    """Write an event of the log."""
    return _frame(recorded.type, msgspec.json.encode(view(recorded)), recorded.position)


def _frame(name: str, data: bytes, position: int | None = None) -> bytes:
    # A line break inside would end the field; JSON means the same with a space there.
    line = data.replace(b"\r", b" ").replace(b"\n", b" ")
    head = f"event: {name}\n" if position is None else f"id: {position}\nevent: {name}\n"
    return head.encode() + b"data: " + line + b"\n\n"


async def follow_log(
    tail: Tail, watcher: Watcher, after: Position, wanted: Callable[[Recorded], bool]
) -> AsyncIterator[bytes]:
    """Yield what is wanted of the log after a position, for as long as somebody listens."""
    yield OPENING
    async for batch in _batches(tail, watcher, after):
        text = b"".join(frame(recorded) for recorded in batch if wanted(recorded))
        if text or not batch:
            yield text or HEARTBEAT


async def follow_run(
    tail: Tail, watcher: Watcher, head: Position, past: Sequence[Recorded], after: Position
) -> AsyncIterator[bytes]:
    """
    Yield a run's events after a position, and its progress, until the event that ends it.

    `past` is the run so far; `head` a position of the log from before it was read, so that nothing is missed between.
    """
    yield OPENING + b"".join(frame(recorded) for recorded in past if recorded.position > after)
    if past[-1].type in FINAL:
        return
    stream, shown = past[0].stream, past[-1].position
    async for batch in _batches(tail, watcher, head):
        new = [one for one in batch if one.stream == stream and one.position > shown]
        progress = [_frame(PROGRESS, watcher.progress.popleft()) for _ in range(len(watcher.progress))]
        text = b"".join([*progress, *(frame(one) for one in new)])
        if text or not batch:
            yield text or HEARTBEAT
        if any(one.type in FINAL for one in new):
            return


async def _batches(tail: Tail, watcher: Watcher, after: Position) -> AsyncIterator[list[Recorded]]:
    """Yield what comes after a position; an empty batch for progress, and when it is time for a heartbeat."""
    beat_at = monotonic() + HEARTBEAT_SECONDS
    check_at = monotonic() + CHECK_SECONDS
    while not tail.is_over:
        if monotonic() >= check_at:
            check_at = monotonic() + CHECK_SECONDS
            if not await watcher.may_go_on():
                return
        if monotonic() >= beat_at:
            beat_at = monotonic() + HEARTBEAT_SECONDS
            yield []
            continue
        try:
            batch = await tail.after(after)
        except EventsError:
            return  # The reader comes back with Last-Event-ID, by then to a log that answers.
        if batch:
            after = batch[-1].position
            yield batch
        elif watcher.progress:
            yield []
        else:
            await watcher.news(max(0.0, min(beat_at, check_at) - monotonic()))
