"""
What the gateway asks the auth service over core NATS, and what it answers.

Request and reply only, never a stream: these messages hold passwords and tokens. Both are `Secret`s, so that
printing a message shows neither; `encode` and `decode` are the one place where they go through the wire.
"""

from datetime import datetime
from typing import Any, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct

from orc_runtime.settings import Secret

REGISTER = "orc.auth.register"
LOG_IN = "orc.auth.login"
JWKS = "orc.auth.jwks"
QUEUE = "auth"
"""The queue group: each request goes to one of the auth processes."""

M = TypeVar("M")


class RegisterUser(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asked on `REGISTER`; answered with Registered or Refused."""

    request_id: UUID
    """The same for every repeat of one wish, fresh for another: the account is made once."""
    username: str
    password: Secret
    authority: Secret | None = None
    """The bearer credential the request came with: an admin's token, or the one-time bootstrap secret."""


class LogIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asked on `LOG_IN`; answered with LoggedIn or Refused."""

    username: str
    password: Secret


class Registered(Struct, frozen=True, kw_only=True, tag="registered"):
    """The account as REST shows it."""

    user_id: UUID
    username: str
    """Trimmed and normalised; differs from what was asked for at most in that."""
    created_at: datetime
    updated_at: datetime


class LoggedIn(Struct, frozen=True, kw_only=True, tag="logged-in"):
    """The password was right."""

    token: Secret


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


class Keys(Struct, frozen=True, kw_only=True, tag="keys"):
    """Answered on `JWKS`, whose request is empty: every key a token still alive may be signed with."""

    keys: tuple[PublicKey, ...]


class Refused(Struct, frozen=True, kw_only=True, tag="refused"):
    """Nothing was done, and why."""

    kind: Literal["invalid", "unauthorized", "forbidden", "conflict", "busy", "unavailable"]
    """REST: 400, 401, 403, 409, 429, 503."""
    code: str
    """Stable, for machines: `username-taken`, `bad-credentials`, `registration-closed`, ..."""
    detail: str
    field: str | None = None


def encode(message: Struct) -> bytes:
    """Write a message as JSON, secrets included: for the wire alone."""
    return msgspec.json.encode(message, enc_hook=_reveal)


def decode(data: bytes, into: type[M] | Any) -> M:
    """Read one of the messages (or a union of answers); raises msgspec.MsgspecError when it is none."""
    message: M = msgspec.json.decode(data, type=into, dec_hook=_conceal)
    return message


def _reveal(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError(f"no wire form for {type(value).__name__}")


def _conceal(kind: type, value: Any) -> Any:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise msgspec.ValidationError(f"Expected `str`, got `{type(value).__name__}`")
