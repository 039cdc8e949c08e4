"""Signing keys: replaced by an admin's word, or by themselves when they are old."""

from uuid import UUID

from msgspec import Struct

from orc_runtime.settings import Secret

ROTATE = "orc.auth.signing.rotate"


class Rotate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asked on `ROTATE` by an admin; answered with Rotated or Refused."""

    request_id: UUID
    authority: Secret | None
    drop_old: bool = False
    """The old key is lost: what it signed is void at once, and everybody logs in again."""


class Rotated(Struct, frozen=True, kw_only=True, tag="rotated"):
    """Which key signs next."""

    kid: str
