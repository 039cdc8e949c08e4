"""
Sealing: what rests in a database so that whoever reads it, or a backup of it, learns nothing.

    value     AES-256-GCM under a data key of its own, made by chance
    data key  AES-256-GCM under the master key

Both are bound to what they are of (a purpose, a name, a version), so that none can stand in another's place. Another
master key takes over by wrapping the data key anew; the value is not touched. For the processes that have the
`cryptography` package: auth and the executor.
"""

import hashlib
import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from orc_runtime.master_keys import KEY_BYTES, MasterKey

FORMAT = b"\x01"
"""The first byte of all that is sealed; another way to seal will have another."""
NONCE_BYTES, TAG_BYTES = 12, 16
WRAPPED_BYTES = len(FORMAT) + NONCE_BYTES + KEY_BYTES + TAG_BYTES
OVERHEAD_BYTES = len(FORMAT) + NONCE_BYTES + TAG_BYTES
"""How much longer than the value its sealed form is."""
FINGERPRINT_BYTES = 16
SECRET = "secret"  # noqa: S105 - what a label says that secrets of jobs are sealed for


class Label(Struct, frozen=True):
    """What a sealed value is of; it opens under no other."""

    purpose: str
    name: str
    version: int = 1

    def bound(self, part: str) -> bytes:
        """Return what a part of it is bound to; no field can hold a NUL."""
        return "\0".join(("orc", part, self.purpose, self.name, str(self.version))).encode()


class Sealed(Struct, frozen=True):
    """A value at rest."""

    data: bytes
    wrapped_key: bytes
    master_key_id: str


class CannotOpen(Exception):
    """It was sealed by a key that is not here, or is not what was sealed; says which, and nothing of the value."""


class Sealing:
    """Seals with the first master key, opens with any."""

    def __init__(self, keys: Sequence[MasterKey]) -> None:
        """Take at least one key."""
        self._wrapping = {key.key_id: AESGCM(_derived(key, b"wrap")) for key in keys}
        self._fingerprints = _derived(keys[0], b"fingerprint")
        self.newest = keys[0].key_id
        self.key_ids = tuple(self._wrapping)

    def seal(self, label: Label, value: bytes) -> Sealed:
        """Return the value as it may rest."""
        key = os.urandom(KEY_BYTES)
        data = _encrypt(AESGCM(key), value, label.bound("value"))
        return Sealed(data, self._wrap(label, key), self.newest)

    def open(self, label: Label, sealed: Sealed) -> bytes:
        """Return the value; raises CannotOpen."""
        return _decrypt(AESGCM(self._unwrap(label, sealed)), sealed.data, label, "value")

    def rewrap(self, label: Label, sealed: Sealed) -> Sealed:
        """Return the same under the newest master key; raises CannotOpen."""
        return Sealed(sealed.data, self._wrap(label, self._unwrap(label, sealed)), self.newest)

    def fingerprint(self, label: Label, value: bytes) -> str:
        """Return what is the same for the same value under one name and one master key, and tells nothing else."""
        # Whoever has no master key cannot try values, however few there may be.
        bound = f"{label.purpose}\0{label.name}\0".encode()
        digest = hmac.digest(self._fingerprints, bound + value, "sha256")
        return f"{self.newest}:{digest[:FINGERPRINT_BYTES].hex()}"

    def _wrap(self, label: Label, key: bytes) -> bytes:
        return _encrypt(self._wrapping[self.newest], key, label.bound("key"))

    def _unwrap(self, label: Label, sealed: Sealed) -> bytes:
        wrapping = self._wrapping.get(sealed.master_key_id)
        if wrapping is None:
            raise CannotOpen(
                f"it is sealed by the master key {sealed.master_key_id}, and here are {', '.join(self.key_ids)}"
            )
        return _decrypt(wrapping, sealed.wrapped_key, label, "key")


def _derived(key: MasterKey, use: bytes) -> bytes:
    """Return a key for one use alone (HKDF's expand step, RFC 5869, of one block)."""
    return hmac.digest(key.data, b"orc " + use + b"\x01", hashlib.sha256)


def _encrypt(cipher: AESGCM, value: bytes, bound: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return FORMAT + nonce + cipher.encrypt(nonce, value, bound)


def _decrypt(cipher: AESGCM, sealed: bytes, label: Label, part: str) -> bytes:
    nonce, text = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    if sealed[:1] != FORMAT or len(text) < TAG_BYTES:
        raise CannotOpen("it is in a format that this version does not know")
    try:
        return cipher.decrypt(nonce, text, label.bound(part))
    except InvalidTag as error:
        raise CannotOpen("it is not what was sealed under this name and version") from error
