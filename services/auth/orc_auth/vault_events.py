"""What the vault says in the log: that a secret was set, deleted or sealed anew; nothing of what it holds."""

from typing import ClassVar

from msgspec import Struct


class SecretSet(Struct, frozen=True, tag="secret.set"):
    """It has another value from now on."""

    SCHEMA_VERSION: ClassVar[int] = 1

    name: str
    version: int
    fingerprint: str
    """The same as an earlier one: so is the value. Made with the master key, so that nobody else can try values."""


class SecretDeleted(Struct, frozen=True, tag="secret.deleted"):
    """It is not there any more."""

    SCHEMA_VERSION: ClassVar[int] = 1

    name: str
    version: int


class SecretRewrapped(Struct, frozen=True, tag="secret.rewrapped"):
    """The same value is sealed by another master key."""

    SCHEMA_VERSION: ClassVar[int] = 1

    name: str
    version: int
    master_key_id: str
    fingerprint: str
    """Of the same value, by the new key."""


VaultEvent = SecretSet | SecretDeleted | SecretRewrapped
