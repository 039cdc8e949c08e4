"""What the log does at its edges: a clock that was set back, events that are large."""

import json
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from support.lights import ON, grant_rights, open_log, switched

from orc_events.errors import CommandExpired
from orc_events.event import NewEvent, Position


@pytest.fixture
async def log(database):
    await grant_rights(database)
    async with open_log(database) as log:
        yield log


async def test_deadline_after_the_clock_was_set_back(database, log):
    """A command in time is accepted, though the log's own time, which never goes back, is past its deadline."""
    owner = await asyncpg.connect(database.superuser_url)
    await owner.execute("UPDATE log.head SET recorded_at = now() + interval '1 hour'")
    await owner.close()
    now = datetime.now(UTC)
    in_time = await log.append(switched(deadline=now + timedelta(minutes=1)))
    with pytest.raises(CommandExpired):
        await log.append(switched(deadline=now - timedelta(seconds=1)))
    (event,) = await log.read(Position(0), 10)
    assert (in_time.position, event.recorded_at > now + timedelta(minutes=59)) == (1, True)


@pytest.mark.parametrize(("size", "sizes"), [(1_000, [50]), (900_000, [38, 12])])
async def test_read_is_bounded_by_bytes(log, size, sizes):
    """A read ends where large events have filled 32 MB, and the next one goes on from there without a gap."""
    large = NewEvent(ON, json.dumps({"x": "y" * size}))
    for _ in range(10):
        await log.append(switched(events=(large,) * 5))
    reads, position = [], Position(0)
    while batch := await log.read(position, 100):
        position = batch[-1].position
        reads.append(len(batch))
    assert (reads, position) == (sizes, 50)
