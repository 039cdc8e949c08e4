"""Bodies about who is who. They hold passwords and tokens, so none of them shows itself."""

from typing import Annotated

from msgspec import Meta, Struct

TOKEN_CHARS_MAX = 512

OpaqueToken = Annotated[str, Meta(min_length=1, max_length=TOKEN_CHARS_MAX)]


class Unshown(Struct, frozen=True):
    """Base of a body whose repr is empty."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"


class Credentials(Unshown, frozen=True, forbid_unknown_fields=True):
    """Who wants an account or a token."""

    username: str
    password: str


class RefreshBody(Unshown, frozen=True, forbid_unknown_fields=True):
    """A session goes on."""

    refresh_token: OpaqueToken


class LogOutBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A session ends."""

    everywhere: bool = False
    """All sessions of the person, on every machine."""


class RotateBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The next signing key."""

    drop_old: bool = False
    """The old ones are lost: what they signed is void at once."""
