"""
P39, the database: each role, with its real password, is refused all that is not written here.

The tables are an expectation of their own, not read from the matrix. A verb is tried by using it, in a transaction that
is rolled back: any answer but "permission denied" means that the role may.
"""

from collections.abc import Iterator

import asyncpg
import pytest
from support.lights import superuser

ROLES = ("orc_gateway", "orc_auth", "orc_scheduler", "orc_executor", "orc_auditor")

# S SELECT, I INSERT, U UPDATE of every column, D DELETE; nobody TRUNCATEs or makes triggers.
TABLES = """
                          gateway  auth  scheduler  executor  auditor
public.orc_migrations     S        S     S          S         S
log.events                S        S     S          S         S
log.head                  S        S     S          S         S
log.streams               S        S     S          S         S
log.commands              S        S     S          S         S
log.rights                -        -     -          -         S
auth.accounts             -        SI    -          -         -
auth.keys                 -        SI    -          -         -
auth.sessions             -        SIUD  -          -         -
auth.refresh_tokens       -        SIUD  -          -         -
auth.api_keys             -        SIUD  -          -         -
auth.failures             -        SIUD  -          -         -
auth.oidc_logins          -        SID   -          -         -
auth.oidc_tickets         -        SID   -          -         -
vault.secrets             -        SIU   -          S         -
executor.leases           -        -     S          SIUD      S
executor.slots            -        -     -          SIUD      S
scheduler.checkpoints     -        -     SIU        -         S
scheduler.jobs            -        -     SIUD       -         S
scheduler.open_runs       -        -     SIUD       S         S
scheduler.backfills       -        -     SIUD       -         S
scheduler.backfill_runs   -        -     SID        -         S
scheduler.tz_release      -        -     SU         -         S
read.checkpoints          SIU      -     -          -         S
read.jobs                 SIUD     -     -          -         S
read.tasks                SID      -     -          -         S
read.runs                 SIUD     -     -          -         S
read.run_tasks            SIUD     -     -          -         S
read.run_counts           SIUD     -     -          -         S
read.ticks                SID      -     -          -         S
read.backfills            SIUD     -     -          -         S
read.rates                SIUD     -     -          -         S
"""
COLUMNS = {
    ("orc_auth", "auth.accounts"): {"role", "is_active", "version", "password_hash", "updated_at"},
    ("orc_auth", "auth.keys"): {"private_key", "signs_from", "dropped_at", "retired_at"},
}
FUNCTIONS = """
                          gateway  auth  scheduler  executor  auditor
auth.only_seal            -        -     -          -         -
log.append                -        x     x          x         -
log.read_after            x        x     x          x         x
log.read_streams          x        x     x          x         x
log.ensure_partitions     -        -     x          -         -
log.spare_partitions      -        -     x          -         -
log.refuse_change         -        -     -          -         -
log.unix_microseconds     -        -     -          -         -
log.canonical             -        -     -          -         -
log.link                  -        -     -          -         -
log.chain                 -        -     -          -         -
executor.take_slots       -        -     -          x         -
"""
APPENDED_BY = {
    "user": {"orc_auth"},
    "session": {"orc_auth"},
    "api_key": {"orc_auth"},
    "signing_key": {"orc_auth"},
    "secret": {"orc_auth"},
    "job": {"orc_scheduler"},
    "tick": {"orc_scheduler"},
    "backfill": {"orc_scheduler"},
    "task": {"orc_executor"},
    "run.requested": {"orc_scheduler"},
    "run.cancel_requested": {"orc_scheduler"},
    "run.started": {"orc_executor"},
    "run.succeeded": {"orc_executor"},
    "run.attempt_failed": {"orc_scheduler", "orc_executor"},
    "run.failed": {"orc_scheduler", "orc_executor"},
    "run.cancelled": {"orc_scheduler", "orc_executor"},
}


def cells(table: str) -> dict[tuple[str, str], str]:
    _, *lines = table.strip("\n").splitlines()
    return {
        (role, name): "" if cell == "-" else cell
        for name, *row in (line.split() for line in lines)
        for role, cell in zip(ROLES, row, strict=True)
    }


