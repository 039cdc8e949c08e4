"""
Receipts and fences: what a target file itself knows of loads.

A receipt, keyed by (root run, task), is written in the transaction that loads the rows: it is there exactly when they
are. A fence holds the latest attempt of a run that has come to the file; an older one, however long it slept, may not
load any more. Both are kept for longer than a run can sensibly be retried, then forgotten.
"""

from typing import Any
from uuid import uuid5

import duckdb
import msgspec
from msgspec import Struct, structs

from orc_domain.run_messages import TaskResult
from orc_events.statements import load
from orc_executor.engine import Engine
from orc_executor.errors import Superseded
from orc_executor.frames import TaskOrder

_PACKAGE = "orc_executor"
_CREATE = tuple(load(_PACKAGE, name) for name in ("target_schema", "target_receipts", "target_fences"))
_RECEIPT_READ, _RECEIPT_READ_EARLIER, _RECEIPT_WRITE, _RECEIPTS_WIDEN = (
    load(_PACKAGE, name)
    for name in ("receipt_read", "receipt_read_earlier", "receipt_write", "receipts_widen")
)
_FENCE_READ, _FENCE_DROP, _FENCE_RAISE = (
    load(_PACKAGE, name) for name in ("fence_read", "fence_drop", "fence_raise")
)
_FORGET = tuple(load(_PACKAGE, name) for name in ("receipts_forget", "fences_forget"))
_LOADS_PER_FORGETTING = 64


class Receipt(Struct, frozen=True):
    """The proof of one load."""

    result: TaskResult
    """What the task did, as the log will have it; its `receipt` is the load id."""


class Ledger:
    """What the attached target knows of one order, read once: nobody else can write while it is attached."""

    def __init__(self, engine: Engine, order: TaskOrder) -> None:
        self._engine, self._order = engine, order
        self._exists = self._has_results = True
        try:
            fences = engine.run(_FENCE_READ, [order.run_id])
            receipts = self._receipts()
        except duckdb.CatalogException:
            self._exists, receipts, fences = False, [], []
        self.receipt = _receipt(*receipts[0]) if receipts else None
        """Of whichever attempt, or run of the same root, loaded the task."""
        self._fence: int = fences[0][0] if fences else 0

    def hold_back_earlier(self) -> None:
        """
        Keep earlier attempts of the run from loading, from the open transaction's commit on.

        Raises Superseded when a later attempt has done that to us.
        """
        attempt = self._order.attempt
        if self._fence > attempt:
            raise Superseded(attempt, self._fence)
        # Before the first attempt there is none to hold back.
        if max(self._fence, 1) < attempt:
            self._prepare()
            if self._fence:
                self._engine.run(_FENCE_DROP, [self._order.run_id])
            self._engine.run(_FENCE_RAISE, [self._order.run_id, attempt])

    @property
    def load_id(self) -> str:
        """The id of this load: the same whenever it is asked for."""
        return str(uuid5(self._order.run_id, f"{self._order.attempt}/{self._order.task_id}"))

    def write(self, result: TaskResult) -> Receipt:
        """Return a receipt of the result, added to the open transaction."""
        order = self._order
        result = structs.replace(result, receipt=self.load_id)
        self._prepare()
        if order.run_id.int % _LOADS_PER_FORGETTING == 0:
            for statement in _FORGET:
                self._engine.run(statement)
        key = [order.root_id, order.task_id]
        facts = [result.rows, result.bytes, result.seconds, msgspec.json.encode(result).decode()]
        self._engine.run(_RECEIPT_WRITE, [*key, order.run_id, order.attempt, self.load_id, *facts])
        return Receipt(result)

    def _receipts(self) -> list[tuple[Any, ...]]:
        key = [self._order.root_id, self._order.task_id]
        try:
            return self._engine.run(_RECEIPT_READ, key)
        except duckdb.BinderException:
            # The file was made before receipts held results.
            self._has_results = False
            return self._engine.run(_RECEIPT_READ_EARLIER, key)

    def _prepare(self) -> None:
        if not self._exists:
            for statement in _CREATE:
                self._engine.run(statement)
        if not self._has_results:
            # Each time, as a transaction that was rolled back has undone it.
            self._engine.run(_RECEIPTS_WIDEN)


def _receipt(load_id: str, rows: int, size: int, seconds: float, result: str | None) -> Receipt:
    if result is None:
        return Receipt(TaskResult(rows=rows, bytes=size, seconds=seconds, receipt=load_id))
    return Receipt(msgspec.json.decode(result, type=TaskResult))
