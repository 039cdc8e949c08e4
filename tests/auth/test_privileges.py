"""Accounts and keys are auth's own, and even auth may do only what it needs."""

import asyncpg
import pytest


@pytest.mark.parametrize("role", ["orc_gateway", "orc_scheduler", "orc_executor", "orc_auditor"])
@pytest.mark.parametrize("table", ["accounts", "keys", "sessions", "refresh_tokens", "api_keys", "failures"])
async def test_others_see_nothing(database, role, table):
    """No other role reads an account or a key."""
    connection = await asyncpg.connect(database.url(role))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch(f"SELECT * FROM auth.{table}")
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM accounts",
        "TRUNCATE accounts",
        "UPDATE accounts SET user_id = gen_random_uuid()",
        "UPDATE accounts SET username = 'x'",
        "DELETE FROM keys",
        "UPDATE keys SET private_key = public_key",
    ],
)
async def test_what_auth_may_not_do(pool, keys, statement):
    """Auth itself deletes no account and no key, and renames nobody."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute(statement)
