"""Logins that an OpenID Connect provider vouches for: begun here, finished there, ended here."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from orc_runtime.settings import Secret

BEGIN = "orc.auth.oidc.begin"
FINISH = "orc.auth.oidc.finish"
REDEEM = "orc.auth.oidc.redeem"

Port = Annotated[int, Meta(ge=1024, le=65535)]
Challenge = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}\Z")]
"""Base64url of a SHA-256 (RFC 7636, S256)."""


class Listener(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A program on the person's own machine that waits for the end of a login (RFC 8252)."""

    port: Port
    """Of 127.0.0.1."""
    challenge: Challenge


class Begin(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asked on `BEGIN`; answered with Begun or Refused."""

    listener: Listener | None


class Begun(Struct, frozen=True, kw_only=True, tag="begun"):
    """Where the browser goes, and what it must bring back."""

    url: str
    browser: Secret
    """Kept by the browser as a cookie: a login that was begun elsewhere cannot be finished here."""
    is_secure: bool
    """Whether the browser comes back over https."""


class Finish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asked on `FINISH`, with what the provider sent the browser back with; answered with Opened, Ticket or Refused."""

    request_id: UUID
    state: Secret
    code: Secret
    browser: Secret
    issuer: str | None
    """Who says that it sent the browser (RFC 9207), if anybody does."""


class Ticket(Struct, frozen=True, kw_only=True, tag="ticket"):
    """For the program that listens: redeemed for tokens, so that none ever stands in a URL."""

    ticket: Secret
    port: int


class Redeem(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asked on `REDEEM`; answered with Opened or Refused."""

    request_id: UUID
    ticket: Secret
    verifier: Secret
    """What the challenge is the hash of."""
