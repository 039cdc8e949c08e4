"""The matrix is the truth: `migrate` makes the database's rights what it says, and nothing in the database escapes it."""

import secrets

import asyncpg
import pytest
from support.lights import superuser
from support.servers import copy_database, execute

from orc.embedded.environment import ROLES
from orc.embedded.nats import USERS
from orc_runtime.grants import apply_rights, owned_things, unnamed
from orc_runtime.migrate import migrate
from orc_runtime.rights import RightsWrong, rights, table_privileges
from orc_runtime.roles import LOGINS, OWNER


async def held(database) -> dict[tuple[str, str], frozenset[tuple[str, str]]]:
    async with superuser(database) as connection:
        return {(thing.kind, thing.target): thing.held for thing in await owned_things(connection)}


async def test_nothing_is_forgotten(database):
    """Every table and function that the migrations make has its line in rights.toml, and every line is of one."""
    async with superuser(database) as connection:
        things = await owned_things(connection)
    assert unnamed(things, rights().postgres) == []
    names = {thing.name for thing in things}
    assert {*rights().postgres.tables, *rights().postgres.functions} - names == set()


async def test_again_changes_nothing(database):
    """A database that was migrated has the rights of the matrix, to the letter."""
    connection = await asyncpg.connect(database.url("orc_migrate"))
    try:
        await connection.execute("SET ROLE orc_owner")
        assert await apply_rights(connection, rights().postgres) == []
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "drift",
    [
        "GRANT SELECT ON auth.keys TO orc_gateway",
        "GRANT SELECT ON log.events_000001 TO PUBLIC",
        "GRANT UPDATE (username) ON auth.accounts TO orc_auth",
        "GRANT SELECT ON log.events TO orc_auditor WITH GRANT OPTION",
        "GRANT ALL ON ALL TABLES IN SCHEMA log TO orc_executor",
        "GRANT EXECUTE ON FUNCTION log.append TO PUBLIC",
        "GRANT CREATE, USAGE ON SCHEMA log TO orc_executor",
        "REVOKE SELECT ON log.head FROM orc_scheduler",
        "REVOKE USAGE ON SCHEMA read FROM orc_gateway",
        "REVOKE EXECUTE ON FUNCTION executor.take_slots FROM orc_executor",
    ],
)
async def test_drift_is_mended(database, drift):
    """Whatever was granted or revoked by hand is undone by the next `migrate`."""
    before = await held(database)
    await execute(database.superuser_url, drift)
    assert await held(database) != before
    await migrate(database.url("orc_migrate"))
    assert await held(database) == before


async def test_event_rights_are_mended(database):
    """log.rights holds the matrix's pairs after `migrate`: no more, no fewer."""
    async with superuser(database) as connection:
        wanted = await connection.fetch("SELECT role, type FROM log.rights ORDER BY 1, 2")
        await connection.execute("INSERT INTO log.rights VALUES ('orc_gateway', 'job.created')")
        await connection.execute("DELETE FROM log.rights WHERE type = 'run.started'")
        await migrate(database.url("orc_migrate"))
        assert await connection.fetch("SELECT role, type FROM log.rights ORDER BY 1, 2") == wanted


async def test_what_is_not_named_is_nobodys(database):
    """A table and a function that the matrix does not know lose every right, and are reported by name."""
    connection = await asyncpg.connect(database.url("orc_migrate"))
    try:
        await connection.execute("SET ROLE orc_owner")
        await connection.execute("CREATE TABLE read.secret (n int GENERATED ALWAYS AS IDENTITY)")
        await connection.execute("GRANT ALL ON read.secret TO orc_gateway, PUBLIC")
        await connection.execute("CREATE FUNCTION read.leak() RETURNS int LANGUAGE sql RETURN 1")
        assert unnamed(await owned_things(connection), rights().postgres) == ["read.leak", "read.secret"]
        await migrate(database.url("orc_migrate"))
        things = {thing.name: thing for thing in await owned_things(connection)}
        assert (things["read.secret"].held, things["read.leak"].held) == (frozenset(), frozenset())
    finally:
        await connection.close()


async def test_new_functions_are_closed(database):
    """A function made by a later migration is not everybody's to call, even before the matrix is applied."""
    connection = await asyncpg.connect(database.url("orc_migrate"))
    try:
        await connection.execute("SET ROLE orc_owner")
        await connection.execute("CREATE FUNCTION read.later() RETURNS int LANGUAGE sql RETURN 1")
    finally:
        await connection.close()
    gateway = await asyncpg.connect(database.url("orc_gateway"))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await gateway.execute("SELECT read.later()")
    finally:
        await gateway.close()


async def test_database_is_closed_again(database, postgres):
    """`ensure_roles` takes back what a database lets everybody do."""
    name = f"open_{secrets.token_hex(4)}"
    await copy_database(postgres, database.name, name)
    try:
        privileges = await _database_privileges(postgres, name)
        assert privileges == {
            (role, verb) for role, verbs in rights().postgres.database.items() for verb in verbs.split(", ")
        }
    finally:
        await execute(postgres.superuser_url, f"DROP DATABASE {name} WITH (FORCE)")


async def _database_privileges(postgres, name: str) -> set[tuple[str, str]]:
    connection = await asyncpg.connect(postgres.superuser_url)
    try:
        rows = await connection.fetch(
            """SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END AS role, privilege_type AS verb
                 FROM pg_database, aclexplode(datacl) WHERE datname = $1 AND grantee <> datdba""",
            name,
        )
    finally:
        await connection.close()
    return {tuple(row) for row in rows}


def test_roles_are_the_same_everywhere():
    """The matrix, the roles that are made and the URLs that are given out name the same roles and users."""
    assert set(rights().postgres.database) == {OWNER, *LOGINS}
    assert set(ROLES) == set(LOGINS)
    assert set(USERS) == {"gateway", "auth", "scheduler", "executor", "auditor"}
    named = {role for holders in rights().postgres.tables.values() for role in holders}
    named |= {role for roles in rights().postgres.functions.values() for role in roles}
    assert named | set(rights().postgres.appends) <= set(LOGINS)


@pytest.mark.parametrize(
    "verbs", ["SELCT", "SELECT INSERT", "UPDATE ()", "UPDATE (a", "select", "TRUNCATE", "SELECT;"]
)
def test_misspelt_verbs(verbs):
    """A verb that is none is an error that names its line, never a right that is silently missing."""
    with pytest.raises(RightsWrong, match=r"read\.jobs"):
        table_privileges(verbs, "read.jobs")


def test_verbs_by_column():
    """Rights of columns are rights each by itself."""
    assert table_privileges("SELECT, UPDATE (a, b), DELETE", "x") == {
        "SELECT",
        "UPDATE (a)",
        "UPDATE (b)",
        "DELETE",
    }
