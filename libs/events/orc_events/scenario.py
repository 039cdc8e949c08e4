"""
Tell a decider's rules as stories: given what happened, when this is wished, then that happens.

    Scenario(runs).given(RunRequested(...)).when(CancelRun("late")).then(RunCancelled("late"))
    Scenario(runs).given(RunRequested(...), RunSucceeded()).when(CancelRun("late")).rejected(Conflict)
"""

from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from orc_events.event import NewEvent, Position, Recorded, StreamName, Version
from orc_events.handle import Decider

State = TypeVar("State")
Command = TypeVar("Command")
Event = TypeVar("Event")
X = TypeVar("X", bound=Exception)

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


class Scenario(Generic[State, Command, Event]):
    """One story about one stream. Each event passes through the codec, so what is told can also be recorded."""

    def __init__(self, decider: Decider[State, Command, Event]) -> None:
        self._decider = decider
        self._state = decider.initial
        self._outcome: list[Event] | Exception | None = None
        self._at = LONG_AGO

    def given(self, *events: Event, at: datetime = LONG_AGO) -> "Scenario[State, Command, Event]":
        """Let these have happened, at that time; may be called again for what happened later."""
        for event in events:
            self._state = self._decider.evolve(self._state, self._passed(event), at)
        self._at = at
        return self

    def when(self, command: Command) -> "Scenario[State, Command, Event]":
        """Wish for this, once."""
        assert self._outcome is None, "a scenario has one `when`"
        try:
            self._outcome = self._decider.decide(command, self._state)
        except Exception as error:  # noqa: BLE001  # `rejected` tells whether it was meant
            self._outcome = error
        return self

    def then(self, *events: Event) -> State:
        """Expect exactly these events; returns the state after them, for whoever wants to look at it."""
        assert self._outcome is not None, "`when` comes before `then`"
        assert not isinstance(self._outcome, Exception), f"expected {events}, was rejected: {self._outcome!r}"
        found = [self._passed(event) for event in self._outcome]
        assert found == list(events), f"expected {list(events)}, found {found}"
        for event in found:
            self._state = self._decider.evolve(self._state, event, self._at)
        return self._state

    def rejected(self, error: type[X]) -> X:
        """Expect this refusal; returns it, for whoever wants to look at it."""
        assert isinstance(self._outcome, error), f"expected {error.__name__}, found {self._outcome!r}"
        return self._outcome

    @property
    def state(self) -> State:
        """What is true after what was given."""
        return self._state

    def _passed(self, event: Event) -> Event:
        return self._decider.codec.decode(_recorded(self._decider.codec.encode(event)))


def _recorded(new: NewEvent) -> Recorded:
    blank: Any = None
    return Recorded(
        position=Position(1),
        stream=StreamName("scenario"),
        version=Version(1),
        type=new.type,
        schema_version=new.schema_version,
        data=new.data,
        actor="scenario",
        command_id=blank,
        correlation_id=blank,
        occurred_at=LONG_AGO,
        recorded_at=LONG_AGO,
        hash=b"",
    )
