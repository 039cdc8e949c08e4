"""
The envelope of an event: what the log stores beside the event's own data.

Three numbers must never be mixed, so each has a type: a `Version` counts within one stream, a `Position` within
the whole log, both from 1 without gaps; an expected version of 0 says that the stream must not exist yet.
"""

from datetime import datetime
from typing import Literal, NewType
from uuid import UUID

from msgspec import Struct

StreamName = NewType("StreamName", str)
Version = NewType("Version", int)
Position = NewType("Position", int)

NO_STREAM = Version(0)
"""The expected version of a stream that must not exist yet."""


class NewEvent(Struct, frozen=True, gc=False):
    """An event before the log gave it a place."""

    type: str
    """Wire type, past tense, as `run.requested`."""
    data: str
    """JSON text, stored and hashed exactly as it stands here."""
    schema_version: int = 1


class Recorded(Struct, frozen=True, gc=False):
    """An event as the log holds it; no field ever changes."""

    position: Position
    stream: StreamName
    version: Version
    type: str
    schema_version: int
    data: str
    actor: str
    """Who wanted it: `user:<name>`, `anonymous`, `scheduler`, `executor:<name>`."""
    command_id: UUID
    correlation_id: UUID
    """The same for all that followed from one cause."""
    occurred_at: datetime
    """By the decider's clock, UTC."""
    recorded_at: datetime
    """By the database's clock, UTC; never decreases with position."""
    hash: bytes
    """SHA-256 over the previous event's hash and this event's canonical bytes."""


class Append(Struct, frozen=True, kw_only=True):
    """What one command appends to one stream."""

    command_id: UUID
    """The log appends for one command id once, ever; a repeat returns what was recorded."""
    body_hash: bytes
    """SHA-256 of what was wished; the same command id with another hash is refused."""
    stream: StreamName
    expected_version: Version
    events: tuple[NewEvent, ...]
    actor: str
    correlation_id: UUID
    occurred_at: datetime
    result: str | None = None
    """JSON text of the answer, returned again to whoever repeats the command."""
    deadline: datetime | None = None
    """By database time; past it the command is recorded as expired and nothing is appended."""


class Appended(Struct, frozen=True, kw_only=True):
    """What became of an `Append`."""

    command_id: UUID
    position: Position
    """Position of its last event."""
    version: Version
    """Version of the stream after it."""
    result: str | None
    repeated: bool
    """True when the command was already known, so nothing was appended now."""


class CommandRecord(Struct, frozen=True, kw_only=True):
    """What the log remembers of a command id."""

    command_id: UUID
    body_hash: bytes
    state: Literal["appended", "expired"]
    position: Position | None
    """Position of its last event; None when it expired."""
    version: Version | None
    result: str | None


class Head(Struct, frozen=True):
    """Where the log ends."""

    position: Position
    hash: bytes
    """Of the event at that position."""


GENESIS = Head(Position(0), bytes(32))
"""The head of an empty log: the first event's hash follows from 32 zero bytes."""
