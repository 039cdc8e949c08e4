"""`orc bootstrap`: make the first admin."""

import os
from pathlib import Path

from orc.client import Gateway
from orc.errors import BadFile
from orc.options import NO_OPTIONS, Options
from orc.output import plain, show_json
from orc.passwords import Stdin, ask_password


def bootstrap(username: str, *, password_stdin: Stdin = False, options: Options = NO_OPTIONS) -> None:
    """
    Make the first admin, by the secret that the auth service was started with; it works once.

    The secret is taken from ORC_BOOTSTRAP_SECRET or the file ORC_BOOTSTRAP_SECRET_FILE, or asked for.

    Parameters
    ----------
    username
        The admin's name.
    password_stdin
        Read the password from standard input instead of asking for it.
    """
    body = {
        "secret": _secret(),
        "username": username,
        "password": ask_password(from_stdin=password_stdin, again=True),
    }
    with Gateway(options, is_somebody=False) as gateway:
        made = gateway.post("/auth/bootstrap", body)
    show_json(made) if options.json else print(
        plain(f"{made['username']} is the first admin: orc login {username}")
    )


def _secret() -> str:
    if given := os.environ.get("ORC_BOOTSTRAP_SECRET"):
        return given
    if named := os.environ.get("ORC_BOOTSTRAP_SECRET_FILE"):
        try:
            return Path(named).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise BadFile(Path(named), getattr(error, "strerror", None) or "it is not text") from error
    return ask_password("bootstrap secret", from_stdin=False)
