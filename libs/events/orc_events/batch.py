"""Between a batch of appends and the arrays `log.append` takes and gives."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from orc_events.errors import (
    CommandConflict,
    CommandExpired,
    LogError,
    TypeNotAllowed,
    VersionConflict,
)
from orc_events.event import Append, Appended, Position, Version


def arguments(items: Sequence[Append]) -> tuple[list[Any], ...]:
    """Return the thirteen arrays of `sql/append.sql`: ten by item, three by event."""
    events = [event for item in items for event in item.events]
    return (
        [item.command_id for item in items],
        [item.body_hash for item in items],
        [item.stream for item in items],
        [item.expected_version for item in items],
        [item.actor for item in items],
        [item.correlation_id for item in items],
        [item.occurred_at for item in items],
        [item.result for item in items],
        [item.deadline for item in items],
        [len(item.events) for item in items],
        [event.type for event in events],
        [event.schema_version for event in events],
        [event.data for event in events],
    )


class _Outcome(NamedTuple):
    """One item's place in the answer of `log.append`."""

    name: str
    position: int
    version: int
    result: str | None
    detail: str


def answers(items: Sequence[Append], row: Mapping[str, Any]) -> list[Appended | LogError]:
    """Return what became of each item, in order."""
    columns = (row["outcomes"], row["positions"], row["versions"], row["recorded_results"], row["details"])
    return [
        _answer(item, _Outcome(*values), row["role"])
        for item, values in zip(items, zip(*columns, strict=True), strict=True)
    ]


def _answer(item: Append, outcome: _Outcome, role: str) -> Appended | LogError:
    match outcome.name:
        case "appended" | "repeated":
            return Appended(
                command_id=item.command_id,
                position=Position(outcome.position),
                version=Version(outcome.version),
                result=outcome.result,
                repeated=outcome.name == "repeated",
            )
        case "version_conflict":
            return VersionConflict(item.stream, item.expected_version, Version(outcome.version))
        case "command_conflict":
            return CommandConflict(item.command_id)
        case "expired":
            return CommandExpired(item.command_id)
        case "type_not_allowed":
            return TypeNotAllowed(role, outcome.detail)
    raise AssertionError(outcome)
