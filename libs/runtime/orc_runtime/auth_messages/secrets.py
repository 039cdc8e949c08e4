"""Secrets of jobs: set and deleted by an admin, listed by name, and never told."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from orc_runtime.settings import Secret

SET_SECRET = "orc.auth.secrets.set"  # noqa: S105 - a subject
LIST_SECRETS = "orc.auth.secrets.list"
DELETE_SECRET = "orc.auth.secrets.delete"  # noqa: S105 - a subject
REWRAP_SECRETS = "orc.auth.secrets.rewrap"


class SetSecret(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asked on `SET_SECRET` by an admin; answered with StoredSecret or Refused."""

    request_id: UUID
    authority: Secret | None
    name: str
    value: Secret


class ListSecrets(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asked on `LIST_SECRETS` by an operator; answered with SecretList or Refused."""

    authority: Secret | None


class DeleteSecret(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asked on `DELETE_SECRET` by an admin; answered with Done or Refused."""

    request_id: UUID
    authority: Secret | None
    name: str


class RewrapSecrets(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asked on `REWRAP_SECRETS` by an admin; answered with Rewrapped or Refused."""

    request_id: UUID
    authority: Secret | None


class StoredSecret(Struct, frozen=True, kw_only=True, tag="stored-secret"):
    """That there is a secret, and nothing of what it holds."""

    name: str
    version: int
    """One more whenever it has another value."""
    updated_at: datetime
    updated_by: str
    """As the log names whoever did it."""
    master_key_id: str
    """The master key that it is sealed by."""


class SecretList(Struct, frozen=True, kw_only=True, tag="secrets"):
    """By name."""

    secrets: tuple[StoredSecret, ...]


class Rewrapped(Struct, frozen=True, kw_only=True, tag="rewrapped"):
    """What is sealed by the newest master key now."""

    master_key_id: str
    rewrapped: int
    """Secrets that were sealed by an older one until now."""
    signing_keys: int
    """Signing keys likewise."""
    left: int
    """What still is; asking again goes on, unless it is among the `unopened`."""
    unopened: tuple[str, ...]
    """Secrets that no key here opens: set them anew."""
