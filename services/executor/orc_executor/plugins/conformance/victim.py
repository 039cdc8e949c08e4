"""
A worker process that is killed at a point of its first load, or whose source breaks; for the conformance suite alone.

    python -m orc_executor.plugins.conformance.victim POINT --in FD --out FD

    source_breaks   the source fails when some rows were given to the target; the process lives
    mid_write       some rows were given to the target, others not
    before_commit   rows and receipt are written
    after_commit    the target has committed, and nobody was told
"""

import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from orc_executor import worker
from orc_executor.engine import Engine
from orc_executor.loaders import plugin as plugin_target

SOURCE_BREAKS = "source_breaks"
POINTS = (SOURCE_BREAKS, "mid_write", "before_commit", "after_commit")


class Mortal:
    """A loader plugin with its death in it."""

    def __init__(self, plugin: Any, point: str) -> None:
        self._plugin, self._point = plugin, point

    @contextmanager
    def transaction(self, config: Any, context: Any) -> Iterator["MortalTransaction"]:
        """Return the plugin's own transaction, and die."""
        with self._plugin.transaction(config, context) as inner:
            mortal = MortalTransaction(inner, self._point)
            yield mortal
            if mortal.has_written and self._point == "before_commit":
                die()
        if mortal.has_written and self._point == "after_commit":
            die()


class MortalTransaction:
    """A transaction that may end with the process."""

    def __init__(self, inner: Any, point: str) -> None:
        self._inner, self._point = inner, point
        self.has_written = False

    def get(self, names: Sequence[str]) -> Mapping[str, str]:
        """Pass it on."""
        found: Mapping[str, str] = self._inner.get(names)
        return found

    def put(self, marks: Mapping[str, str]) -> None:
        """Pass it on."""
        self._inner.put(marks)

    def write(self, rows: pa.RecordBatchReader) -> None:
        """Write, up to the middle if that is the point."""
        self.has_written = True
        self._inner.write(pa.RecordBatchReader.from_batches(rows.schema, self._batches(rows)))

    def _batches(self, rows: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        for place, batch in enumerate(rows):
            if place and self._point == "mid_write":
                die()
            yield batch


def die() -> None:
    """End like a machine that loses its power."""
    os.kill(os.getpid(), signal.SIGKILL)


def break_sources() -> None:
    """Have every source fail after its first batch, as DuckDB says it."""
    arrow = Engine.arrow

    def broken(self: Engine, query: str, batch_rows: int) -> pa.RecordBatchReader:
        inner = arrow(self, query, batch_rows)

        def batches() -> Iterator[pa.RecordBatch]:
            yield inner.read_next_batch()
            raise OSError("Invalid Input Error: the source broke off")

        return pa.RecordBatchReader.from_batches(inner.schema, batches())

    Engine.arrow = broken  # type: ignore[method-assign]


def arm(point: str) -> None:
    """Have this process die at a point of its first load, by a plugin or into a DuckDB file."""
    make, run = plugin_target.make_loader, Engine.run

    def make_mortal(name: str) -> Mortal:
        return Mortal(make(name), point)

    def run_and_die(self: Engine, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        if sql == "COMMIT" and point != "after_commit":
            die()
        rows = run(self, sql, parameters)
        if sql == "COMMIT":
            die()
        return rows

    plugin_target.make_loader = make_mortal
    Engine.run = run_and_die  # type: ignore[method-assign]


if __name__ == "__main__":
    if sys.argv[1] not in POINTS:
        sys.exit(f"no such point: {sys.argv[1]}; there are {', '.join(POINTS)}")
    if sys.argv[1] == SOURCE_BREAKS:
        break_sources()
    else:
        arm(sys.argv[1])
    worker.main(sys.argv[2:])
