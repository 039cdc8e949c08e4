"""
Target: what every loader is to an order.

    look      the receipt, if the task was loaded, else what the target remembers of it; earlier attempts are held back
    load      in one transaction: receipt? → fence → rows → checks → state → receipt
"""

from typing import Protocol

from msgspec import Struct

from orc_executor.errors import TargetUnusable
from orc_executor.extractors.source import Source
from orc_executor.pins import Place
from orc_executor.receipts import Receipt
from orc_executor.state import NO_STATE, TaskState
from orc_executor.underway import Underway


class Known(Struct, frozen=True):
    """What a target knows of a task."""

    receipt: Receipt | None = None
    """Of whichever attempt, or run of the same root, loaded the task."""
    state: TaskState = NO_STATE


NOTHING_KNOWN = Known()


class StateMoved(Exception):
    """Another run of the task was loaded since its state was read: what was gathered begins at the wrong place."""


class Target(Protocol):
    """Where rows go, once."""

    def look(self) -> Known:
        """Return the receipt or the state, and hold back earlier attempts; raises TaskError."""

    def load(self, source: Source, state: TaskState | None) -> tuple[Receipt, bool]:
        """
        Return the receipt, and whether an earlier attempt had written it; raises TaskError, TaskStopped.

        `state` is where the source goes on, to be saved as it is after the load; None when it begins anew each time.
        Raises StateMoved when it is not the target's state any more.
        """


def place_of(real: str, name: str, underway: Underway) -> Place:
    """Return the place of a target whose folder was made; raises TargetUnusable."""
    try:
        return underway.pins.place(real, name)
    except FileNotFoundError as error:
        raise TargetUnusable(f"{name}: its folder is gone") from error
