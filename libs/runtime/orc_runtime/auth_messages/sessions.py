"""Sessions: opened by a password, carried on by refresh tokens, each good for one use, and ended."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from orc_runtime.settings import Secret

LOG_IN = "orc.auth.login"
REFRESH = "orc.auth.refresh"
LOG_OUT = "orc.auth.logout"


class LogIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asked on `LOG_IN`; answered with Opened or Refused."""

    request_id: UUID
    username: str
    password: Secret
    address: str
    """Where it is asked from, for the throttle."""


class Refresh(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asked on `REFRESH`; answered with Opened or Refused. A token that was used already ends the session."""

    request_id: UUID
    refresh_token: Secret


class LogOut(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asked on `LOG_OUT`; answered with Done or Refused."""

    request_id: UUID
    authority: Secret
    """An access token: of the session that ends, or of the person whose sessions end."""
    which: Literal["this", "all"] = "this"


class Opened(Struct, frozen=True, kw_only=True, tag="opened"):
    """A session goes on: what to send from now on."""

    token: Secret
    """The access token."""
    expires_at: datetime
    """When the access token does."""
    refresh_token: Secret
    """For one use."""
