"""The canonical bytes: the same in SQL and in Python, as the documentation has them."""

import re
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.lights import ON, grant_rights, open_log, superuser, switched

from orc_events.canonical import canonical_bytes, link, unix_microseconds
from orc_events.event import GENESIS, NewEvent, Recorded

DOCS = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
CANONICAL = "SELECT log.canonical($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"


def blocks(language: str) -> list[str]:
    """Return the code blocks of that language in docs/events.md."""
    return re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)


def vectors() -> list[dict]:
    return [msgspec.json.decode(block) for block in blocks("json") if '"canonical"' in block]


def arguments(event: Recorded) -> tuple:
    return (
        *(event.position, event.version, event.schema_version, event.occurred_at, event.recorded_at),
        *(event.command_id, event.correlation_id, event.stream, event.type, event.actor, event.data),
    )


@pytest.mark.parametrize("number", range(2))
async def test_documented_vectors(database, number):
    """Both twins give the bytes and the hash that the documentation shows."""
    vector = vectors()[number]
    event = msgspec.convert({**vector["event"], "hash": ""}, Recorded)
    assert canonical_bytes(event).hex() == vector["canonical"]
    assert link(bytes.fromhex(vector["previous"]), event).hex() == vector["hash"]
    async with superuser(database) as connection:
        assert (await connection.fetchval(CANONICAL, *arguments(event))).hex() == vector["canonical"]


def test_vectors_make_a_chain():
    """The second documented event follows from the first, and the first from nothing."""
    first, second = vectors()
    assert first["previous"] == GENESIS.hash.hex()
    assert second["previous"] == first["hash"]


text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)
moment = st.datetimes(datetime(1900, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
number = st.integers(1, 2**63 - 1)
recorded = st.builds(
    Recorded,
    position=number,
    stream=text,
    version=number,
    type=text,
    schema_version=st.integers(1, 2**31 - 1),
    data=text,
    actor=text,
    command_id=st.uuids(),
    correlation_id=st.uuids(),
    occurred_at=moment,
    recorded_at=moment,
    hash=st.just(b""),
)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(recorded, min_size=50, max_size=50))
def test_twins_agree(database, portal, events):
    """For any event SQL and Python give the same bytes."""

    async def in_sql() -> list[bytes]:
        async with superuser(database) as connection:
            return [await connection.fetchval(CANONICAL, *arguments(event)) for event in events]

    assert portal.call(in_sql) == [canonical_bytes(event) for event in events]


@given(st.lists(recorded, min_size=2, max_size=2, unique_by=arguments))
def test_no_two_events_share_their_bytes(events):
    """Where one field ends and the next begins is part of the bytes."""
    first, second = events
    assert canonical_bytes(first) != canonical_bytes(second)


def test_fields_cannot_run_into_one_another():
    """A letter moved from one field into the next is another event."""
    fields = dict.fromkeys(("command_id", "correlation_id"), UUID(int=1))
    times = dict.fromkeys(("occurred_at", "recorded_at"), datetime(2026, 1, 1, tzinfo=UTC))
    one, other = (
        Recorded(
            position=1,
            stream=stream,
            version=1,
            type=type_,
            schema_version=1,
            data="{}",
            actor="a",
            hash=b"",
            **fields,
            **times,
        )
        for stream, type_ in (("ab", "c"), ("a", "bc"))
    )
    assert canonical_bytes(one) != canonical_bytes(other)


def test_microseconds_are_exact():
    """Times count whole microseconds, before 1970 too; no float has a part in it."""
    assert unix_microseconds(datetime(1970, 1, 1, tzinfo=UTC)) == 0
    assert unix_microseconds(datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)) == -1
    assert unix_microseconds(datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)) == 253402300799999999


async def test_documented_check_by_psql(database):
    """The documented query finds nothing in a log as it was written, and names a position that was changed."""
    check = next(block for block in blocks("sql") if "sha256" in block)
    await grant_rights(database)
    async with open_log(database) as log:
        for _ in range(5):
            await log.append(switched(events=(NewEvent(ON, "{}"),)))
    async with superuser(database) as connection:
        assert await connection.fetch(check) == []
        await connection.execute("SET session_replication_role = replica")
        await connection.execute("UPDATE log.events SET actor = 'x' WHERE position = 3")
        assert [row["position"] for row in await connection.fetch(check)] == [3]
