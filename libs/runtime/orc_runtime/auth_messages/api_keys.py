"""API keys: made once, shown once, known by their hash."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from orc_runtime.principal import Principal
from orc_runtime.settings import Secret

ADD_KEY = "orc.auth.keys.add"
LIST_KEYS = "orc.auth.keys.list"
REVOKE_KEY = "orc.auth.keys.revoke"
WHOSE_KEY = "orc.auth.keys.whose"


class AddKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asked on `ADD_KEY`; answered with AddedKey or Refused."""

    request_id: UUID
    authority: Secret
    """An access token; a key makes no keys."""
    name: str
    scopes: tuple[str, ...]
    """What it may at most, beside what its owner's role allows; `orc_runtime.access.SCOPES`."""
    expires_at: datetime | None


class ListKeys(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asked on `LIST_KEYS`: one's own, or an admin's everybody's; answered with KeyList or Refused."""

    authority: Secret | None
    everybody: bool = False


class RevokeKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asked on `REVOKE_KEY` by its owner or an admin; answered with Done or Refused."""

    request_id: UUID
    authority: Secret | None
    key_id: str


class WhoseKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asked on `WHOSE_KEY`; answered with KeyOwner or Refused (unauthorized)."""

    key: Secret


class KeyOwner(Struct, frozen=True, kw_only=True, tag="key-owner"):
    """Whom a key speaks for."""

    principal: Principal


class ApiKey(Struct, frozen=True, kw_only=True, tag="key"):
    """A key as REST shows it: never the key itself."""

    key_id: str
    """Its public part, by which it is told from others."""
    name: str
    username: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class AddedKey(Struct, frozen=True, kw_only=True, tag="added-key"):
    """The only time the key is told."""

    key: Secret
    about: ApiKey


class KeyList(Struct, frozen=True, kw_only=True, tag="keys"):
    """Newest first."""

    keys: tuple[ApiKey, ...]
