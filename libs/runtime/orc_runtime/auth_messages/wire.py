"""How a message goes through the wire, and the answer that every question may get: that it is refused."""

from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct

from orc_runtime.settings import Secret

QUEUE = "auth"
"""The queue group: each request goes to one of the auth processes."""

M = TypeVar("M")


class Refused(Struct, frozen=True, kw_only=True, tag="refused"):
    """Nothing was done, and why."""

    kind: Literal["invalid", "unauthorized", "forbidden", "not-found", "conflict", "busy", "unavailable"]
    """REST: 400, 401, 403, 404, 409, 429, 503."""
    code: str
    """Stable, for machines: `username-taken`, `bad-credentials`, `registration-closed`, ..."""
    detail: str
    field: str | None = None
    valid: str | None = None
    """What would be valid in the field."""
    retry_seconds: int | None = None
    """When `busy`: how long to wait before asking again."""


class Done(Struct, frozen=True, tag="done"):
    """It is so now, and there is nothing more to say."""


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
