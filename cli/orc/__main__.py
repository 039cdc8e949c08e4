"""
The `orc` command.

Each command is imported when it is called, so that `orc --help` does not wait for what it does not need. Exit codes:
0 done, 1 failed or refused, 2 misused, 130 interrupted.
"""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from cyclopts import App, CycloptsError

from orc.errors import CommandError

FAILED, MISUSED, INTERRUPTED = 1, 2, 130


def build_app() -> App:
    """Name every command and where it is."""
    app = App(
        name="orc",
        help="Load data by jobs whose every decision is an event.",
        help_format="plaintext",
        version=lambda: version("orc-nats-ator"),
        result_action="return_value",
    )
    app.command("orc.commands.up:up", name="up", help="Start everything on this machine and keep it running.")
    app.command(
        "orc.commands.demo:demo", name="demo", help="Load real data through a stack of its own, then stop."
    )
    app.command("orc.commands.migrate:migrate", name="migrate", help="Bring the database up to date.")
    app.command(
        "orc.commands.credentials:credentials", name="credentials", help="Make the Secret of a cluster."
    )
    app.command("orc.commands.jobs:app", name="jobs", help="Apply, list, show and delete jobs.")
    app.command("orc.commands.run:run", name="run", help="Run a job now.")
    app.command("orc.commands.runs:app", name="runs", help="List, show, cancel and retry runs.")
    app.command("orc.commands.backfill:backfill", name="backfill", help="Run a job for past instants.")
    app.command("orc.commands.backfills:app", name="backfills", help="List, show and cancel backfills.")
    app.command("orc.commands.cursor:app", name="cursor", help="Show, set and reset where a task goes on.")
    app.command("orc.commands.why:why", name="why", help="Say why a job ran or did not run at a time.")
    app.command("orc.commands.ticks:ticks", name="ticks", help="List what became of a schedule's instants.")
    app.command(
        "orc.commands.preview:preview",
        name="preview",
        help="Say what a schedule means, or what a job file's tasks would load.",
    )
    app.command("orc.commands.events:events", name="events", help="Show what happened, or follow it.")
    app.command(
        "orc.commands.replay:replay", name="replay", help="Rebuild the read tables aside and compare."
    )
    app.command("orc.commands.audit:app", name="audit", help="Verify the log.")
    app.command("orc.commands.login:register", name="register", help="Make an account.")
    app.command(
        "orc.commands.login:login", name="login", help="Log in; the token is kept for later commands."
    )
    app.command("orc.commands.login:logout", name="logout", help="End the session and forget its tokens.")
    app.command("orc.commands.bootstrap:bootstrap", name="bootstrap", help="Make the first admin.")
    app.command("orc.commands.users:app", name="users", help="List, add and change accounts.")
    app.command("orc.commands.password:password", name="password", help="Change your own password.")
    app.command("orc.commands.api_keys:app", name="api-keys", help="List, create and revoke API keys.")
    app.command(
        "orc.commands.signing_keys:app", name="signing-keys", help="Rotate the keys that sign tokens."
    )
    app.command(
        "orc.commands.secrets:app", name="secrets", help="Set, list, delete and reseal the secrets of jobs."
    )
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the arguments (by default the process's own) ask for, and exit."""
    try:
        code = build_app()(sys.argv[1:] if arguments is None else arguments, exit_on_error=False)
    except CycloptsError:
        sys.exit(MISUSED)
    except CommandError as error:
        print(f"orc: {error}", file=sys.stderr)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has what it wanted; the interpreter must not complain at its exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(code or 0)


if __name__ == "__main__":
    main()
