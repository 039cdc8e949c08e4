"""Roles are made once, log in by their own passwords, and may do no more than they need."""

import asyncpg
import pytest

from orc_runtime.roles import LOGINS, ensure_roles, scram_verifier


async def rows(url: str, query: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def test_every_login_works(database):
    """Each login role connects with its own password, and is nobody special."""
    for role in LOGINS:
        [found] = await rows(
            database.url(role),
            """SELECT session_user::text, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls, rolreplication
               FROM pg_roles WHERE rolname = session_user""",
        )
        assert found == (role, False, False, False, False, False)


async def test_owner_cannot_log_in(database):
    """Nobody can be the owner from outside; only orc_migrate becomes it."""
    found = await rows(
        database.superuser_url,
        """SELECT r.rolname::text, pg_has_role(r.rolname, 'orc_owner', 'MEMBER'), r.rolcanlogin
           FROM pg_roles r WHERE r.rolname LIKE 'orc\\_%' ORDER BY 1""",
    )

    assert found == [
        ("orc_auditor", False, True),
        ("orc_auth", False, True),
        ("orc_executor", False, True),
        ("orc_gateway", False, True),
        ("orc_migrate", True, True),
        ("orc_owner", True, False),
        ("orc_scheduler", False, True),
    ]


async def test_again_changes_nothing(database):
    """Ensuring the roles again keeps passwords that are not given."""
    await ensure_roles(database.superuser_url, {})
    await ensure_roles(database.superuser_url, {})

    assert await rows(database.url("orc_auth"), "SELECT 1") == [(1,)]


async def test_who_may_make_schemas(database):
    """Only the owner and, for its replays, the auditor make schemas; no service makes anything in public."""
    found = await rows(
        database.superuser_url,
        """SELECT rolname::text, has_database_privilege(rolname, current_database(), 'CREATE'),
                  has_schema_privilege(rolname, 'public', 'CREATE')
           FROM pg_roles WHERE rolname LIKE 'orc\\_%' AND rolname <> 'orc_migrate' ORDER BY 1""",
    )

    assert found == [
        ("orc_auditor", True, False),
        ("orc_auth", False, False),
        ("orc_executor", False, False),
        ("orc_gateway", False, False),
        ("orc_owner", True, True),
        ("orc_scheduler", False, False),
    ]


async def test_password_reaches_the_server_as_a_verifier(database):
    """What the server stores is what we computed: it never saw the password."""
    [found] = await rows(
        database.superuser_url,
        "SELECT count(*) FILTER (WHERE rolpassword LIKE 'SCRAM-SHA-256$4096:%') FROM pg_authid WHERE rolname LIKE 'orc\\_%'",
    )

    assert found == (len(LOGINS),)


@pytest.mark.parametrize("password", ["", "pässword", "line\nbreak"])
def test_odd_passwords(password):
    """A password that clients might prepare differently is refused."""
    with pytest.raises(ValueError, match="printable ASCII"):
        scram_verifier(password)


async def test_unknown_role(database):
    """A password for a role that is not ours is a mistake, found before anything is done."""
    with pytest.raises(ValueError, match="postgres"):
        await ensure_roles(database.superuser_url, {"postgres": "x"})
