"""`orc audit verify` on a real log: right, changed by one byte, and out of reach."""

from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import pytest

from orc_events.event import NO_STREAM, Append, NewEvent, StreamName
from orc_events.log import PostgresLog
from orc_runtime.database import close_pool, connect_pool

EVENTS = 5


def job_created() -> Append:
    return Append(
        command_id=uuid4(),
        body_hash=bytes(32),
        stream=StreamName(f"job-{uuid4()}"),
        expected_version=NO_STREAM,
        events=(NewEvent("job.created", '{"name":"flights"}'),),
        actor="user:ana",
        correlation_id=uuid4(),
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


async def fill(url: str) -> None:
    pool = await connect_pool(url, schema="log", size_max=1, application_name="test")
    try:
        log = PostgresLog(pool)
        for _ in range(EVENTS):
            await log.append(job_created())
    finally:
        await close_pool(pool)


async def forge(url: str, position: int) -> None:
    """Change one byte of one event, as only a superuser can."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET session_replication_role = replica")
        change = (
            "UPDATE log.events SET data = replace(data::text, 'flights', 'flighty')::json WHERE position = $1"
        )
        assert await connection.execute(change, position) == "UPDATE 1"
    finally:
        await connection.close()


@pytest.fixture
def audited(orc, database, portal, monkeypatch):
    """Give the command a log of five events, to be read as the auditor."""
    portal.call(fill, database.url("orc_scheduler"))
    monkeypatch.setenv("ORC_AUDITOR_DATABASE_URL", database.url("orc_auditor"))
    return orc


def test_log_as_it_was_recorded(audited):
    """All events are proven, and the head to keep elsewhere is told."""
    called = audited("audit", "verify", "--json")
    found = called.json
    assert (called.code, len(bytes.fromhex(found.pop("head_hash")))) == (0, 32)
    assert found == {
        "verified": True,
        "events": EVENTS,
        "head_position": EVENTS,
        "first_bad_position": None,
        "reason": None,
    }
    assert audited("audit", "verify").out.startswith(f"verified {EVENTS} events, head {EVENTS} ")


def test_one_changed_byte_is_found(audited, database, portal):
    """The position of the event that was changed is named, and the exit code is 1."""
    portal.call(forge, database.superuser_url, 3)
    called = audited("audit", "verify", "--json")
    assert (called.code, called.json["verified"], called.json["first_bad_position"]) == (1, False, 3)
    assert audited("audit", "verify").out.startswith("BROKEN at position 3: ")


def test_database_out_of_reach_is_no_verdict(audited, monkeypatch):
    """Where the log cannot be read, nothing is said of it."""
    monkeypatch.setenv("ORC_AUDITOR_DATABASE_URL", "postgresql://orc_auditor@127.0.0.1:1/orc")
    called = audited("audit", "verify")
    assert (called.code, called.out) == (1, "")
    assert called.err.startswith("orc: the log cannot be read: ")
