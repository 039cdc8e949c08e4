"""
Make the database: itself, its roles, its tables. A process of its own, so that the supervisor stays small.

    python -m orc.embedded.bootstrap
"""

import asyncio
import os
import sys
from urllib.parse import unquote, urlsplit

import asyncpg

from orc_runtime.migrate import MigrationError
from orc_runtime.migrate import main as migrate
from orc_runtime.settings import SettingsError
from orc_runtime.tls import check_postgres

MAINTENANCE_DATABASE = "postgres"


async def create_database(superuser_url: str) -> None:
    """Create the database that a URL names, unless it is there."""
    parts = urlsplit(superuser_url)
    name = unquote(parts.path.lstrip("/")) or MAINTENANCE_DATABASE
    connection = await asyncpg.connect(parts._replace(path=f"/{MAINTENANCE_DATABASE}").geturl())
    try:
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name):
            quoted = name.replace('"', '""')
            await connection.execute(f'CREATE DATABASE "{quoted}"')
    finally:
        await connection.close()


async def bootstrap() -> int:
    """Create, then migrate; returns the exit code."""
    if superuser_url := os.environ.get("ORC_POSTGRES_SUPERUSER_URL"):
        check_postgres(superuser_url)
        await create_database(superuser_url)
    return await migrate(os.environ)


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(bootstrap()))
    except (MigrationError, SettingsError, asyncpg.PostgresError, OSError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
