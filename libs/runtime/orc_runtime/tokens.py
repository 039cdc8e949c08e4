"""
Verifying access tokens: for the processes that have the pyjwt extra, the gateway and auth.

A token is a JWT as RFC 9068 has it, signed with EdDSA. The verifier alone chooses the algorithm and the key (RFC 8725);
the library checks neither `typ` nor that a claim is there unless told to, and takes the last of two claims of one name,
so all of that is said here.
"""

import json
import re
from datetime import datetime
from typing import Any
from uuid import UUID

import jwt
import msgspec
from jwt.utils import base64url_decode
from msgspec import Struct

from orc_runtime.auth_messages.trust import Trust
from orc_runtime.principal import Principal, Role

ALGORITHM = "EdDSA"
TYPE = "at+jwt"
ISSUER = "orc"
AUDIENCE = "orc"
REQUIRED = ("iss", "aud", "sub", "user_id", "role", "sid", "iat", "nbf", "exp", "jti")
HEADERS = {"alg", "typ", "kid"}
"""And no other: a key that a token brings along is nobody's."""
TOKEN_CHARS_MAX = 4096
LIFE_SECONDS_MAX = 3_600
"""What was signed to live longer was not signed by us."""
LEEWAY_SECONDS = 10
"""How far the clocks of auth and of a verifier may differ."""


_FORM = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
"""Three parts of base64url without padding, so that a token can be written in one way."""


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
    exp: int


class Verifier:
    """Checks tokens against what it was made with; make a new one when that changes."""

    def __init__(self, trust: Trust) -> None:
        self._keys = {key.kid: jwt.PyJWK(msgspec.to_builtins(key), algorithm=ALGORITHM) for key in trust.keys}
        self._ended = frozenset(trust.ended)
        self._tokens_from: datetime | None = trust.tokens_from

    def verify(self, token: str) -> Principal:
        """Return whom the token speaks for; raises InvalidToken, and UnknownKey when only the key is not known."""
        if len(token) > TOKEN_CHARS_MAX or not _FORM.fullmatch(token):
            raise InvalidToken
        try:
            header = jwt.get_unverified_header(token)
            if set(header) != HEADERS or header["typ"] != TYPE or header["alg"] != ALGORITHM:
                raise InvalidToken
            if (key := self._keys.get(header["kid"])) is None:
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
            _refuse_twins(token)
            claims = msgspec.convert(payload, _Claims)
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError, TypeError) as error:
            raise InvalidToken from error
        if claims.exp - claims.iat > LIFE_SECONDS_MAX:
            raise InvalidToken
        if claims.sid in self._ended or self._is_too_old(claims.iat):
            raise InvalidToken
        return Principal(subject=claims.sub, user_id=claims.user_id, role=claims.role, session_id=claims.sid)

    def _is_too_old(self, issued_at: int) -> bool:
        return self._tokens_from is not None and issued_at <= self._tokens_from.timestamp()


def _refuse_twins(token: str) -> None:
    """Raise ValueError when two claims have one name: readers differ on which of them counts."""

    def judge(pairs: list[tuple[str, Any]]) -> None:
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError("a claim is there twice")

    json.loads(base64url_decode(token.split(".")[1]), object_pairs_hook=judge)
