"""`orc register`, `orc login`, `orc logout`: sessions of this machine with a gateway."""

import sys
from typing import Annotated

from cyclopts import Parameter
from msgspec import convert

from orc.client import Gateway
from orc.errors import NameOrBrowser, Refused
from orc.options import NO_OPTIONS, Options
from orc.output import show_fields, show_json
from orc.passwords import Stdin, ask_password
from orc.sso import log_in_by_browser
from orc.tokens import Tokens, keep_tokens, kept_tokens

UNAUTHORIZED = 401


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
    body = {"username": username, "password": ask_password(from_stdin=password_stdin, again=True)}
    with Gateway(options) as gateway:
        user = gateway.post("/auth/register", body)
    show_json(user) if options.json else show_fields(user)


def login(
    username: str | None = None,
    *,
    sso: Annotated[bool, Parameter(negative="")] = False,
    password_stdin: Stdin = False,
    options: Options = NO_OPTIONS,
) -> None:
    """
    Log in; the tokens are kept in a file only you can read, for this gateway alone, and renewed when they expire.

    Parameters
    ----------
    username
        Your account.
    sso
        Log in by your browser, at the identity provider.
    password_stdin
        Read the password from standard input instead of asking for it.
    """
    if (username is None) != sso:
        raise NameOrBrowser
    with Gateway(options, is_somebody=False) as gateway:
        if username is None:
            ticket, verifier = log_in_by_browser(options.gateway, _show_url)
            answer = gateway.post("/auth/oidc/ticket", {"ticket": ticket, "verifier": verifier})
        else:
            body = {"username": username, "password": ask_password(from_stdin=password_stdin)}
            answer = gateway.post("/auth/login", body)
    path = keep_tokens(options.home, options.gateway, convert(answer, Tokens))
    if username is None:
        with Gateway(options) as gateway:
            username = str(gateway.get("/auth/me")["subject"]).removeprefix("user:")
    show_json({"username": username, "token_file": str(path)}) if options.json else print(
        f"logged in as {username}"
    )


def logout(
    *, everywhere: Annotated[bool, Parameter(negative="")] = False, options: Options = NO_OPTIONS
) -> None:
    """
    End the session, and forget its tokens.

    Parameters
    ----------
    everywhere
        End all of your sessions, on every machine.
    """
    if kept_tokens(options.home, options.gateway) is not None:
        try:
            with Gateway(options) as gateway:
                gateway.post("/auth/logout", {"everywhere": everywhere})
        except Refused as error:
            # It is over already.
            if error.status != UNAUTHORIZED:
                raise
    keep_tokens(options.home, options.gateway, None)
    show_json({"logged_in": False}) if options.json else print("logged out")


def _show_url(url: str) -> None:
    print(f"log in at {url}", file=sys.stderr)
