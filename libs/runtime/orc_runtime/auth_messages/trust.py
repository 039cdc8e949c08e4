"""
Trust: what a verifier must know to judge an access token without asking each time.

It is asked for every two seconds, and told to be asked for on `CHANGED`; without it for `STALE_SECONDS` no token is
taken any more. So whatever is ended here is ended everywhere within five seconds, and a new key is known everywhere
before it signs.
"""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

TRUST = "orc.auth.trust"
"""Asked with an empty message; answered with Trust or Refused."""
CHANGED = "orc.auth.revoked"
"""Said when something was ended: ask at once."""

ASK_SECONDS = 2.0
STALE_SECONDS = 4.5
"""Less than the five seconds within which an end is known everywhere; more than two askings."""
KEY_AHEAD_SECONDS = 10.0
"""How long a new key is told before it signs: more than what anybody may still go by."""
ENDED_MAX = 20_000


class PublicKey(Struct, frozen=True, kw_only=True):
    """One key of a JWK Set (RFC 8037)."""

    x: str
    """The public key, base64url without padding."""
    kid: str
    """Its RFC 7638 thumbprint."""
    kty: str = "OKP"
    crv: str = "Ed25519"
    use: str = "sig"
    alg: str = "EdDSA"


class Trust(Struct, frozen=True, kw_only=True, tag="trust"):
    """As far back as a token may live."""

    keys: tuple[PublicKey, ...]
    """Every key that a token still alive may be signed with, and the one that signs next."""
    ended: tuple[UUID, ...]
    """Sessions that were ended."""
    tokens_from: datetime | None = None
    """Too many were ended to be listed: whatever token is older than this is void, and is to be refreshed."""
