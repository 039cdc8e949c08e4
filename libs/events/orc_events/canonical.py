"""
What is hashed of an event, byte by byte: the twin of `log.canonical` in the migrations.

    field               form
    position, version, schema_version              int8
    occurred_at, recorded_at                       int8, microseconds since 1970-01-01T00:00:00Z
    command_id, correlation_id                     the 16 bytes of the UUID
    stream, type, actor, data                      UTF-8, `data` exactly as stored

Each field is preceded by its length in bytes as int4, so no two events share their bytes; all integers are
big-endian. `hash = sha256(previous event's hash + bytes)`, beginning with 32 zero bytes. docs/events.md has vectors.
"""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from struct import Struct

from orc_events.event import Recorded

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIXED = Struct(">iqiqiqiqiqi16si16si")
"""All fields of fixed length, each behind its length, and the length of the first text."""
_LENGTH = Struct(">i")


def unix_microseconds(at: datetime) -> int:
    """Return whole microseconds since the Unix epoch; `at` must be aware."""
    return (at - _EPOCH) // _MICROSECOND


def canonical_bytes(event: Recorded) -> bytes:
    """Return the bytes of the event that its hash covers, its own hash not among them."""
    stream, type_ = event.stream.encode(), event.type.encode()
    actor, data = event.actor.encode(), event.data.encode()
    length = _LENGTH.pack
    return b"".join(
        (
            _FIXED.pack(
                *(8, event.position, 8, event.version, 8, event.schema_version),
                *(8, unix_microseconds(event.occurred_at), 8, unix_microseconds(event.recorded_at)),
                *(16, event.command_id.bytes, 16, event.correlation_id.bytes),
                len(stream),
            ),
            stream,
            length(len(type_)),
            type_,
            length(len(actor)),
            actor,
            length(len(data)),
            data,
        )
    )


def link(previous: bytes, event: Recorded) -> bytes:
    """Return the event's hash, given the hash of the event before it (`GENESIS.hash` for the first)."""
    return sha256(previous + canonical_bytes(event)).digest()
