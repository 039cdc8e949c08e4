"""The log in memory, for tests and for trying rules out: the same behaviour, the same contract suite."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from orc_events import storable
from orc_events.canonical import link
from orc_events.errors import CommandConflict, CommandExpired, TypeNotAllowed, VersionConflict
from orc_events.event import (
    GENESIS,
    NO_STREAM,
    Append,
    Appended,
    CommandRecord,
    Head,
    Position,
    Recorded,
    StreamName,
    Version,
)
from orc_events.log import assert_contiguous


def _now() -> datetime:
    return datetime.now(UTC)


class MemoryLog:
    """
    A log that lives as long as the object.

    `clock` stands for the database's; `rights` maps a role to the types it may append, None allows all to everyone.
    """

    def __init__(
        self,
        *,
        role: str = "memory",
        rights: Mapping[str, frozenset[str]] | None = None,
        clock: Callable[[], datetime] = _now,
        on_append: Callable[[Position], None] | None = None,
    ) -> None:
        self._role, self._rights, self._clock, self._on_append = role, rights, clock, on_append
        self._events: list[Recorded] = []
        self._streams: dict[StreamName, list[Recorded]] = {}
        self._commands: dict[UUID, CommandRecord] = {}

    async def append(self, item: Append) -> Appended:
        """See `EventLog.append`."""
        storable.check(item)
        present = self._clock()
        now = max(present, self._events[-1].recorded_at) if self._events else present
        known = self._commands.get(item.command_id)
        if known and known.body_hash != item.body_hash:
            raise CommandConflict(item.command_id)
        if known and known.position is not None and known.version is not None:
            return Appended(
                command_id=item.command_id,
                position=known.position,
                version=known.version,
                result=known.result,
                repeated=True,
            )
        if item.deadline is not None and item.deadline < present:
            self._remember(item, None, None)
            raise CommandExpired(item.command_id)
        for event in item.events:
            if self._rights is not None and event.type not in self._rights.get(self._role, ()):
                raise TypeNotAllowed(self._role, event.type)
        version = Version(len(self._streams.get(item.stream, ())))
        if version != item.expected_version:
            raise VersionConflict(item.stream, item.expected_version, version)
        return self._record(item, now)

    async def read_stream(self, stream: StreamName, after: Version = NO_STREAM) -> list[Recorded]:
        """See `EventLog.read_stream`."""
        return self._streams.get(stream, [])[after:]

    async def read(self, after: Position, limit: int) -> list[Recorded]:
        """See `EventLog.read`."""
        recorded = self._events[after : after + limit]
        assert_contiguous(after, recorded)
        return recorded

    async def head(self) -> Position:
        """See `EventLog.head`."""
        return Position(len(self._events))

    async def chain_head(self) -> Head:
        """See `EventLog.chain_head`."""
        return Head(self._events[-1].position, self._events[-1].hash) if self._events else GENESIS

    async def command(self, command_id: UUID) -> CommandRecord | None:
        """See `EventLog.command`."""
        return self._commands.get(command_id)

    def _record(self, item: Append, now: datetime) -> Appended:
        stream = self._streams.setdefault(item.stream, [])
        for event in item.events:
            recorded = Recorded(
                position=Position(len(self._events) + 1),
                stream=item.stream,
                version=Version(len(stream) + 1),
                type=event.type,
                schema_version=event.schema_version,
                data=event.data,
                actor=item.actor,
                command_id=item.command_id,
                correlation_id=item.correlation_id,
                occurred_at=item.occurred_at.astimezone(UTC),
                recorded_at=now,
                hash=b"",
            )
            previous = self._events[-1].hash if self._events else GENESIS.hash
            recorded = msgspec.structs.replace(recorded, hash=link(previous, recorded))
            self._events.append(recorded)
            stream.append(recorded)
        position, version = Position(len(self._events)), Version(len(stream))
        self._remember(item, position, version)
        if self._on_append:
            self._on_append(position)
        return Appended(
            command_id=item.command_id, position=position, version=version, result=item.result, repeated=False
        )

    def _remember(self, item: Append, position: Position | None, version: Version | None) -> None:
        self._commands[item.command_id] = CommandRecord(
            command_id=item.command_id,
            body_hash=item.body_hash,
            state="expired" if position is None else "appended",
            position=position,
            version=version,
            result=None if position is None else item.result,
        )
