"""
Prove that the log is what was recorded: walk the chain and recompute every hash.

A changed byte, a deleted, added or swapped row, rows cut off at the end: the first position that is wrong is named.
Whoever can rewrite the table can rewrite all hashes after a change as well; that is seen by starting from, or
comparing with, a `Head` that was kept outside the database.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime

from msgspec import Struct

from orc_events.canonical import link
from orc_events.errors import ChainBroken, GapFound
from orc_events.event import GENESIS, Head, Position, Recorded

BATCH_MAX = 2_000

Read = Callable[[Position, int], Awaitable[Sequence[Recorded]]]
ReadHead = Callable[[], Awaitable[Head]]


class Verified(Struct, frozen=True, kw_only=True):
    """How far the log is proven."""

    events: int
    """How many events were found to be as recorded."""
    head: Head
    """The last of them: what to keep outside the database."""
    first_bad: ChainBroken | None = None
    """The first position that is wrong, and why; None when all are right."""


async def verify(
    read: Read,
    read_head: ReadHead,
    *,
    start: Head = GENESIS,
    batch_max: int = BATCH_MAX,
    on_progress: Callable[[Position, Position], None] | None = None,
) -> Verified:
    """
    Prove every event from `start` to where the log ends now: give it a log's `read` and `chain_head`.

    `on_progress` is told the position proven and the one to reach. Events appended meanwhile are not waited for.
    """
    walk = _Walk(start)
    first_bad: ChainBroken | None = None
    try:
        target = await read_head()
        async for batch in _batches(read, start.position, target.position, batch_max):
            walk.follow(batch)
            if on_progress:
                on_progress(walk.head.position, target.position)
        await _check_end(walk.head, target, read, read_head)
    except GapFound as gap:
        first_bad = ChainBroken(gap.expected, f"missing: the next event is at {gap.found}")
    except ChainBroken as broken:
        first_bad = broken
    return Verified(events=walk.head.position - start.position, head=walk.head, first_bad=first_bad)


async def _check_end(proven: Head, target: Head, read: Read, read_head: ReadHead) -> None:
    """Raise ChainBroken unless the rows end exactly where the head says."""
    if proven.position > target.position:
        raise ChainBroken(target.position, f"the log ends here, but position {proven.position} was known")
    missing = Position(proven.position + 1)
    if proven.position < target.position:
        raise ChainBroken(missing, f"missing: the head says the log ends at {target.position}")
    if proven.hash != target.hash:
        raise ChainBroken(target.position, "the head holds another hash")
    beyond = await read(target.position, 1)
    if beyond and (await read_head()).position < beyond[0].position:
        raise ChainBroken(beyond[0].position, "lies beyond the head")


class _Walk:
    """The part of the chain that is proven."""

    def __init__(self, start: Head) -> None:
        self.head = start
        self.recorded_at: datetime | None = None

    def follow(self, batch: Sequence[Recorded]) -> None:
        """Prove one batch; raises ChainBroken at the first event that does not follow from the one before."""
        position, previous = self.head.position, self.head.hash
        if not batch:
            return
        recorded_at = self.recorded_at or batch[0].recorded_at
        try:
            for event in batch:
                if event.position != position + 1:
                    raise GapFound(Position(position + 1), event.position)
                if link(previous, event) != event.hash:
                    raise ChainBroken(
                        event.position, "its hash does not follow from its content and the event before"
                    )
                if event.recorded_at < recorded_at:
                    raise ChainBroken(event.position, "was recorded before the event in front of it")
                position, previous, recorded_at = event.position, event.hash, event.recorded_at
        finally:
            self.head, self.recorded_at = Head(position, previous), recorded_at


async def _batches(
    read: Read, after: Position, up_to: Position, batch_max: int
) -> AsyncIterator[Sequence[Recorded]]:
    """Yield the events up to a position, each next batch being read while the one before is proven."""
    reading = asyncio.ensure_future(read(after, min(batch_max, up_to - after)))
    try:
        while after < up_to:
            try:
                batch = await reading
            except GapFound as gap:
                # What lies before the gap may be wrong as well, and would be the first.
                yield await read(after, gap.expected - 1 - after) if gap.expected > after + 1 else ()
                raise
            if not batch:
                return
            after = batch[-1].position
            reading = asyncio.ensure_future(read(after, min(batch_max, up_to - after)))
            await asyncio.sleep(0)  # lets the request leave before we compute
            yield batch
    finally:
        reading.cancel()
