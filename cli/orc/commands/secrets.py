"""`orc secrets`: what jobs log in with elsewhere, kept sealed by the stack. Values go in and never come out."""

import getpass
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from cyclopts import App, Parameter

from orc.client import Gateway
from orc.master_key_file import add_key, make_key_file
from orc.options import NO_OPTIONS, Options
from orc.output import moment, show_json, show_table

COLUMNS = ("name", "version", "updated_at", "updated_by", "master_key_id")

app = App(name="secrets", help="Set, list, delete and reseal the secrets of jobs.", help_format="plaintext")


@app.default
@app.command(name="list")
def list_secrets(*, options: Options = NO_OPTIONS) -> None:
    """List the secrets of the store: their names, and never what they hold."""
    with Gateway(options) as gateway:
        found = gateway.get("/secrets")
    if options.json:
        show_json(found)
        return
    show_table([{**one, "updated_at": moment(one["updated_at"])} for one in found], COLUMNS)


@app.command(name="set")
def set_secret(name: str, *, options: Options = NO_OPTIONS) -> None:
    """
    Give a secret a value, which is asked for, or read from standard input when that is no terminal.

    Parameters
    ----------
    name
        As jobs refer to it: a-z, 0-9 and hyphens.
    """
    # Never an argument: those stand in the history of the shell, and in the list of processes.
    value = getpass.getpass("value: ") if sys.stdin.isatty() else sys.stdin.read().rstrip("\r\n")
    with Gateway(options) as gateway:
        stored = gateway.put(f"/secrets/{quote(name, safe='')}", {"value": value})
    show_json(stored) if options.json else print(f"{stored['name']} is set, version {stored['version']}")


@app.command
def delete(name: str, *, options: Options = NO_OPTIONS) -> None:
    """Delete a secret of the store."""
    with Gateway(options) as gateway:
        gateway.delete(f"/secrets/{quote(name, safe='')}")
    show_json({"name": name, "deleted": True}) if options.json else print(f"{name} is deleted")


@app.command
def rewrap(*, options: Options = NO_OPTIONS) -> int:
    """Seal by the newest master key whatever older ones seal, all of it; exits with 1 if something cannot be opened."""
    rewrapped = signing_keys = 0
    with Gateway(options) as gateway:
        while True:
            done = gateway.post("/secrets/rewrap", {})
            rewrapped += done["rewrapped"]
            signing_keys += done["signing_keys"]
            if done["left"] <= len(done["unopened"]) or not done["rewrapped"]:
                break
    if options.json:
        show_json({**done, "rewrapped": rewrapped, "signing_keys": signing_keys})
    else:
        print(
            f"{rewrapped} secrets and {signing_keys} signing keys are sealed by {done['master_key_id']} now"
        )
    for name in done["unopened"]:
        print(f"orc: {name} cannot be opened by any master key: set it anew", file=sys.stderr)
    return 1 if done["left"] else 0


@app.command
def key(
    file: Path,
    *,
    key_id: Annotated[str | None, Parameter(name="--id")] = None,
    add: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """
    Make a file with a new master key, for ORC_MASTER_KEY_FILE of auth and the executor.

    Parameters
    ----------
    file
        Where to; only you can read it.
    key_id
        How the key is called; by default a name by chance.
    add
        Put it into a file that exists, before the keys in there: it seals, and they still open.
    """
    made = (add_key if add else make_key_file)(file, key_id)
    print(f"{made} is the first key of {file}: keep a copy, for what it seals nothing else opens")
