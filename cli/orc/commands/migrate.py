"""`orc migrate`: bring the database up to date."""

import asyncio
import os
import sys
from contextlib import nullcontext, redirect_stdout

import asyncpg

from orc.embedded.home import read_env
from orc.errors import CommandError
from orc.options import NO_OPTIONS, Options
from orc.output import show_json
from orc_runtime.migrate import MigrationError
from orc_runtime.migrate import main as run_migrations


class NotMigrated(CommandError):
    """The database could not be brought up to date."""


def migrate(*, options: Options = NO_OPTIONS) -> int:
    """Apply what is missing to ORC_DATABASE_URL, by default that of the stack of ORC_HOME."""
    environ = {**read_env(options.home), **os.environ}
    try:
        # What a program reads is JSON alone.
        with redirect_stdout(sys.stderr) if options.json else nullcontext():
            code = asyncio.run(run_migrations(environ))
    except (MigrationError, asyncpg.PostgresError, OSError) as error:
        raise NotMigrated(f"{type(error).__name__}: {error}") from error
    if options.json:
        show_json({"current": code == 0})
    return code
