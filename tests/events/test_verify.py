"""Whatever is changed in the log afterwards, the first wrong position is named."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from support.lights import ON, grant_rights, open_log, superuser, switched

from orc_events.canonical import link
from orc_events.event import GENESIS, Head, NewEvent, Position
from orc_events.memory import MemoryLog
from orc_events.verify import verify

BATCHES = [1, 3, 7, 2_000]


async def fill(log, count: int) -> list[Head]:
    """Append so many events, telling the head after each."""
    heads = [GENESIS]
    for number in range(count):
        await log.append(switched(events=(NewEvent(ON, f'{{"by":"user {number}"}}'),)))
        heads.append(await log.chain_head())
    return heads


@pytest.mark.parametrize("batch_max", BATCHES)
async def test_untouched(batch_max):
    """A log nobody touched is proven to its head, from the start or from any head that was kept."""
    log = MemoryLog()
    heads = await fill(log, 10)
    for start in heads:
        verified = await verify(log.read, log.chain_head, start=start, batch_max=batch_max)
        assert (verified.events, verified.head, verified.first_bad) == (10 - start.position, heads[-1], None)


async def test_progress():
    """Whoever waits is told how far it is."""
    log, told = MemoryLog(), []
    await fill(log, 5)
    await verify(log.read, log.chain_head, batch_max=2, on_progress=lambda *progress: told.append(progress))
    assert told == [(2, 5), (4, 5), (5, 5)]


TAMPERED = {
    "one byte of data": (
        ['UPDATE log.events SET data = \'{"by":"user X"}\' WHERE position = 4'],
        "position 4: its hash does not follow from its content and the event before",
    ),
    "white space of data": (
        ['UPDATE log.events SET data = \'{"by": "user 3"}\' WHERE position = 4'],
        "position 4: its hash does not follow from its content and the event before",
    ),
    "the actor": (
        ["UPDATE log.events SET actor = 'user:mallory' WHERE position = 9"],
        "position 9: its hash does not follow from its content and the event before",
    ),
    "a time": (
        ["UPDATE log.events SET recorded_at = recorded_at + interval '1 microsecond' WHERE position = 1"],
        "position 1: its hash does not follow from its content and the event before",
    ),
    "a hash": (
        ["UPDATE log.events SET hash = sha256(hash) WHERE position = 5"],
        "position 5: its hash does not follow from its content and the event before",
    ),
    "a deleted row": (
        ["DELETE FROM log.events WHERE position = 6"],
        "position 6: missing: the next event is at 7",
    ),
    "the first rows deleted": (
        ["DELETE FROM log.events WHERE position < 4"],
        "position 1: missing: the next event is at 4",
    ),
    "a changed row before a deleted one": (
        ["UPDATE log.events SET actor = 'x' WHERE position = 3", "DELETE FROM log.events WHERE position = 5"],
        "position 3: its hash does not follow from its content and the event before",
    ),
    "a swapped pair": (
        [
            "UPDATE log.events SET position = 100 WHERE position = 3",
            "UPDATE log.events SET position = 3 WHERE position = 4",
            "UPDATE log.events SET position = 4 WHERE position = 100",
        ],
        "position 3: its hash does not follow from its content and the event before",
    ),
    "a truncated tail": (
        ["DELETE FROM log.events WHERE position > 8"],
        "position 9: missing: the head says the log ends at 10",
    ),
    "everything gone": (
        ["DELETE FROM log.events"],
        "position 1: missing: the head says the log ends at 10",
    ),
    "another head": (
        ["UPDATE log.head SET hash = sha256(hash)"],
        "position 10: the head holds another hash",
    ),
    "a head set back": (
        ["UPDATE log.head SET position = 8, hash = (SELECT hash FROM log.events WHERE position = 8)"],
        "position 9: lies beyond the head",
    ),
}


@pytest.mark.parametrize("batch_max", BATCHES)
@pytest.mark.parametrize("tampered", TAMPERED)
async def test_tampered_with(database, tampered, batch_max):
    """A superuser who puts the triggers aside can change the log, but not unnoticed."""
    await grant_rights(database)
    async with open_log(database) as log:
        await fill(log, 10)
    statements, expected = TAMPERED[tampered]
    async with superuser(database) as connection:
        await connection.execute("SET session_replication_role = replica")
        for statement in statements:
            await connection.execute(statement)
    async with open_log(database, "orc_auditor") as log:
        verified = await verify(log.read, log.chain_head, batch_max=batch_max)
    assert str(verified.first_bad) == expected
    assert verified.events == verified.first_bad.position - 1 - ("another" in expected and -1)


async def rewritten(log, change) -> tuple:
    """Return a reader and a head of the same events, changed, with every hash made right again."""
    events, previous = [], GENESIS.hash
    for original in await log.read(Position(0), 100):
        event = change(original)
        previous = link(previous, event)
        events.append(replace(event, hash=previous))

    async def read(after, limit):
        return events[after : after + limit]

    async def head():
        return Head(Position(len(events)), previous)

    return read, head


async def test_rewritten_chain():
    """A chain that was rewritten as a whole holds in itself; a head kept elsewhere tells."""
    log = MemoryLog()
    heads = await fill(log, 10)
    read, head = await rewritten(log, lambda event: replace(event, actor="user:mallory"))
    assert (await verify(read, head)).first_bad is None
    assert str((await verify(read, head, start=heads[6])).first_bad) == (
        "position 7: its hash does not follow from its content and the event before"
    )
    assert str((await verify(read, head, start=heads[10])).first_bad) == (
        "position 10: the head holds another hash"
    )


async def test_shorter_than_known():
    """A log that ends before a head that was kept has lost its end."""
    log, longer = MemoryLog(), MemoryLog()
    await fill(log, 3)
    heads = await fill(longer, 5)
    verified = await verify(log.read, log.chain_head, start=heads[5])
    assert str(verified.first_bad) == "position 3: the log ends here, but position 5 was known"


async def test_time_going_backwards():
    """Time follows position, so a rewritten chain with times out of order shows."""
    log = MemoryLog()
    await fill(log, 5)
    day = timedelta(days=1)
    read, head = await rewritten(
        log, lambda event: replace(event, recorded_at=event.recorded_at - (event.position == 4) * day)
    )
    for batch_max in BATCHES:
        verified = await verify(read, head, batch_max=batch_max)
        assert str(verified.first_bad) == "position 4: was recorded before the event in front of it"


async def test_appends_meanwhile():
    """Events that are appended while it is proven are neither waited for nor mistaken for a fault."""
    log = MemoryLog()
    await fill(log, 5)

    async def read(after, limit):
        await fill(log, 3)
        return await log.read(after, limit)

    verified = await verify(read, log.chain_head, batch_max=2)
    assert (verified.events, verified.first_bad) == (5, None)
