"""Migrations are applied once, in order, by one at a time, and never edited afterwards."""

import asyncio
import secrets
import sys

import asyncpg
import pytest
from support.servers import execute

from orc_runtime.database import close_pool, connect_pool
from orc_runtime.migrate import (
    MigrationChanged,
    MigrationError,
    MigrationsPending,
    main,
    migrate,
    passwords_from,
    pending,
    read_migrations,
    require_current,
)
from orc_runtime.roles import LOGINS, ensure_roles


@pytest.fixture
async def empty(postgres, template_database):
    """Make a database with roles and nothing else; give the URLs of orc_migrate, the superuser and orc_auth."""
    name = f"empty_{secrets.token_hex(4)}"
    await execute(postgres.superuser_url, f"CREATE DATABASE {name}")
    await ensure_roles(postgres.superuser(name), {})
    yield postgres.url("orc_migrate", name), postgres.superuser(name), postgres.url("orc_auth", name)
    await execute(postgres.superuser_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write a package's migration files; importing it would fail."""
    name = f"package_{secrets.token_hex(4)}"
    folder = tmp_path / name / "migrations"
    folder.mkdir(parents=True)
    (tmp_path / name / "__init__.py").write_text("raise ImportError('a migration imports nobody')")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    def write(file: str, text: str) -> str:
        (folder / file).write_text(text)
        return name

    return write


async def value(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_once_and_in_order(empty, package):
    """Files run in the order of their names, once, and what they make belongs to the owner."""
    url, superuser_url, _ = empty
    package("0002_more.sql", "INSERT INTO x.t VALUES (2);")
    name = package("0001_first.sql", "CREATE SCHEMA x; CREATE TABLE x.t (n int); INSERT INTO x.t VALUES (1);")

    first = await migrate(url, [name])
    package("0003_last.sql", "INSERT INTO x.t VALUES (3)")
    second = await migrate(url, [name])
    third = await migrate(url, [name])

    assert (first, second, third) == (
        [f"{name}/0001_first.sql", f"{name}/0002_more.sql"],
        [f"{name}/0003_last.sql"],
        [],
    )
    assert await value(superuser_url, "SELECT array_agg(n) FROM x.t") == [1, 2, 3]
    assert (
        await value(superuser_url, "SELECT tableowner::text FROM pg_tables WHERE schemaname = 'x'")
        == "orc_owner"
    )


async def test_edited_file(empty, package):
    """A file changed after it was applied is an error that names it, and nothing else is applied."""
    url, _, service_url = empty
    name = package("0001_first.sql", "CREATE SCHEMA x")
    await migrate(url, [name])
    package("0001_first.sql", "CREATE SCHEMA y")
    package("0002_next.sql", "CREATE SCHEMA z")

    with pytest.raises(MigrationChanged, match=f"{name}/0001_first.sql"):
        await migrate(url, [name])
    with pytest.raises(MigrationChanged):
        await pending(service_url, [name])


async def test_failed_file_leaves_nothing(empty, package):
    """A file that fails half-way is neither applied nor recorded; those before it are."""
    url, superuser_url, _ = empty
    package("0001_good.sql", "CREATE SCHEMA good")
    name = package("0002_bad.sql", "CREATE SCHEMA bad; SELECT 1 / 0")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(url, [name])

    assert await pending(url, [name]) == [f"{name}/0002_bad.sql"]
    assert await value(superuser_url, "SELECT to_regnamespace('bad')") is None


async def test_applied_and_recorded_are_one(empty, package):
    """When a file cannot be recorded, what it made is not there either."""
    url, superuser_url, _ = empty
    name = package("0001_first.sql", "")
    package(
        "0001_first.sql",
        f"""CREATE SCHEMA made;
            INSERT INTO public.orc_migrations VALUES ('{name}', '0001_first.sql', repeat('0', 64))""",
    )

    with pytest.raises(asyncpg.UniqueViolationError):
        await migrate(url, [name])

    assert await value(superuser_url, "SELECT to_regnamespace('made')") is None


async def test_many_at_once(empty, package):
    """Of several that start together one applies and the others find it done."""
    url, _, _ = empty
    name = package("0001_first.sql", "CREATE SCHEMA x")

    applied = await asyncio.gather(*(migrate(url, [name]) for _ in range(4)))

    assert sorted(applied, key=len) == [[], [], [], [f"{name}/0001_first.sql"]]


async def test_service_waits_for_the_migration(empty, package):
    """A service sees with its own rights whether the database is as new as it is."""
    url, _, service_url = empty
    name = package("0001_first.sql", "CREATE SCHEMA x")
    pool = await connect_pool(service_url, schema="x", size_max=1, application_name="test")
    try:
        with pytest.raises(MigrationsPending, match="0001_first"):
            await require_current(pool, [name])
        await migrate(url, [name])
        await require_current(pool, [name])
    finally:
        await close_pool(pool)


async def test_absent_package():
    """A package that is not installed is an error: its tables would be missing."""
    with pytest.raises(MigrationError, match="no_such_package"):
        read_migrations(["no_such_package"])


async def test_all_packages_in_a_new_database(empty, postgres, capsys):
    """The deployed command makes the roles, applies everything, and does nothing the second time."""
    url, superuser_url, _ = empty
    environ = {"ORC_DATABASE_URL": url, "ORC_POSTGRES_SUPERUSER_URL": superuser_url}

    assert [await main(environ), await main(environ), await main({})] == [0, 0, 2]

    assert await pending(url) == []
    printed = capsys.readouterr()
    assert printed.out.count("applied orc_events/0001_log.sql") == 1
    assert printed.out.count("the database is current") == 2
    assert "ORC_DATABASE_URL is not set" in printed.err


def test_passwords_from_the_urls_of_the_services():
    """Each role's password is the one its service will connect with."""
    environ = {
        f"ORC_{role.removeprefix('orc_').upper()}_DATABASE_URL": f"postgresql://{role}:p%40{role}@h/d"
        for role in LOGINS
    }
    environ["ORC_DATABASE_URL"] = "postgresql://orc_migrate:m@h/d"
    environ["ORC_AUDITOR_DATABASE_URL"] = "postgresql://somebody_else:x@h/d"

    assert passwords_from(environ) == {
        "orc_migrate": "m",
        "orc_gateway": "p@orc_gateway",
        "orc_auth": "p@orc_auth",
        "orc_scheduler": "p@orc_scheduler",
        "orc_executor": "p@orc_executor",
    }
