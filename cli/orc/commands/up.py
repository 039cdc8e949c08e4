"""`orc up`: become the supervisor, which needs none of what this command has loaded."""

import os
import sys


def up() -> None:
    """
    Start Postgres, NATS and the four services, print `ready URL`, and keep them running until Ctrl-C.

    All state is under ORC_HOME (default .orc); settings come from the environment. With ORC_DATABASE_URL and
    ORC_NATS_URL set, those are used and no server is started.
    """
    # Replaced, not started: one process fewer, and signals arrive where they are meant to.
    os.execv(sys.executable, [sys.executable, "-m", "orc.embedded"])  # noqa: S606 - there is no shell to avoid
