"""`orc password`: change one's own password."""

from orc.client import Gateway
from orc.options import NO_OPTIONS, Options
from orc.output import show_json
from orc.passwords import Stdin, ask_password
from orc.tokens import keep_tokens


def password(*, password_stdin: Stdin = False, options: Options = NO_OPTIONS) -> None:
    """
    Change your password; all of your sessions end, so log in again.

    Parameters
    ----------
    password_stdin
        Read the old and the new one from standard input, a line each, instead of asking for them.
    """
    old = ask_password("old password", from_stdin=password_stdin)
    new = ask_password("new password", from_stdin=password_stdin, again=True)
    with Gateway(options) as gateway:
        gateway.post("/auth/password", {"old": old, "new": new})
    keep_tokens(options.home, options.gateway, None)
    show_json({"logged_in": False}) if options.json else print("changed: log in again with orc login")
