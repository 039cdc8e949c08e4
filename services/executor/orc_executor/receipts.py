"""
Receipts and fences: what a target file itself knows of loads.

A receipt, keyed by (root run, task), is written in the transaction that loads the rows: it is there exactly when they
are. A fence holds the latest attempt of a run that has come to the file; an older one, however long it slept, may not
load any more. Both are kept for longer than a run can sensibly be retried, then forgotten.
"""

from uuid import uuid5

import duckdb
from msgspec import Struct

from orc_domain.run_messages import TaskResult
from orc_events.statements import load
from orc_executor.engine import Engine
from orc_executor.errors import Superseded
from orc_executor.frames import TaskOrder

_PACKAGE = "orc_executor"
_CREATE = tuple(load(_PACKAGE, name) for name in ("target_schema", "target_receipts", "target_fences"))
_RECEIPT_READ, _RECEIPT_WRITE = load(_PACKAGE, "receipt_read"), load(_PACKAGE, "receipt_write")
_FENCE_READ, _FENCE_DROP, _FENCE_RAISE = (
    load(_PACKAGE, name) for name in ("fence_read", "fence_drop", "fence_raise")
)
_FORGET = tuple(load(_PACKAGE, name) for name in ("receipts_forget", "fences_forget"))
_LOADS_PER_FORGETTING = 64


class Receipt(Struct, frozen=True):
    """The proof of one load."""

    load_id: str
    rows: int
    bytes: int
    seconds: float

    @property
    def result(self) -> TaskResult:
        """What the task did, as the log will have it."""
        return TaskResult(rows=self.rows, bytes=self.bytes, seconds=self.seconds, receipt=self.load_id)


class Ledger:
    """What the attached target knows of one order, read once: nobody else can write while it is attached."""

    def __init__(self, engine: Engine, order: TaskOrder) -> None:
        self._engine, self._order = engine, order
        self._exists = True
        try:
            receipts = engine.run(_RECEIPT_READ, [order.root_id, order.task_id])
            fences = engine.run(_FENCE_READ, [order.run_id])
        except duckdb.CatalogException:
            self._exists, receipts, fences = False, [], []
        self.receipt = Receipt(*receipts[0]) if receipts else None
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

    def write(self, rows: int, bytes_: int, seconds: float) -> Receipt:
        """Return a receipt, added to the open transaction."""
        order = self._order
        # The same whenever it is asked for.
        load_id = str(uuid5(order.run_id, f"{order.attempt}/{order.task_id}"))
        receipt = Receipt(load_id, rows, bytes_, seconds)
        self._prepare()
        if order.run_id.int % _LOADS_PER_FORGETTING == 0:
            for statement in _FORGET:
                self._engine.run(statement)
        key = [order.root_id, order.task_id]
        self._engine.run(_RECEIPT_WRITE, [*key, order.run_id, order.attempt, load_id, rows, bytes_, seconds])
        return receipt

    def _prepare(self) -> None:
        if not self._exists:
            for statement in _CREATE:
                self._engine.run(statement)
