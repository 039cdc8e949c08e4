"""
The text of an API key: `orc_<key id>_<secret>_<checksum>`.

    key id      10 characters, public: by it a key is listed, revoked, and named in the log
    secret      52 characters, 256 random bits; only its hash is kept
    checksum    7 characters, CRC-32 of what stands before: a mangled key is refused without asking anybody, and
                who scans texts for leaked keys knows one from what only looks like it

All of them are lower-case base32 (RFC 4648), so that a double click selects the whole.
"""

import base64
import re
import secrets
import zlib

from msgspec import Struct

from orc_runtime.access import API_KEY_PREFIX
from orc_runtime.settings import Secret

KEY_ID_CHARS = 10
SECRET_BYTES = 32
_KEY_ID = re.compile(r"[a-z2-7]{10}")
_KEY = re.compile(
    r"(?P<body>orc_(?P<key_id>[a-z2-7]{10})_(?P<secret>[a-z2-7]{52}))_(?P<checksum>[a-z2-7]{7})"
)


class KeyParts(Struct, frozen=True):
    """What a key consists of."""

    key_id: str
    secret: Secret

    @property
    def text(self) -> Secret:
        """The key as it is sent."""
        body = f"{API_KEY_PREFIX}{self.key_id}_{self.secret.reveal()}"
        return Secret(f"{body}_{_checksum(body)}")


def new_key() -> KeyParts:
    """Return a key that nobody has."""
    return KeyParts(
        _base32(secrets.token_bytes(7))[:KEY_ID_CHARS], Secret(_base32(secrets.token_bytes(SECRET_BYTES)))
    )


def is_key_id(text: str) -> bool:
    """Tell whether a text may be a key's public part: no other is looked for."""
    return _KEY_ID.fullmatch(text) is not None


def parse_key(text: str) -> KeyParts | None:
    """Return the parts of a key; None for a text that is none or was mangled."""
    match = _KEY.fullmatch(text)
    if match is None or match["checksum"] != _checksum(match["body"]):
        return None
    return KeyParts(match["key_id"], Secret(match["secret"]))


def _checksum(body: str) -> str:
    return _base32(zlib.crc32(body.encode()).to_bytes(4))


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()
