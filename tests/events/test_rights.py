"""Nobody changes the log, and each role appends its own types alone."""

import asyncpg
import pytest
from support.lights import NOON, OFF, ON, grant_rights, open_log, superuser, switched

from orc_events.errors import LogUnavailable, TypeNotAllowed
from orc_events.event import NewEvent, Position
from orc_events.log import append_within

SERVICES = ("orc_gateway", "orc_auth", "orc_scheduler", "orc_executor")
TABLES = (
    "events",
    "events_000000",
    "events_000001",
    "events_000002",
    "head",
    "streams",
    "commands",
    "rights",
)
CHANGES = (
    "UPDATE log.{} SET {} = {}",
    "DELETE FROM log.{}",
    "TRUNCATE log.{}",
    "ALTER TABLE log.{} DISABLE TRIGGER ALL",
    "DROP TABLE log.{}",
)
COLUMN = {"streams": "version", "rights": "role"}


@pytest.fixture
async def full(database):
    """Make a log that holds an event in its first and in its second partition."""
    await grant_rights(database)
    async with open_log(database) as log:
        await log.append(switched())
        async with superuser(database) as connection:
            await connection.execute("UPDATE log.head SET position = 4999999")
        await log.append(switched())
    return database


@pytest.mark.parametrize("role", [*SERVICES, "orc_auditor"])
async def test_no_service_changes_the_log(full, role):
    """Every service is refused every change of every table of the log, and of each partition directly."""
    connection = await asyncpg.connect(full.url(role))
    for table in TABLES:
        column = COLUMN.get(table, "position")
        for change in CHANGES:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(change.format(table, column, column))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"INSERT INTO log.{table} DEFAULT VALUES")
    await connection.close()


@pytest.mark.parametrize("change", CHANGES[:3])
@pytest.mark.parametrize("table", ["events", "events_000000", "events_000001"])
async def test_not_even_the_owner(full, table, change):
    """Triggers refuse the owner what nobody was granted, on the table and on each partition."""
    connection = await asyncpg.connect(full.url("orc_migrate"))
    await connection.execute("SET ROLE orc_owner")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await connection.execute(change.format(table, "actor", "'mallory'"))
    assert await connection.fetchval("SELECT count(*) FROM log.events") == 2
    await connection.close()


async def test_new_partitions_are_guarded(full):
    """A partition made later refuses changes as the first ones do."""
    async with superuser(full) as connection:
        await connection.execute("UPDATE log.head SET position = 20000000")
        await connection.fetchval("SELECT log.ensure_partitions()")
    async with open_log(full) as log:
        assert (await log.append(switched())).position == 20000001
    connection = await asyncpg.connect(full.url("orc_migrate"))
    await connection.execute("SET ROLE orc_owner")
    for change in CHANGES[:3]:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await connection.execute(change.format("events_000004", "actor", "'mallory'"))
    await connection.close()


@pytest.mark.parametrize(
    ("role", "allowed"),
    [("orc_scheduler", {ON, OFF}), ("orc_executor", {ON}), ("orc_auth", set())],
)
async def test_types_by_role(full, role, allowed):
    """A service appends the types of its role; another's type is refused and appends nothing."""
    async with open_log(full, role) as log:
        before = await log.head()
        for type_ in (ON, OFF):
            item = switched(events=(NewEvent(type_, "{}"),))
            if type_ in allowed:
                await log.append(item)
            else:
                with pytest.raises(TypeNotAllowed, match=f"{role} may not append {type_}"):
                    await log.append(item)
        assert await log.head() == before + len(allowed)


async def test_rights_through_membership(full):
    """A login that is a member of a service's role has its rights, as an operator's own login would."""
    async with superuser(full) as connection:
        await connection.execute("GRANT orc_executor TO orc_gateway")
        try:
            async with open_log(full, "orc_gateway") as log:
                await log.append(switched())
        finally:
            await connection.execute("REVOKE orc_executor FROM orc_gateway")


async def test_role_that_is_gone(full):
    """A right left behind by a dropped role stands in nobody's way."""
    async with superuser(full) as connection:
        await connection.execute("INSERT INTO log.rights VALUES ('orc_dropped', 'light.smashed')")
    async with open_log(full) as log:
        await log.append(switched())
        with pytest.raises(TypeNotAllowed):
            await log.append(switched(events=(NewEvent("light.smashed", "{}"),)))


async def test_who_cannot_append_at_all(full):
    """Gateway and auditor have no way to append; the migrator, who owns the function, has no right to any type."""
    for role in ("orc_gateway", "orc_auditor"):
        async with open_log(full, role) as log:
            with pytest.raises(LogUnavailable, match="permission denied"):
                await log.append(switched())
    async with open_log(full, "orc_migrate") as log:
        with pytest.raises(TypeNotAllowed):
            await log.append(switched())


@pytest.mark.parametrize("role", [*SERVICES, "orc_auditor"])
async def test_who_may_read(full, role):
    """Every service and the auditor read the whole log."""
    async with open_log(full, role) as log:
        assert [event.occurred_at for event in await log.read(Position(0), 1)] == [NOON]
        assert await log.head() == 5000000


async def test_borrowed_search_path(full):
    """Names of the caller's making are not what the append function finds."""
    async with superuser(full) as connection:
        await connection.execute("CREATE SCHEMA mallory AUTHORIZATION orc_executor")
        await connection.execute("GRANT USAGE ON SCHEMA mallory TO PUBLIC")
    connection = await asyncpg.connect(
        full.url("orc_executor"), server_settings={"search_path": "mallory, pg_catalog"}
    )
    await connection.execute(
        "CREATE FUNCTION mallory.pg_has_role(name, oid, text) RETURNS bool LANGUAGE sql RETURN true"
    )
    item = switched(events=(NewEvent(OFF, "{}"),))
    outcomes = await append_within(connection, [item])
    assert [str(outcome) for outcome in outcomes] == [f"orc_executor may not append {OFF}"]
    await connection.close()
