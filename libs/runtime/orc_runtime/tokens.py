"""
Verifying access tokens: for the processes that have the pyjwt extra, the gateway and auth.

A token is a JWT as RFC 9068 has it, signed with EdDSA. The verifier alone chooses the algorithm (RFC 8725); the
library checks neither `typ` nor that a claim is there unless told to, so both are said here.
"""

from datetime import datetime
from uuid import UUID

import jwt
import msgspec
from msgspec import Struct

from orc_runtime.auth_messages.trust import Trust
from orc_runtime.principal import Principal, Role

ALGORITHM = "EdDSA"
TYPE = "at+jwt"
ISSUER = "orc"
AUDIENCE = "orc"
REQUIRED = ("iss", "aud", "sub", "user_id", "role", "sid", "iat", "nbf", "exp", "jti")
TOKEN_CHARS_MAX = 4096
LEEWAY_SECONDS = 10
"""How far the clocks of auth and of a verifier may differ."""


class InvalidToken(Exception):
    """The token is not one of ours, or no longer; one message for all reasons, so that it teaches nothing."""

    def __init__(self) -> None:
        super().__init__("the token is invalid or has expired")


class UnknownKey(InvalidToken):
    """It names a key the verifier has not heard of: worth asking auth for its keys again, but not too often."""


class _Claims(Struct, frozen=True):
    sub: str
    user_id: UUID
    role: Role
    sid: UUID
    iat: int


class Verifier:
    """Checks tokens against what it was made with; make a new one when that changes."""

    def __init__(self, trust: Trust) -> None:
        self._keys = {key.kid: jwt.PyJWK(msgspec.to_builtins(key), algorithm=ALGORITHM) for key in trust.keys}
        self._ended = frozenset(trust.ended)
        self._tokens_from: datetime | None = trust.tokens_from

    def verify(self, token: str) -> Principal:
        """Return whom the token speaks for; raises InvalidToken, and UnknownKey when only the key is not known."""
        if len(token) > TOKEN_CHARS_MAX:
            raise InvalidToken
        try:
            header = jwt.get_unverified_header(token)
            if header.get("typ") != TYPE or header.get("alg") != ALGORITHM:
                raise InvalidToken
            if (key := self._keys.get(header.get("kid", ""))) is None:
                raise UnknownKey
            payload = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                leeway=LEEWAY_SECONDS,
                options={"require": list(REQUIRED)},
            )
            claims = msgspec.convert(payload, _Claims)
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError, TypeError) as error:
            raise InvalidToken from error
        if claims.sid in self._ended or self._is_too_old(claims.iat):
            raise InvalidToken
        return Principal(subject=claims.sub, user_id=claims.user_id, role=claims.role, session_id=claims.sid)

    def _is_too_old(self, issued_at: int) -> bool:
        return self._tokens_from is not None and issued_at <= self._tokens_from.timestamp()
