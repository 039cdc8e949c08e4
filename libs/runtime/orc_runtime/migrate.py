"""
Migrations: each package's plain SQL files, applied once, in order, under one lock.

    for each package in `MIGRATED`, for each `migrations/NNNN_name.sql` in it
        applied already?  its text must be what was applied
        else              one transaction: as the owner, run it and record its hash
    with the last one, or alone when nothing is missing: the rights are made what the matrix says (`grants.py`)

A service's folder is found on disk, never imported. `python -m orc_runtime.migrate` is the deployed form: it makes
the roles when it is given a superuser's URL, then migrates.
"""

import asyncio
import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from orc_runtime.database import UNREACHABLE, connect, statement
from orc_runtime.grants import apply_rights
from orc_runtime.rights import rights
from orc_runtime.roles import LOGINS, OWNER, ensure_roles
from orc_runtime.settings import SettingsError
from orc_runtime.tls import check_postgres

MIGRATED = ("orc_events", "orc_auth", "orc_scheduler", "orc_executor", "orc_gateway")
"""In this order: the log first, since the services' migrations register their rights with it."""

COMMAND_SECONDS_MAX = 600.0
LOCK_SECONDS_MAX = 60


class MigrationError(Exception):
    """Base of what a migration can fail with, beside the database's own errors."""


class MigrationChanged(MigrationError):
    """A file was edited after it was applied; a change needs a new file."""

    def __init__(self, migration: str) -> None:
        super().__init__(f"{migration} was changed after it was applied: add a new file instead")
        self.migration = migration


class MigrationsPending(MigrationError):
    """The database is older than this process; raised until the migration has run."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"not migrated yet: {', '.join(names)}")
        self.names = tuple(names)


class Migration(Struct, frozen=True):
    """One file."""

    package: str
    name: str
    text: str

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"{self.package}/{self.name}"

    @property
    def sha256(self) -> str:
        """Of its text, hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


async def migrate(url: str, packages: Iterable[str] = MIGRATED) -> list[str]:
    """Apply what is missing, and the rights; returns the labels. Raises MigrationChanged, or what a file fails with."""
    migrations = read_migrations(packages)
    async with connect(
        url, application_name="orc-migrate", command_timeout=COMMAND_SECONDS_MAX
    ) as connection:
        await connection.execute(f"SET ROLE {OWNER}")
        await connection.execute(f"SET lock_timeout = '{LOCK_SECONDS_MAX}s'")
        await connection.execute(statement("migration_lock"))
        async with connection.transaction():
            if not await connection.fetchval(statement("migrations_exist")):
                await connection.execute(statement("create_migrations"))
        missing = await _missing(connection, migrations)
        for migration in missing:
            async with connection.transaction():
                await connection.execute(migration.text)
                await connection.execute(
                    statement("record_migration"), migration.package, migration.name, migration.sha256
                )
                if migration is missing[-1]:
                    # With the last file, so that no service finds the database current and its rights not.
                    await apply_rights(connection, rights().postgres)
        if not missing:
            async with connection.transaction():
                await apply_rights(connection, rights().postgres)
        return [migration.label for migration in missing]


async def pending(url: str, packages: Iterable[str] = MIGRATED) -> list[str]:
    """Return the labels of what `migrate` would apply; raises MigrationChanged."""
    async with connect(url, application_name="orc-migrate", command_timeout=LOCK_SECONDS_MAX) as connection:
        return [migration.label for migration in await _missing(connection, read_migrations(packages))]


async def require_current(pool: Any, packages: Iterable[str] = MIGRATED) -> None:
    """Raise MigrationsPending unless all is applied: what a service waits for at its start."""
    async with pool.acquire() as connection:
        missing = await _missing(connection, read_migrations(packages))
    if missing:
        raise MigrationsPending([migration.label for migration in missing])


def read_migrations(packages: Iterable[str]) -> list[Migration]:
    """Read every package's files, in the order they are applied; raises MigrationError for an absent package."""
    return [
        Migration(package, path.name, path.read_text(encoding="utf-8"))
        for package in packages
        for path in sorted(_folder(package).glob("[0-9]*.sql"))
    ]


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MigrationError(f"package {package} is not installed, its migrations cannot be read")
    return Path(spec.submodule_search_locations[0]) / "migrations"


async def _missing(connection: Any, migrations: Sequence[Migration]) -> list[Migration]:
    if not await connection.fetchval(statement("migrations_exist")):
        return list(migrations)
    applied = {
        (row["package"], row["name"]): row["sha256"]
        for row in await connection.fetch(statement("applied_migrations"))
    }
    for migration in migrations:
        if applied.get((migration.package, migration.name), migration.sha256) != migration.sha256:
            raise MigrationChanged(migration.label)
    return [migration for migration in migrations if (migration.package, migration.name) not in applied]


def passwords_from(environ: Mapping[str, str]) -> dict[str, str]:
    """Take the roles' passwords from the URLs the services will connect with."""
    names = {role: f"ORC_{role.removeprefix('orc_').upper()}_DATABASE_URL" for role in LOGINS}
    names["orc_migrate"] = "ORC_DATABASE_URL"
    parts = {role: urlsplit(environ.get(name, "")) for role, name in names.items()}
    return {
        role: unquote(part.password)
        for role, part in parts.items()
        if part.password and part.username == role
    }


async def main(environ: Mapping[str, str]) -> int:
    """Make the roles if we may, migrate, say what was done; returns the exit code."""
    url = environ.get("ORC_DATABASE_URL")
    if not url:
        sys.stderr.write("ORC_DATABASE_URL is not set: it names the database and the role orc_migrate\n")
        return 2
    superuser_url = environ.get("ORC_POSTGRES_SUPERUSER_URL")
    try:
        for given in filter(None, (url, superuser_url)):
            check_postgres(given)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if superuser_url:
        await ensure_roles(superuser_url, passwords_from(environ))
    for label in await migrate(url):
        sys.stdout.write(f"applied {label}\n")
    sys.stdout.write("the database is current\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main(os.environ)))
    except (MigrationError, *UNREACHABLE) as error:
        sys.exit(f"not migrated: {type(error).__name__}: {error}")
