"""Usernames: what one may be, and when two are the same."""

import unicodedata

from msgspec import Struct

from orc_auth.denial import Denied

USERNAME_CHARS_MAX = 64
USERNAME_BYTES_MAX = 235
"""As UTF-8: an actor of the log, `user:<name>/key:<key_id>`, has 255 bytes at most."""
KEY_MARK = "/key:"
"""What follows it in an actor is an API key; in a name it would let one account look like another's key."""


class Username(Struct, frozen=True):
    """A name that was judged."""

    shown: str
    """Trimmed, NFKC, printable."""
    key: str
    """Case folded: names with equal keys are the same name."""


def read_username(text: str) -> Username:
    """Judge and normalise a name; raises Denied (invalid) saying what would be valid."""
    # Length first: normalising makes some characters eighteen times longer.
    if len(text) > USERNAME_CHARS_MAX:
        raise _invalid()
    shown = unicodedata.normalize("NFKC", text).strip()
    # Printable excludes control and format characters, lone surrogates, and every separator but the space.
    if not 1 <= len(shown) <= USERNAME_CHARS_MAX or not shown.isprintable():
        raise _invalid()
    if len(shown.encode()) > USERNAME_BYTES_MAX:
        raise _invalid()
    key = unicodedata.normalize("NFKC", shown.casefold())
    if KEY_MARK in key:
        raise _invalid()
    return Username(shown, key)


def _invalid() -> Denied:
    return Denied(
        "invalid",
        "invalid-username",
        f"a username has 1 to {USERNAME_CHARS_MAX} visible characters and {USERNAME_BYTES_MAX} bytes at most, "
        f"and no {KEY_MARK}",
        "username",
    )
