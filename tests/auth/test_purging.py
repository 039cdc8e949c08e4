"""What no token can belong to any more is forgotten, however much of it there is."""

from uuid import uuid4

import pytest
from auth import wishes
from support.servers import execute

from orc_auth import purging
from orc_auth.purging import KEPT_SECONDS, purge
from orc_runtime.auth_messages.sessions import LogOut


@pytest.fixture
async def living(identity, admin):
    """Open two sessions of bob's, and end the second."""
    await wishes.person(identity, admin, "bob")
    token = await wishes.token(identity, "bob")
    await identity.sessions.log_out(
        await identity.authority.of(token), LogOut(request_id=uuid4(), authority=token, which="this")
    )


async def test_a_session_with_very_many_refresh_tokens(living, pool, database, monkeypatch):
    """Its tokens go bit by bit and then it, and what still lives stays: no statement has more to do than it has time for."""
    monkeypatch.setattr(purging, "AT_ONCE", 5)
    await execute(
        database.superuser_url,
        f"UPDATE auth.sessions SET ended_at = ended_at - interval '{KEPT_SECONDS + 1} s';"
        " INSERT INTO auth.refresh_tokens (token_hash, session_id, expires_at)"
        " SELECT sha256(n::text::bytea), session_id, clock_timestamp() + interval '1 day'"
        " FROM auth.sessions, generate_series(1, 23) n WHERE ended_at IS NOT NULL",
    )
    before = await pool.fetchval("SELECT count(*) FROM sessions WHERE ended_at IS NULL")
    await purge(pool)
    assert await pool.fetchval("SELECT count(*) FROM sessions WHERE ended_at IS NOT NULL") == 0
    assert await pool.fetchval("SELECT count(*) FROM sessions") == before
    assert await pool.fetchval("SELECT count(*) FROM refresh_tokens") == before


async def test_a_session_that_ended_just_now_is_kept(living, pool):
    """Verifiers are still to be told of it."""
    await purge(pool)
    assert await pool.fetchval("SELECT count(*) FROM sessions WHERE ended_at IS NOT NULL") == 1


async def test_a_session_goes_after_its_tokens(living, pool, database):
    """No deletion of a session takes along an unbounded number of tokens."""
    await execute(
        database.superuser_url,
        f"UPDATE auth.sessions SET ended_at = ended_at - interval '{KEPT_SECONDS + 1} s'",
    )
    await pool.execute(purging.load("orc_auth", "purge_sessions"), KEPT_SECONDS, 1000)
    assert await pool.fetchval("SELECT count(*) FROM sessions WHERE ended_at IS NOT NULL") == 1
