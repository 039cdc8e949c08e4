"""`orc register`, `orc login`, `orc logout`."""

import getpass
import sys
from typing import Annotated

from cyclopts import Parameter

from orc.client import Gateway
from orc.options import NO_OPTIONS, Options
from orc.output import show_fields, show_json
from orc.tokens import keep_token

Stdin = Annotated[bool, Parameter(negative="")]


def register(username: str, *, password_stdin: Stdin = False, options: Options = NO_OPTIONS) -> None:
    """
    Make an account.

    Parameters
    ----------
    username
        Its name.
    password_stdin
        Read the password from standard input instead of asking for it.
    """
    body = {"username": username, "password": _password(from_stdin=password_stdin, again=True)}
    with Gateway(options) as gateway:
        user = gateway.post("/auth/register", body)
    show_json(user) if options.json else show_fields(user)


def login(username: str, *, password_stdin: Stdin = False, options: Options = NO_OPTIONS) -> None:
    """
    Log in; the token is kept in a file only you can read, for this gateway alone.

    Parameters
    ----------
    username
        Your account.
    password_stdin
        Read the password from standard input instead of asking for it.
    """
    body = {"username": username, "password": _password(from_stdin=password_stdin)}
    # A token that has expired must not stand in the way of getting a new one.
    keep_token(options.home, options.gateway, None)
    with Gateway(options) as gateway:
        token = gateway.post("/auth/login", body)["token"]
    path = keep_token(options.home, options.gateway, token)
    show_json({"username": username, "token_file": str(path)}) if options.json else print(
        f"logged in as {username}"
    )


def logout(*, options: Options = NO_OPTIONS) -> None:
    """Forget the token kept for this gateway."""
    keep_token(options.home, options.gateway, None)
    show_json({"logged_in": False}) if options.json else print("logged out")


def _password(*, from_stdin: bool, again: bool = False) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("password: ")
    if again and getpass.getpass("again: ") != password:
        print("orc: the two passwords differ", file=sys.stderr)
        sys.exit(1)
    return password
