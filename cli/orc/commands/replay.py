"""`orc replay`: rebuild the read tables from the log in a schema aside, and compare them with the live ones."""

import os
import subprocess
import sys

from orc.embedded.home import read_env
from orc.options import NO_OPTIONS, Options


def replay(*, options: Options = NO_OPTIONS) -> int:
    """
    Rebuild the read tables aside and compare them with the live ones; exits 1 when they differ.

    Reads the database itself, not the gateway: by default that of the stack of ORC_HOME.
    """
    options.database_url("ORC_AUDITOR_DATABASE_URL", "ORC_DATABASE_URL")
    # The projection belongs to the gateway; it runs there, in a process of its own.
    arguments = [sys.executable, "-m", "orc_gateway.replay", *(["--json"] if options.json else [])]
    return subprocess.run(arguments, env={**read_env(options.home), **os.environ}, check=False).returncode
