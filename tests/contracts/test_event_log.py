"""What every event log promises; runs on the one in memory and on the one in Postgres."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace
from support.lights import NOON, OFF, ON, RIGHTS, grant_rights, open_log, switched

from orc_events.canonical import link
from orc_events.errors import CommandConflict, CommandExpired, NotStorable, TypeNotAllowed, VersionConflict
from orc_events.event import GENESIS, Appended, CommandRecord, Head, NewEvent, Position, Recorded, Version
from orc_events.log import EventLog
from orc_events.memory import MemoryLog
from orc_events.verify import verify

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
OTHER_BODY = sha256(b"off").digest()


def in_time() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


@pytest.fixture
def told() -> list[Position]:
    """Give what `on_append` was told."""
    return []


@pytest.fixture(params=["memory", "postgres"])
async def log(request, told) -> AsyncIterator[EventLog]:
    if request.param == "memory":
        yield MemoryLog(role="orc_scheduler", rights=RIGHTS, on_append=told.append)
        return
    database = request.getfixturevalue("database")
    await grant_rights(database)
    async with open_log(database, on_append=told.append) as log:
        yield log


def done(item, position: int, version: int, *, repeated: bool = False) -> Appended:
    return Appended(
        command_id=item.command_id,
        position=Position(position),
        version=Version(version),
        result=item.result,
        repeated=repeated,
    )


async def test_append_and_read_back(log):
    """What is appended comes back as it was given, with its place, its time and its hash."""
    item = switched(events=(NewEvent(ON, '{"by" : "Zoë"}'), NewEvent(OFF, "{}", 3)))
    assert await log.append(item) == done(item, 2, 2)
    first, second = await log.read(Position(0), 10)
    expected = Recorded(
        position=Position(1),
        stream=item.stream,
        version=Version(1),
        type=ON,
        schema_version=1,
        data='{"by" : "Zoë"}',
        actor="user:alice",
        command_id=item.command_id,
        correlation_id=UUID(int=7),
        occurred_at=NOON,
        recorded_at=first.recorded_at,
        hash=link(GENESIS.hash, first),
    )
    assert first == expected
    assert second == replace(
        expected,
        position=Position(2),
        version=Version(2),
        type=OFF,
        schema_version=3,
        data="{}",
        hash=link(first.hash, second),
    )
    assert await log.read_stream(item.stream) == [first, second]
    assert await log.chain_head() == Head(Position(2), second.hash)


async def test_empty_log(log):
    """An empty log ends at position 0 with the hash the first event follows from."""
    assert await log.chain_head() == GENESIS
    assert await log.head() == 0
    assert await log.read(Position(0), 10) == []
    assert await log.read_stream("light-none") == []
    assert await log.command(uuid4()) is None


async def test_same_command_twice(log, told):
    """A command that comes again gets what was recorded, and nothing is appended."""
    item = switched()
    first = await log.append(item)
    await log.append(switched(stream=item.stream, expected_version=Version(1)))
    assert await log.append(item) == replace(first, repeated=True)
    assert await log.head() == 2
    assert told == [1, 2]


async def test_same_command_twice_at_once(log):
    """Of two that come with one command id at the same time, one appends and the other learns of it."""
    item = switched()
    answers = await asyncio.gather(log.append(item), log.append(item))
    assert sorted(answers, key=lambda answer: answer.repeated) == [
        done(item, 1, 1),
        done(item, 1, 1, repeated=True),
    ]


async def test_same_command_with_another_body(log):
    """A command id belongs to its first body."""
    item = switched()
    await log.append(item)
    with pytest.raises(CommandConflict):
        await log.append(replace(item, body_hash=OTHER_BODY))
    assert await log.head() == 1


async def test_version_conflict(log):
    """Who comes second learns the version there is; its command id stays free for the next try."""
    first = switched()
    await log.append(first)
    late = switched(stream=first.stream)
    with pytest.raises(VersionConflict) as conflict:
        await log.append(late)
    assert (conflict.value.expected, conflict.value.actual) == (0, 1)
    assert await log.command(late.command_id) is None
    assert await log.append(replace(late, expected_version=Version(1))) == done(late, 2, 2)


async def test_expected_version_ahead(log):
    """A stream that is not there yet has version 0, whatever is expected of it."""
    with pytest.raises(VersionConflict) as conflict:
        await log.append(switched(expected_version=Version(3)))
    assert conflict.value.actual == 0


async def test_command_past_its_deadline(log):
    """A late command is remembered as expired and appends nothing, however often it comes."""
    item = switched(deadline=LONG_AGO)
    for _ in range(2):
        with pytest.raises(CommandExpired):
            await log.append(item)
    assert await log.head() == 0
    assert await log.command(item.command_id) == CommandRecord(
        command_id=item.command_id,
        body_hash=item.body_hash,
        state="expired",
        position=None,
        version=None,
        result=None,
    )


async def test_expired_command_comes_again(log):
    """An expired command may still be done later: same body, fresh deadline."""
    item = switched(deadline=LONG_AGO)
    with pytest.raises(CommandExpired):
        await log.append(item)
    with pytest.raises(CommandConflict):
        await log.append(replace(item, body_hash=OTHER_BODY, deadline=in_time()))
    assert await log.append(replace(item, deadline=in_time())) == done(item, 1, 1)
    assert await log.command(item.command_id) == CommandRecord(
        command_id=item.command_id,
        body_hash=item.body_hash,
        state="appended",
        position=Position(1),
        version=Version(1),
        result='{"on":true}',
    )


async def test_done_command_past_its_deadline(log):
    """What was done in time stays done: the repeat is answered although it is late."""
    item = switched(deadline=in_time())
    await log.append(item)
    assert await log.append(replace(item, deadline=LONG_AGO)) == done(item, 1, 1, repeated=True)


async def test_type_of_another_role(log):
    """A type the role may not append is refused by name, and the command id stays free."""
    item = switched(events=(NewEvent(ON, "{}"), NewEvent("light.smashed", "{}")))
    with pytest.raises(TypeNotAllowed, match=r"orc_scheduler may not append light\.smashed"):
        await log.append(item)
    assert await log.command(item.command_id) is None
    assert await log.head() == 0


async def test_read_in_pieces(log):
    """Reading goes on after any position, in order, as far as asked."""
    items = [switched() for _ in range(5)]
    for item in items:
        await log.append(item)
    pieces = [await log.read(Position(after), 2) for after in (0, 2, 4, 5, 9)]
    assert [[event.position for event in piece] for piece in pieces] == [[1, 2], [3, 4], [5], [], []]


async def test_read_stream_after_a_version(log):
    """A stream is read alone, also many at once, each after its own version."""
    one, other = switched(events=(NewEvent(ON, "{}"),) * 3), switched(events=(NewEvent(ON, "{}"),) * 2)
    await log.append(one)
    await log.append(other)
    wanted = [(one.stream, 1), (other.stream, 0), (one.stream, 0), (one.stream, 3), ("light-none", 0)]
    found = await asyncio.gather(*(log.read_stream(stream, Version(after)) for stream, after in wanted))
    assert [[(event.stream, event.version) for event in events] for events in found] == [
        [(one.stream, 2), (one.stream, 3)],
        [(other.stream, 1), (other.stream, 2)],
        [(one.stream, 1), (one.stream, 2), (one.stream, 3)],
        [],
        [],
    ]


async def test_many_at_once(log, told):
    """However many append at once, positions have no gaps and the chain holds."""
    items = [switched() for _ in range(200)]
    answers = await asyncio.gather(*(log.append(item) for item in items))
    assert sorted(answer.position for answer in answers) == list(range(1, 201))
    assert [answer.version for answer in answers] == [1] * 200
    assert told[-1] == 200
    assert (await verify(log.read, log.chain_head)).first_bad is None


async def test_race_for_one_version(log):
    """Of many that expect the same version, exactly one gets it."""
    rivals = [switched(stream="light-1") for _ in range(20)]
    answers = await asyncio.gather(*(log.append(item) for item in rivals), return_exceptions=True)
    assert [type(answer) for answer in answers].count(Appended) == 1
    assert [type(answer) for answer in answers].count(VersionConflict) == 19
    assert await log.head() == 1


@pytest.mark.parametrize(
    "spoilt",
    [
        {"events": ()},
        {"events": (NewEvent(ON, "not json"),)},
        {"events": (NewEvent(ON, '{"by":"\\u0000"}'),)},
        {"events": (NewEvent(ON, '{"by":"\\\\\\u0000"}'),)},
        {"events": (NewEvent(ON, '{"by":"\\ud800"}'),)},
        {"events": (NewEvent(ON, '{"by":"\ud800"}'),)},
        {"events": (NewEvent(ON, '"' + "x" * 1_000_000 + '"'),)},
        {"events": (NewEvent(ON, "{}", 0),)},
        {"events": (NewEvent("", "{}"),)},
        {"actor": "user:\0"},
        {"actor": ""},
        {"stream": "light-" + "1" * 250},
        {"stream": "light-" + "ö" * 130},
        {"result": '{"text":"\\u0000"}'},
        {"expected_version": Version(-1)},
        {"body_hash": b"short"},
        {"occurred_at": datetime(2026, 1, 1)},  # noqa: DTZ001  # naive is the point
        {"deadline": datetime(2026, 1, 1)},  # noqa: DTZ001  # naive is the point
    ],
    ids=repr,
)
async def test_what_cannot_be_kept(log, spoilt):
    """What the log could not keep or give back is refused alone; the next append is as good as ever."""
    good, bad = switched(), switched(**spoilt)
    outcomes = await asyncio.gather(log.append(bad), log.append(good), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [NotStorable, Appended]
    assert await log.read_stream(good.stream) == await log.read(Position(0), 10)


async def test_odd_text_that_can_be_kept(log):
    """An escaped backslash before `u0000` is just text, and every other character is kept as it is."""
    data = '{"by":"\\\\u0000 \\u0001 \U0001f600 \\"\u202e"}'
    item = switched(events=(NewEvent(ON, data),))
    await log.append(item)
    assert [event.data for event in await log.read_stream(item.stream)] == [data]
