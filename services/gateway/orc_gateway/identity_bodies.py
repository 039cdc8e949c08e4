"""Bodies about who is who. They hold passwords and tokens, so none of them shows itself."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from orc_runtime.principal import Role

TOKEN_CHARS_MAX = 512
SCOPES_MAX = 64
SECRET_CHARS_MAX = 65_536

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


class TicketBody(Unshown, frozen=True, forbid_unknown_fields=True):
    """What a program waited for, and its secret."""

    ticket: OpaqueToken
    verifier: OpaqueToken


class LogOutBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A session ends."""

    everywhere: bool = False
    """All sessions of the person, on every machine."""


class RotateBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The next signing key."""

    drop_old: bool = False
    """The old ones are lost: what they signed is void at once."""


class BootstrapBody(Unshown, frozen=True, forbid_unknown_fields=True):
    """Who is to be the first admin, and by which secret."""

    secret: OpaqueToken
    username: str
    password: str


class NewUserBody(Unshown, frozen=True, forbid_unknown_fields=True):
    """An account an admin makes."""

    username: str
    password: str
    role: Role = "viewer"


class ChangeUserBody(Unshown, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change of an account; what is left out stays."""

    role: Role | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    """Whether it may log in, and its keys be used."""
    password: str | UnsetType = UNSET
    """A new one, given to the person by other means."""


class PasswordBody(Unshown, frozen=True, forbid_unknown_fields=True):
    """One's own password."""

    old: str
    new: str


class SecretBody(Unshown, frozen=True, forbid_unknown_fields=True):
    """What a secret is to hold."""

    value: Annotated[str, Meta(min_length=1, max_length=SECRET_CHARS_MAX)]
    """64 KiB as UTF-8 at most, without NUL."""


class NewKeyBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An API key that one wants."""

    name: str
    """What it is for."""
    scopes: Annotated[tuple[str, ...], Meta(min_length=1, max_length=SCOPES_MAX)]
    """What it may, as far as its owner may; as `jobs:read`, `runs:*`, `*`."""
    expires_at: datetime | None = None
    """RFC 3339 with an offset, ten years ahead at most; without it, in 90 days."""
