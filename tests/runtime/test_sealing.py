"""What is sealed opens by its master key under its own name and version, and in no other way."""

import itertools

import msgspec
import pytest

from orc_runtime.master_keys import new_master_key
from orc_runtime.sealing import OVERHEAD_BYTES, WRAPPED_BYTES, CannotOpen, Label, Sealed, Sealing

VALUE = b"what the other side gave"
LABEL = Label("secret", "github-token", 3)
OLD, NEW = new_master_key("old"), new_master_key("new")


def test_it_opens_as_what_it_was():
    """The value comes back, nothing of it shows, and no two seals of it are alike."""
    sealing = Sealing([NEW, OLD])
    first, second = sealing.seal(LABEL, VALUE), sealing.seal(LABEL, VALUE)
    assert (sealing.open(LABEL, first), first.master_key_id) == (VALUE, "new")
    assert (len(first.data), len(first.wrapped_key)) == (len(VALUE) + OVERHEAD_BYTES, WRAPPED_BYTES)
    assert VALUE not in first.data
    assert (first.data, first.wrapped_key) != (second.data, second.wrapped_key)


@pytest.mark.parametrize(
    "other",
    [
        Label("secret", "other", 3),
        Label("secret", "github-token", 2),
        Label("signing-key", "github-token", 3),
    ],
)
def test_it_cannot_be_passed_off_as_another(other):
    """Moved to another name, version or purpose it does not open, nor do halves of two that are mixed."""
    sealing = Sealing([NEW])
    mine, theirs = sealing.seal(LABEL, VALUE), sealing.seal(other, b"another value")
    for sealed in (
        mine,
        Sealed(mine.data, theirs.wrapped_key, "new"),
        Sealed(theirs.data, mine.wrapped_key, "new"),
    ):
        with pytest.raises(CannotOpen):
            sealing.open(other, sealed)


def test_a_changed_bit_is_noticed():
    """Wherever it is, the format's own byte included."""
    sealing = Sealing([NEW])
    sealed = sealing.seal(LABEL, VALUE)
    for part, place in itertools.product(("data", "wrapped_key"), (0, 1, 13, -1)):
        changed = bytearray(getattr(sealed, part))
        changed[place] ^= 1
        with pytest.raises(CannotOpen):
            sealing.open(LABEL, msgspec.structs.replace(sealed, **{part: bytes(changed)}))
    for short in (b"", b"\x01", sealed.data[:20]):
        with pytest.raises(CannotOpen):
            sealing.open(LABEL, msgspec.structs.replace(sealed, data=short))


def test_another_master_key_takes_over():
    """Sealed anew it needs the old key no more, and the value's own ciphertext is as before."""
    sealed = Sealing([OLD]).seal(LABEL, VALUE)
    anew = Sealing([NEW, OLD]).rewrap(LABEL, sealed)
    assert (anew.data, anew.master_key_id) == (sealed.data, "new")
    assert Sealing([NEW]).open(LABEL, anew) == VALUE
    with pytest.raises(CannotOpen, match="sealed by the master key old, and here are new"):
        Sealing([NEW]).open(LABEL, sealed)
    with pytest.raises(CannotOpen):
        Sealing([new_master_key("old")]).open(LABEL, sealed)


def test_a_fingerprint_tells_only_whether_it_is_the_same():
    """The same for the same value, whatever its version; another for another name, or by another key."""
    sealing = Sealing([NEW, OLD])
    print_ = sealing.fingerprint(LABEL, VALUE)
    assert print_ == sealing.fingerprint(Label("secret", "github-token", 9), VALUE)
    others = [
        sealing.fingerprint(LABEL, b"x"),
        sealing.fingerprint(Label("secret", "other", 3), VALUE),
        Sealing([OLD]).fingerprint(LABEL, VALUE),
        Sealing([new_master_key("new")]).fingerprint(LABEL, VALUE),
    ]
    assert len({print_, *others}) == 5
