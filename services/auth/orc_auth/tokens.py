"""Access tokens: JWTs as RFC 9068 has them, signed with the key of the moment."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import jwt
from msgspec import Struct

from orc_auth.signing import SigningKey
from orc_runtime.principal import Role
from orc_runtime.settings import Secret
from orc_runtime.tokens import ALGORITHM, AUDIENCE, ISSUER, TYPE


class Bearer(Struct, frozen=True, kw_only=True):
    """Whom a token speaks for."""

    user_id: UUID
    username: str
    role: Role
    session_id: UUID


def issue(key: SigningKey, bearer: Bearer, *, now: datetime, expires_at: datetime) -> Secret:
    """Sign an access token that is good from `now` until it expires."""
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": f"user:{bearer.username}",
        "user_id": str(bearer.user_id),
        "role": bearer.role,
        "sid": str(bearer.session_id),
        "iat": now,
        "nbf": now,
        "exp": expires_at,
        "jti": str(uuid4()),
    }
    return Secret(jwt.encode(claims, key.private, ALGORITHM, headers={"typ": TYPE, "kid": key.kid}))


def life(now: datetime, seconds: int, session_expires_at: datetime) -> datetime:
    """Return when a token issued now expires: never after its session."""
    return min(now + timedelta(seconds=seconds), session_expires_at)
