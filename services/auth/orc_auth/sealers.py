"""
Sealers: how signing keys rest in the database, in clear or sealed by a master key.

A sealed one is all of its parts in one: a mark, the master key's id, the wrapped data key, the sealed key. It is never
as short as a key in clear, so the two are told apart by their length.
"""

from orc_auth.signing import Clear
from orc_runtime.master_keys import KEY_BYTES
from orc_runtime.sealing import WRAPPED_BYTES, CannotOpen, Label, Sealed, Sealing

PURPOSE = "signing-key"
MARK = b"orc\x01"


class NoMasterKey(Clear):
    """Leaves keys in clear, and says what is missing for one that is not."""

    def open(self, name: str, data: bytes) -> bytes:
        """Return it as it is; raises CannotOpen when it was sealed."""
        if len(data) != KEY_BYTES:
            raise CannotOpen(
                f"the signing key {name} is sealed by the master key {_parts(data).master_key_id}"
            )
        return super().open(name, data)


class MasterSealer:
    """Seals keys by the newest master key."""

    def __init__(self, sealing: Sealing) -> None:
        self._sealing = sealing

    def seal(self, name: str, data: bytes) -> bytes:
        """Return what may rest."""
        sealed = self._sealing.seal(Label(PURPOSE, name), data)
        key_id = sealed.master_key_id.encode()
        return MARK + bytes([len(key_id)]) + key_id + sealed.wrapped_key + sealed.data

    def open(self, name: str, data: bytes) -> bytes:
        """Return what was sealed under the name, and what never was as it is; raises CannotOpen."""
        if len(data) == KEY_BYTES:
            return data
        return self._sealing.open(Label(PURPOSE, name), _parts(data))

    def is_newest(self, data: bytes) -> bool:
        """Tell whether it is sealed, and by the newest master key."""
        return len(data) != KEY_BYTES and _parts(data).master_key_id == self._sealing.newest


def is_clear(data: bytes) -> bool:
    """Tell whether a key rests in clear."""
    return len(data) == KEY_BYTES


def _parts(data: bytes) -> Sealed:
    start = len(MARK) + 1
    if data[: len(MARK)] != MARK or len(data) < start:
        raise CannotOpen("a signing key rests in a format that this version does not know")
    end = start + data[len(MARK)]
    wrapped, rest = data[end : end + WRAPPED_BYTES], data[end + WRAPPED_BYTES :]
    return Sealed(rest, wrapped, data[start:end].decode("ascii", "replace"))
