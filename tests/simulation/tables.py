"""Tables that are dicts, as one statement sees them."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from orc_events.memory import MemoryLog

Row = dict[str, Any]


class View:
    """The tables as one statement sees them, and what it would write."""

    def __init__(self, tables: dict[str, dict[Any, Row]], overlay: dict[tuple[str, Any], Row | None],
                 log: MemoryLog, *, now: datetime, schema: str, is_locked: Callable[[str, Any], bool]) -> None:  # fmt: skip
        self._tables, self._overlay = tables, overlay
        self.log, self.now, self.schema, self.is_locked = log, now, schema, is_locked
        self.writes: dict[tuple[str, Any], Row | None] = {}

    def get(self, table: str, key: Any) -> Row | None:
        """Return a row."""
        place = (table, key)
        return self._overlay[place] if place in self._overlay else self._tables.setdefault(table, {}).get(key)

    def rows(self, table: str) -> Iterator[Row]:
        """Walk a table's rows."""
        for key, row in self._tables.setdefault(table, {}).items():
            if (table, key) not in self._overlay:
                yield row
        yield from (row for (name, _), row in self._overlay.items() if name == table and row is not None)

    def put(self, table: str, key: Any, row: Row | None) -> None:
        """Write a row; None deletes it."""
        self.writes[table, key] = row


def seconds(value: float) -> timedelta:
    """Return `make_interval(secs => value)`."""
    return timedelta(seconds=float(value))
