"""A command's way through a stream, on the log in memory and its quirks."""

from hashlib import sha256
from uuid import UUID, uuid4

import pytest
from support.lights import LIGHTS, NOON, Broken, Light, Switch, SwitchedOff, SwitchedOn, intent, switched

from orc_events.errors import CommandConflict, CommandExpired, LogUnavailable, VersionConflict
from orc_events.event import NewEvent, StreamName, Version
from orc_events.handle import CONFLICT_RETRIES_MAX, Handled, handle, load
from orc_events.memory import MemoryLog

STREAM = StreamName("light-1")


def answer(light: Light) -> str:
    return '{"on":true}' if light.is_on else '{"on":false}'


async def switch(log, on: bool, **changes) -> Handled:
    return await handle(log, LIGHTS, STREAM, Switch(on), intent(**changes), answer=answer)


async def test_first_command():
    """A command on a stream that is not there yet makes it."""
    log = MemoryLog()
    assert await switch(log, on=True) == Handled(
        state=Light(is_on=True, since=NOON),
        events=(SwitchedOn("alice"),),
        version=1,
        position=1,
        result='{"on":true}',
        repeated=False,
    )
    (recorded,) = await log.read_stream(STREAM)
    assert recorded.data == '{"type":"light.switched_on","by":"alice"}'
    assert (recorded.actor, recorded.correlation_id, recorded.occurred_at) == (
        "user:alice",
        UUID(int=7),
        NOON,
    )


async def test_load():
    """A stream folds to the state its events tell, each at the time it occurred."""
    log = MemoryLog()
    await switch(log, on=True)
    await switch(log, on=False, occurred_at=NOON.replace(hour=13))
    loaded = await load(log, LIGHTS, STREAM)
    assert (loaded.state, loaded.version, loaded.position) == (
        Light(is_on=False, since=NOON.replace(hour=13)),
        2,
        2,
    )
    empty = await load(log, LIGHTS, StreamName("light-none"))
    assert (empty.state, empty.version, empty.position) == (Light(), 0, 0)


async def test_true_already():
    """A wish that is true already appends nothing and is answered from what is there."""
    log = MemoryLog()
    await switch(log, on=True)
    assert await switch(log, on=True) == Handled(
        state=Light(is_on=True, since=NOON),
        events=(),
        version=1,
        position=1,
        result='{"on":true}',
        repeated=False,
    )
    assert await log.head() == 1


async def test_rejected():
    """What the domain rejects passes through untouched and leaves the command id free."""
    log, wish = MemoryLog(), intent()
    with pytest.raises(Broken):
        await handle(log, LIGHTS, STREAM, Switch(on=True, by="nobody"), wish)
    assert await log.command(wish.command_id) is None


async def test_repeated():
    """A command id that is known gets the first answer without deciding, whatever happened since."""
    log, command_id = MemoryLog(), uuid4()
    await switch(log, on=True, command_id=command_id)
    await switch(log, on=False)
    assert await switch(log, on=True, command_id=command_id) == Handled(
        state=Light(is_on=False, since=NOON),
        events=(SwitchedOn("alice"),),
        version=1,
        position=1,
        result='{"on":true}',
        repeated=True,
    )
    assert await log.head() == 2


async def test_repeated_with_another_body():
    """A command id that is known with another body is a conflict."""
    log, command_id = MemoryLog(), uuid4()
    await switch(log, on=True, command_id=command_id)
    with pytest.raises(CommandConflict):
        await switch(log, on=False, command_id=command_id, body_hash=sha256(b"off").digest())


async def test_command_id_of_another_stream():
    """A command id that was used on another stream is not decided again here."""
    log, item = MemoryLog(), switched()
    await log.append(item)
    handled = await switch(log, on=True, command_id=item.command_id)
    assert (handled.state, handled.events, handled.position, handled.repeated) == (Light(), (), 1, True)


async def test_expired():
    """A command past its deadline is told so."""
    with pytest.raises(CommandExpired):
        await switch(MemoryLog(), on=True, deadline=NOON.replace(year=2020))


class BusyLog(MemoryLog):
    """A log where somebody else is always a little faster, so many times."""

    def __init__(self, rivals: list[NewEvent]) -> None:
        super().__init__()
        self.rivals, self.tries = rivals, 0

    async def append(self, item):
        self.tries += 1
        if self.rivals:
            version = Version(len(await self.read_stream(STREAM)))
            await super().append(
                switched(stream=STREAM, expected_version=version, events=(self.rivals.pop(0),))
            )
        return await super().append(item)


ON = LIGHTS.codec.encode(SwitchedOn("bob"))
OFF = LIGHTS.codec.encode(SwitchedOff())


async def test_conflict_decides_again():
    """After a version conflict the command is decided on what is true now."""
    log = BusyLog([OFF, OFF])
    handled = await switch(log, on=True)
    assert (handled.version, handled.events, log.tries) == (3, (SwitchedOn("alice"),), 3)
    log = BusyLog([ON])
    handled = await switch(log, on=True)
    assert (handled.version, handled.events, log.tries) == (1, (), 1)


async def test_conflicts_without_end():
    """The retries are bounded."""
    log = BusyLog([OFF] * 100)
    with pytest.raises(VersionConflict):
        await switch(log, on=True)
    assert log.tries == CONFLICT_RETRIES_MAX


class ForgetfulLog(MemoryLog):
    """A log that appends and loses its answer, once."""

    lost = False

    async def append(self, item):
        appended = await super().append(item)
        if not self.lost:
            self.lost = True
            return await super().append(item)
        return appended


async def test_answer_lost_on_the_way():
    """An append that turns out to be our own, lost on the way, is answered as it was recorded."""
    handled = await switch(ForgetfulLog(), on=True)
    assert handled == Handled(
        state=Light(is_on=True, since=NOON),
        events=(SwitchedOn("alice"),),
        version=1,
        position=1,
        result='{"on":true}',
        repeated=True,
    )


class DownLog(MemoryLog):
    tries = 0

    async def append(self, item):
        self.tries += 1
        raise LogUnavailable


async def test_only_conflicts_are_retried():
    """An unavailable log is not asked again here: whoever sent the command does that."""
    log = DownLog()
    with pytest.raises(LogUnavailable):
        await switch(log, on=True)
    assert log.tries == 1
