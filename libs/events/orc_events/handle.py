"""
A command's way through a stream: load, decide, append; on a version conflict decide again on what is true now.

    load(stream) ──▶ fold ──▶ decide(command, state) ──▶ append at the version that was loaded
         ▲                                                   │
         └────────────── VersionConflict ────────────────────┘
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from msgspec import Struct

from orc_events.codec import EventCodec
from orc_events.errors import CommandConflict, VersionConflict
from orc_events.event import Append, Position, Recorded, StreamName, Version
from orc_events.log import EventLog

State = TypeVar("State")
Command = TypeVar("Command")
Event = TypeVar("Event")

CONFLICT_RETRIES_MAX = 5


@dataclass(frozen=True, kw_only=True)
class Decider(Generic[State, Command, Event]):
    """A stream's rules, all of them pure."""

    initial: State
    """What is true before anything happened."""
    decide: Callable[[Command, State], list[Event]]
    """What follows from the command; nothing when it is true already. Raises what the domain rejects with."""
    evolve: Callable[[State, Event, datetime], State]
    """The state after the event that occurred then; never refuses."""
    codec: EventCodec[Event]

    def fold(self, state: State, recorded: list[Recorded]) -> State:
        """Return the state after these events."""
        for past in recorded:
            state = self.evolve(state, self.codec.decode(past), past.occurred_at)
        return state


class Intent(Struct, frozen=True, kw_only=True):
    """Who wants it, as what, and until when: all that a command carries beside itself."""

    command_id: UUID
    body_hash: bytes
    """SHA-256 of the wish; the same command id with another is a CommandConflict."""
    actor: str
    correlation_id: UUID
    occurred_at: datetime
    deadline: datetime | None = None


class Loaded(Struct, Generic[State], frozen=True):
    """A stream as it stands."""

    state: State
    version: Version
    recorded: list[Recorded]

    @property
    def position(self) -> Position:
        """Position of the stream's last event, 0 when there is none."""
        return self.recorded[-1].position if self.recorded else Position(0)


class Handled(Struct, Generic[State, Event], frozen=True, kw_only=True):
    """What a command led to."""

    state: State
    events: tuple[Event, ...]
    """What this command added to the stream, now or when it first came; none when it was true already."""
    version: Version
    position: Position
    result: str | None
    """JSON text of the answer, as it was given the first time."""
    repeated: bool
    """True when the log had answered this command before."""


async def load(log: EventLog, decider: Decider[State, Command, Event], stream: StreamName) -> Loaded[State]:
    """Return the stream's state; `decider.initial` at version 0 when there is no such stream."""
    recorded = await log.read_stream(stream)
    version = recorded[-1].version if recorded else Version(0)
    return Loaded(decider.fold(decider.initial, recorded), version, recorded)


async def handle(
    log: EventLog,
    decider: Decider[State, Command, Event],
    stream: StreamName,
    command: Command,
    intent: Intent,
    *,
    answer: Callable[[State], str] | None = None,
) -> Handled[State, Event]:
    """
    Decide the command and record what follows; a command id that is known returns what was recorded.

    `answer` makes the JSON text that is recorded as the command's result. Raises what `decide` rejects with, and what
    `EventLog.append` raises; VersionConflict only after `CONFLICT_RETRIES_MAX` tries.
    """
    conflict: VersionConflict | None = None
    for _ in range(CONFLICT_RETRIES_MAX):
        loaded = await load(log, decider, stream)
        if any(past.command_id == intent.command_id for past in loaded.recorded):
            return await _recall(log, decider, loaded, intent)
        events = decider.decide(command, loaded.state)
        state = loaded.state
        for event in events:
            state = decider.evolve(state, event, intent.occurred_at)
        result = answer(state) if answer else None
        if not events:
            return Handled(
                state=state,
                events=(),
                version=loaded.version,
                position=loaded.position,
                result=result,
                repeated=False,
            )
        item = Append(
            command_id=intent.command_id,
            body_hash=intent.body_hash,
            stream=stream,
            expected_version=loaded.version,
            events=tuple(decider.codec.encode(event) for event in events),
            actor=intent.actor,
            correlation_id=intent.correlation_id,
            occurred_at=intent.occurred_at,
            result=result,
            deadline=intent.deadline,
        )
        try:
            appended = await log.append(item)
        except VersionConflict as error:
            conflict = error
            continue
        if appended.repeated:
            # It was under way elsewhere while we decided, or our own answer was lost: what is recorded counts.
            return await _recall(log, decider, await load(log, decider, stream), intent)
        return Handled(
            state=state,
            events=tuple(events),
            version=appended.version,
            position=appended.position,
            result=appended.result,
            repeated=False,
        )
    assert conflict is not None
    raise conflict


async def _recall(
    log: EventLog, decider: Decider[State, Command, Event], loaded: Loaded[State], intent: Intent
) -> Handled[State, Event]:
    """Return what the log answered this command id with before; raises CommandConflict for another body."""
    known = await log.command(intent.command_id)
    if known is None or known.body_hash != intent.body_hash:
        raise CommandConflict(intent.command_id)
    assert known.position is not None
    assert known.version is not None
    return Handled(
        state=loaded.state,
        events=tuple(
            decider.codec.decode(past) for past in loaded.recorded if past.command_id == intent.command_id
        ),
        version=known.version,
        position=known.position,
        result=known.result,
        repeated=True,
    )
