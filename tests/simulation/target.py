"""
A DuckDB file as a load sees it: rows, receipts and fences that commit together, and one lock.

Receipts and fences are read and written by the product's own `Ledger`; only the six statements it runs on the file are
said again here.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from msgspec import Struct
from simulation.loop import PROCESS

from orc_executor import receipts
from orc_executor.errors import TargetLocked
from orc_executor.frames import TaskOrder
from orc_executor.receipts import Ledger


class Load(Struct, frozen=True):
    """The rows of one load, and who loaded them."""

    root_id: UUID
    task_id: UUID
    run_id: UUID
    attempt: int
    rows: int


class Receipt(Struct, frozen=True):
    """What the file says of one load."""

    root_id: UUID
    task_id: UUID
    run_id: UUID
    attempt: int
    load_id: str
    rows: int
    result: str
    """The whole result, as JSON."""


class Contents(Struct, frozen=True):
    """All that is in a file."""

    loads: tuple[Load, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    fences: tuple[tuple[UUID, int], ...] = ()


class Target:
    """A file, and who has it locked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.committed = Contents()
        self._holder: object | None = None

    @asynccontextmanager
    async def locked(self, wait_seconds: float) -> AsyncIterator["Session"]:
        """Hold the lock of the file; raises TargetLocked. A process that dies lets go of it."""
        process, session = PROCESS.get(), Session(self)
        until = process.loop.now + wait_seconds
        while self._holder is not None:
            if process.loop.now >= until:
                raise TargetLocked(f"{self.name}: another task has been loading into it")
            await asyncio.sleep(0.05)
        self._holder = session
        session.begin()
        process.on_end.append(session.end)
        try:
            yield session
        finally:
            session.end()

    def release(self, session: "Session") -> None:
        """Let go of the lock, if it is this session's."""
        if self._holder is session:
            self._holder = None


class Session:
    """The file as attached by one worker; stands in for the engine."""

    def __init__(self, target: Target) -> None:
        self._target, self._open, self._is_over = target, Contents(), False

    def begin(self) -> None:
        """Begin a transaction, seeing what is committed now."""
        self._open = self._target.committed

    def commit(self) -> None:
        """Commit everything at once."""
        assert not self._is_over
        self._target.committed = self._open

    def end(self) -> None:
        """Detach; what is not committed is gone."""
        self._is_over = True
        self._target.release(self)

    def insert(self, order: TaskOrder, rows: int) -> None:
        """Add the task's rows."""
        load = Load(order.root_id, order.task_id, order.run_id, order.attempt, rows)
        self._change(loads=(*self._open.loads, load))

    def run(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """Do one of the ledger's statements."""
        values = parameters or []
        if sql == receipts._RECEIPT_READ:
            return [
                (one.load_id, one.rows, 0, 0.0, one.result)
                for one in self._open.receipts
                if [one.root_id, one.task_id] == values
            ]
        if sql == receipts._FENCE_READ:
            return [(attempt,) for run_id, attempt in self._open.fences if run_id == values[0]]
        if sql == receipts._FENCE_DROP:
            self._change(fences=tuple(fence for fence in self._open.fences if fence[0] != values[0]))
        elif sql == receipts._FENCE_RAISE:
            self._change(fences=(*self._open.fences, tuple(values)))
        elif sql == receipts._RECEIPT_WRITE:
            root_id, task_id, run_id, attempt, load_id, rows, _, _, result = values
            receipt = Receipt(root_id, task_id, run_id, attempt, load_id, rows, result)
            self._change(receipts=(*self._open.receipts, receipt))
        elif sql not in (*receipts._CREATE, *receipts._FORGET):
            raise AssertionError(sql)
        return []

    def ledger(self, order: TaskOrder) -> Ledger:
        """Return the product's ledger of this file."""
        return Ledger(self, order)

    def _change(self, **parts: Any) -> None:
        given = {name: getattr(self._open, name) for name in Contents.__struct_fields__}
        self._open = Contents(**(given | parts))
