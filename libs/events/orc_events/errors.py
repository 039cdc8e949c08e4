"""
What can go wrong with the log and the bus.

    EventsError                never raised itself
    ├── LogError
    │   ├── VersionConflict    another writer appended to the stream first: decide again
    │   ├── CommandConflict    the command id is known with another body
    │   ├── CommandExpired     the deadline passed before the append; recorded, nothing appended
    │   ├── TypeNotAllowed     the session's role may not append this type
    │   ├── NotStorable        the event or its envelope holds what the log refuses to keep
    │   ├── LogUnavailable     the outcome is unknown or the database cannot be reached
    │   ├── GapFound           positions do not follow one another: a bug, stop
    │   └── ChainBroken        an event's hash does not follow from its predecessor's
    ├── LeaseLost              another follower holds the checkpoint now
    ├── UnknownEvent           no class is known for a wire type
    └── BusUnavailable         NATS cannot be reached or did not answer in time
        └── NoAnswer           the message may have been taken; nobody answered in time
"""

from uuid import UUID

from orc_events.event import Position, StreamName, Version


class EventsError(Exception):
    """Base of all errors of the log and the bus."""


class LogError(EventsError):
    """Base of what the log answers."""


class VersionConflict(LogError):
    """Another writer appended to the stream first."""

    def __init__(self, stream: StreamName, expected: Version, actual: Version) -> None:
        super().__init__(f"{stream}: expected version {expected}, found {actual}")
        self.stream, self.expected, self.actual = stream, expected, actual


class CommandConflict(LogError):
    """The command id was used before with another body."""

    def __init__(self, command_id: UUID) -> None:
        super().__init__(f"command {command_id} was given before with another body")
        self.command_id = command_id


class CommandExpired(LogError):
    """The command came past its deadline; nothing was appended."""

    def __init__(self, command_id: UUID) -> None:
        super().__init__(f"command {command_id} came past its deadline")
        self.command_id = command_id


class TypeNotAllowed(LogError):
    """The session's role has no right to append this event type."""

    def __init__(self, role: str, event_type: str) -> None:
        super().__init__(f"{role} may not append {event_type}")
        self.role, self.event_type = role, event_type


class NotStorable(LogError):
    """The append holds what the log cannot keep, whoever asks; asking again will not help."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"cannot be stored: {reason}")
        self.reason = reason


class LogUnavailable(LogError):
    """The log could not be reached, or the connection was lost and the outcome is not known."""


class GapFound(LogError):
    """A reader was given positions that do not follow one another."""

    def __init__(self, expected: Position, found: Position) -> None:
        super().__init__(f"expected position {expected}, found {found}")
        self.expected, self.found = expected, found


class ChainBroken(LogError):
    """The log at this position is not what was recorded."""

    def __init__(self, position: Position, reason: str) -> None:
        super().__init__(f"position {position}: {reason}")
        self.position, self.reason = position, reason


class LeaseLost(EventsError):
    """The checkpoint was moved or taken by another holder; this follower must stop and start over."""

    def __init__(self, name: str, holder: str) -> None:
        super().__init__(f"{holder} no longer holds {name}")
        self.name, self.holder = name, holder


class UnknownEvent(EventsError):
    """No class is registered for a wire type, or none for this shape of it."""

    def __init__(self, event_type: str, schema_version: int = 1) -> None:
        super().__init__(f"no class is known for event type {event_type}, schema version {schema_version}")
        self.event_type, self.schema_version = event_type, schema_version


class BusUnavailable(EventsError):
    """NATS could not be reached or did not answer in time; whether it took the message is not known."""


class NoAnswer(BusUnavailable):
    """Nobody answered a request in time."""
