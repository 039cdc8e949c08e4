"""`orc signing-keys rotate`: the next key that signs tokens."""

from typing import Annotated

from cyclopts import App, Parameter

from orc.client import Gateway
from orc.options import NO_OPTIONS, Options
from orc.output import show_json

app = App(name="signing-keys", help="The keys that sign tokens.")


@app.command
def rotate(
    *, drop_old: Annotated[bool, Parameter(negative="")] = False, options: Options = NO_OPTIONS
) -> None:
    """
    Make the next key. Everybody knows it before it signs, and what the last one signed is honoured until it expires.

    Parameters
    ----------
    drop_old
        A key was lost: what any key so far has signed is void at once; everybody's next request is refreshed.
    """
    with Gateway(options) as gateway:
        made = gateway.post("/auth/signing-keys/rotate", {"drop_old": drop_old})
    show_json(made) if options.json else print(f"the next key is {made['kid']}")
