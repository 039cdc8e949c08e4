"""`orc api-keys`: list, create and revoke API keys."""

import sys
from typing import Annotated, Any

from cyclopts import App, Parameter

from orc.client import Gateway
from orc.options import NO_OPTIONS, Options
from orc.output import moment, plain, show_json, show_table
from orc.times import given

COLUMNS = ("key_id", "name", "username", "expires_at", "last_used_at", "revoked_at", "scopes")

app = App(name="api-keys", help="List, create and revoke API keys.", help_format="plaintext")


@app.default
@app.command(name="list")
def list_keys(
    *, everybody: Annotated[bool, Parameter(negative="")] = False, options: Options = NO_OPTIONS
) -> None:
    """
    List your keys, the newest first.

    Parameters
    ----------
    everybody
        As an admin: list the keys of all accounts.
    """
    with Gateway(options) as gateway:
        found = gateway.get("/auth/api-keys", everybody="true" if everybody else None)
    if options.json:
        show_json(found)
    else:
        show_table([_row(key) for key in found], COLUMNS)


@app.command
def create(name: str, *scopes: str, expires_at: str | None = None, options: Options = NO_OPTIONS) -> None:
    """
    Make a key that speaks for you within its scopes. It is printed once, alone on standard output.

    Parameters
    ----------
    name
        What it is for.
    scopes
        What it may, as far as you may: jobs:read, runs:*, *.
    expires_at
        When it ends, with an offset, as 2027-01-01T00:00Z; by default in 90 days.
    """
    body = {"name": name, "scopes": scopes, "expires_at": given(expires_at, "--expires-at")}
    with Gateway(options) as gateway:
        made = gateway.post("/auth/api-keys", body)
    if options.json:
        show_json(made)
        return
    print(made["key"])
    told = f"key {made['key_id']} is good until {moment(made['expires_at'])}; it is not shown again"
    print(plain(told), file=sys.stderr)


@app.command
def revoke(key_id: str, *, options: Options = NO_OPTIONS) -> None:
    """
    Revoke a key: it is worth nothing any more, everywhere within five seconds.

    Parameters
    ----------
    key_id
        Its public part, as `orc api-keys list` shows it.
    """
    with Gateway(options) as gateway:
        gateway.delete(f"/auth/api-keys/{key_id}")
    show_json({"key_id": key_id, "revoked": True}) if options.json else print(
        plain(f"key {key_id} is revoked")
    )


def _row(key: dict[str, Any]) -> dict[str, Any]:
    times = {name: moment(key[name]) for name in ("expires_at", "last_used_at", "revoked_at")}
    return {**key, **times, "scopes": " ".join(key["scopes"])}
