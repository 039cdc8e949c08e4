"""P39, the database: what goes past tables, by each role with its real password."""

from contextlib import AsyncExitStack

import asyncpg
import pytest

ROLES = ("orc_migrate", "orc_gateway", "orc_auth", "orc_scheduler", "orc_executor", "orc_auditor")

OWNERS = (
    "SET ROLE orc_owner",
    "CREATE SCHEMA mine",
    "CREATE TABLE public.mine (n int)",
    "CREATE TABLE log.mine (n int)",
    "CREATE TABLE read.mine (n int)",
    "CREATE TABLE auth.mine (n int)",
    "CREATE TEMPORARY TABLE mine (n int)",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE FUNCTION log.append(text) RETURNS int LANGUAGE sql RETURN 1",
    "DROP SCHEMA log CASCADE",
    "ALTER SCHEMA log RENAME TO mine",
    "ALTER FUNCTION log.append SECURITY INVOKER",
)
"""What the migrator may, who is the owner."""
MAY = {"orc_migrate": set(OWNERS), "orc_auditor": {"CREATE SCHEMA mine"}}
"""All else of `POWERS` is refused."""
OUTSIDE_TRANSACTIONS = ("CREATE DATABASE mine", "ALTER SYSTEM SET fsync = off")
POWERS = (
    *OWNERS,
    *OUTSIDE_TRANSACTIONS,
    # Making things.
    "CREATE EXTENSION dblink",
    "CREATE ROLE mine",
    "CREATE EVENT TRIGGER mine ON ddl_command_end EXECUTE FUNCTION log.refuse_change()",
    # Becoming somebody.
    "SET ROLE postgres",
    *(f"SET ROLE {role}" for role in ROLES),
    "SET SESSION AUTHORIZATION postgres",
    "SET SESSION AUTHORIZATION orc_owner",
    "ALTER ROLE orc_owner PASSWORD 'x'",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE CURRENT_USER CREATEDB",
    "ALTER ROLE CURRENT_USER BYPASSRLS",
    "GRANT orc_owner TO CURRENT_USER",
    "GRANT pg_read_server_files TO CURRENT_USER",
    # The machine.
    "COPY (SELECT 1) TO PROGRAM 'cat'",
    "CREATE TEMPORARY TABLE t (n text); COPY t FROM PROGRAM 'id'",
    "COPY (SELECT 1) TO '/tmp/orc-copied'",
    "SELECT pg_read_file('/etc/hostname')",
    "SELECT pg_read_file('PG_VERSION')",
    "SELECT pg_read_binary_file('/etc/hostname')",
    "SELECT pg_stat_file('/etc/hostname')",
    "SELECT pg_ls_dir('/')",
    "SELECT * FROM pg_ls_logdir()",
    "LOAD '/tmp/mine.so'",
    "SET log_statement = 'none'",
    "SET session_replication_role = replica",
    "SELECT pg_reload_conf()",
    "SELECT pg_rotate_logfile()",
    "SELECT pg_switch_wal()",
    "SELECT pg_create_restore_point('x')",
    "CHECKPOINT",
    # Large objects: a table nobody granted.
    "SELECT lo_create(0)",
    "SELECT lo_creat(-1)",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT lo_put(1, 0, 'x')",
    "SELECT lo_get(1)",
    "SELECT lo_open(1, 131072)",
    "SELECT lo_unlink(1)",
    "SELECT lo_import('/etc/hostname')",
    "SELECT lo_export(1, '/tmp/orc-exported')",
    # What the server knows of others.
    "SELECT rolpassword FROM pg_authid",
    "SELECT * FROM pg_largeobject",
    "SELECT * FROM pg_hba_file_rules",
    "SELECT * FROM pg_file_settings",
    "SELECT * FROM pg_user_mapping",
    "SELECT pg_create_logical_replication_slot('x', 'test_decoding')",
)


async def refused(connection: asyncpg.Connection, statement: str) -> bool:
    """Try a statement, rolled back if it can be: "permission denied", "must be owner" and the like are one class."""
    async with AsyncExitStack() as stack:
        if statement not in OUTSIDE_TRANSACTIONS:
            transaction = connection.transaction()
            await transaction.start()
            stack.push_async_callback(transaction.rollback)
        try:
            await connection.execute(statement)
        except asyncpg.InsufficientPrivilegeError:
            return True
        return False


@pytest.mark.parametrize("role", ROLES)
async def test_powers(database, role):
    """No role makes, becomes, reads or runs anything beyond its tables, but for the migrator and the auditor's schemas."""
    connection = await asyncpg.connect(database.url(role))
    try:
        found = {
            power
            for power in POWERS
            if power != f"SET ROLE {role}"
            and not await refused(connection, power.replace("CURRENT_USER", role))
        }
        assert found == MAY.get(role, set())
    finally:
        await connection.close()


@pytest.mark.parametrize("role", ROLES)
async def test_sessions_of_others(database, role):
    """No role ends or cancels another's session, nor sees what it runs."""
    other = await asyncpg.connect(database.url("orc_auth" if role != "orc_auth" else "orc_gateway"))
    connection = await asyncpg.connect(database.url(role))
    try:
        pid = other.get_server_pid()
        for function in ("pg_terminate_backend", "pg_cancel_backend"):
            assert await refused(connection, f"SELECT {function}({pid})")
        query = await connection.fetchval("SELECT query FROM pg_stat_activity WHERE pid = $1", pid)
        assert query == "<insufficient privilege>"
    finally:
        await connection.close()
        await other.close()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("other", ["postgres", "template1"])
async def test_other_databases(database, role, other):
    """On a server of our own no role connects to another database than ours."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for database"):
        await asyncpg.connect(database.server.url(role, other))


async def test_strangers(database):
    """A role of somebody else's cannot even connect to ours."""
    server = await asyncpg.connect(database.superuser_url)
    try:
        await server.execute("CREATE ROLE orc_stranger LOGIN PASSWORD 'x'")
        url = database.superuser_url.partition("@")[2]
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for database"):
            await asyncpg.connect(f"postgresql://orc_stranger:x@{url}")
    finally:
        await server.execute("DROP ROLE orc_stranger")
        await server.close()
