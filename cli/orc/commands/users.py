"""`orc users`: list, add and change accounts."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal
from uuid import UUID

from cyclopts import App, Parameter

from orc.client import LIST_MAX, Gateway
from orc.errors import NotFound
from orc.options import NO_OPTIONS, Options
from orc.output import moment, show_fields, show_json, show_table
from orc.passwords import Stdin, ask_password

COLUMNS = ("user_id", "username", "role", "is_active", "created_at")

Role = Literal["viewer", "operator", "admin"]

app = App(name="users", help="List, add and change accounts.", help_format="plaintext")


@app.default
@app.command(name="list")
def list_users(*, options: Options = NO_OPTIONS) -> None:
    """List the accounts, the oldest first."""
    with Gateway(options) as gateway:
        found = list(_users(gateway))
    if options.json:
        show_json(found)
    else:
        show_table([_row(user) for user in found], COLUMNS)


@app.command
def add(
    username: str, *, role: Role = "viewer", password_stdin: Stdin = False, options: Options = NO_OPTIONS
) -> None:
    """
    Make an account.

    Parameters
    ----------
    username
        Its name.
    role
        A viewer looks, an operator changes jobs and runs, an admin grants.
    password_stdin
        Read the password from standard input instead of asking for it.
    """
    body = {
        "username": username,
        "password": ask_password(from_stdin=password_stdin, again=True),
        "role": role,
    }
    with Gateway(options) as gateway:
        _show(gateway.post("/auth/users", body), options)


@app.command
def change(
    user: str,
    *,
    role: Role | None = None,
    active: Annotated[bool | None, Parameter(negative="--inactive")] = None,
    password: Annotated[bool, Parameter(negative="")] = False,
    password_stdin: Stdin = False,
    options: Options = NO_OPTIONS,
) -> None:
    """
    Change an account; what is not said stays. Its sessions end.

    Parameters
    ----------
    user
        Its name or id.
    role
        What it may from now on.
    active
        Whether it may log in, and its API keys be used.
    password
        Ask for a new password.
    password_stdin
        Read the new password from standard input.
    """
    body: dict[str, Any] = {} if role is None else {"role": role}
    if active is not None:
        body["is_active"] = active
    if password or password_stdin:
        body["password"] = ask_password("new password", from_stdin=password_stdin, again=True)
    with Gateway(options) as gateway:
        _show(gateway.put(f"/auth/users/{_user_id(gateway, user)}", body), options)


def _users(gateway: Gateway) -> Iterator[dict[str, Any]]:
    after = None
    while True:
        page = gateway.get("/auth/users", limit=LIST_MAX, after=after)
        yield from page
        if len(page) < LIST_MAX:
            return
        after = page[-1]["user_id"]


def _user_id(gateway: Gateway, user: str) -> str:
    try:
        return str(UUID(user))
    except ValueError:
        found = [one["user_id"] for one in _users(gateway) if one["username"].casefold() == user.casefold()]
    if len(found) != 1:
        raise NotFound("user", user, len(found))
    return str(found[0])


def _show(user: dict[str, Any], options: Options) -> None:
    show_json(user) if options.json else show_fields(user)


def _row(user: dict[str, Any]) -> dict[str, Any]:
    return {**user, "created_at": moment(user["created_at"])}