@pytest.fixture(params=ROLES)
async def role(request, database):
    """Connect as a service's role; gives its name and its connection."""
    connection = await asyncpg.connect(database.url(request.param))
    yield request.param, connection
    await connection.close()


async def refused(connection: asyncpg.Connection, statement: str) -> bool:
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return True
    except asyncpg.PostgresError:
        return False
    finally:
        await transaction.rollback()
    return False


async def rows(database, query: str) -> list[tuple[str, ...]]:
    async with superuser(database) as connection:
        return [tuple(row) for row in await connection.fetch(query)]


def uses(table: str, columns: list[str]) -> Iterator[tuple[str, str]]:
    """Give each verb and a statement that is nothing but it."""
    yield "S", f"SELECT count(*) FROM {table} WHERE false"
    yield "I", f"INSERT INTO {table} DEFAULT VALUES"
    for column in columns:
        yield column, f"UPDATE {table} SET {column} = NULL WHERE false"
    yield "D", f"DELETE FROM {table} WHERE false"
    yield "TRUNCATE", f"TRUNCATE {table}"
    yield (
        "TRIGGER",
        f"CREATE TRIGGER t AFTER INSERT ON {table} EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    )
    yield "LOCK", f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"
    yield "ALTER", f"ALTER TABLE {table} DISABLE TRIGGER ALL"
    yield "DROP", f"DROP TABLE {table}"


async def test_tables(role, database):
    """Every verb on every table and partition, and the change of each column, works for whom it is written and no other."""
    name, connection = role
    tables = await rows(
        database,
        """SELECT c.oid::regclass::text, n.nspname || '.' || coalesce(r.relname, c.relname),
                  ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             LEFT JOIN pg_class r ON r.oid = pg_partition_root(c.oid)
            WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'""",
    )
    table_cells = cells(TABLES)
    assert {known for _, known, _ in tables} == {known for _, known in table_cells}
    wrong = []
    for table, known, columns in tables:
        cell = table_cells[name, known]
        wanted = {"S", "I", "D"} & set(cell)
        wanted |= set(columns) if "U" in cell else COLUMNS.get((name, known), set())
        if "U" in cell or "D" in cell:
            # Postgres lets whoever may change rows lock their table.
            wanted.add("LOCK")
        found = {verb for verb, use in uses(table, columns) if not await refused(connection, use)}
        if COLUMNS.get((name, known)):
            found.discard("LOCK")
        if found != wanted:
            wrong.append((table, sorted(found ^ wanted)))
    assert wrong == []


async def test_an_executor_reads_of_secrets_what_opens_them(database):
    """Who set one, and whether two are the same, is none of its business."""
    connection = await asyncpg.connect(database.url("orc_executor"))
    try:
        assert not await refused(connection, "SELECT name, version, sealed, wrapped_key FROM vault.secrets")
        for column in ("fingerprint", "updated_by", "updated_at"):
            assert await refused(connection, f"SELECT {column} FROM vault.secrets"), column
    finally:
        await connection.close()


async def test_functions(role, database):
    """Every function of ours is called by those for whom it is written and by no other."""
    name, connection = role
    functions = await rows(
        database,
        """SELECT n.nspname || '.' || p.proname,
                  (SELECT string_agg('NULL::' || format_type(t, NULL), ', ') FROM unnest(p.proargtypes) t)
             FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
            WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'""",
    )
    expected = cells(FUNCTIONS)
    assert {function for function, _ in functions} == {function for _, function in expected}
    called = {
        function
        for function, arguments in functions
        if not await refused(connection, f"SELECT {function}({arguments or ''})")
    }
    assert called == {function for function, _ in functions if expected[name, function]}


async def test_events(database):
    """The roles that the log lets append a type are those of the table, and each type is in the table."""
    found = await rows(database, "SELECT role, type FROM log.rights")
    expected = {
        (role, type_)
        for type_ in {type_ for _, type_ in found}
        for role in APPENDED_BY.get(type_) or APPENDED_BY.get(type_.partition(".")[0], set())
    }
    assert set(found) == expected
    assert {key for key in APPENDED_BY if "." in key} <= {type_ for _, type_ in found}
