"""
Receipts and fences: what a target file itself knows of loads.

A receipt, keyed by (root run, task), is written in the transaction that loads the rows: it is there exactly when they
are. A fence holds the latest attempt of a run that has come to the file; an older one, however long it slept, may not
load any more. Receipts are kept for longer than a run can be retried in any sensible way, then removed.
"""

from uuid import UUID, uuid5

from msgspec import Struct

from orc_domain.run_messages import TaskResult
from orc_events.statements import load
from orc_executor.engine import Engine
from orc_executor.errors import Superseded
from orc_executor.frames import TaskOrder

_PACKAGE = "orc_executor"
_CREATE = tuple(
    load(_PACKAGE, name) for name in ("target_schema", "target_receipts", "target_fences")
)
_READ, _WRITE = load(_PACKAGE, "receipt_read"), load(_PACKAGE, "receipt_write")
_FENCE_READ, _FENCE_DROP, _FENCE_RAISE = (
    load(_PACKAGE, name) for name in ("fence_read", "fence_drop", "fence_raise")
)
_FORGET = tuple(load(_PACKAGE, name) for name in ("receipts_forget", "fences_forget"))
_EXISTS = load(_PACKAGE, "target_known")


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


def load_id(order: TaskOrder) -> str:
    """Return the id of this attempt at this task; the same whenever it is asked."""
    return str(uuid5(order.run_id, f"{order.attempt}/{order.task_id}"))


def prepare(engine: Engine) -> None:
    """Make the tables of receipts and fences in the attached target, where they are not yet."""
    if not engine.run(_EXISTS):
        for statement in _CREATE:
            engine.run(statement)


def read(engine: Engine, order: TaskOrder) -> Receipt | None:
    """Return the receipt of the task, whichever attempt or run of the root it is from."""
    rows = engine.run(_READ, [order.root_id, order.task_id])
    return Receipt(*rows[0]) if rows else None


def raise_fence(engine: Engine, order: TaskOrder) -> None:
    """Keep older attempts of the run from loading from now on; raises Superseded when a later one did that."""
    found: list[tuple[int]] = engine.run(_FENCE_READ, [order.run_id])
    latest = found[0][0] if found else 0
    if latest > order.attempt:
        raise Superseded(order.attempt, latest)
    if latest < order.attempt:
        if found:
            engine.run(_FENCE_DROP, [order.run_id])
        engine.run(_FENCE_RAISE, [order.run_id, order.attempt])


def write(engine: Engine, order: TaskOrder, receipt: Receipt) -> None:
    """Add the receipt to the open transaction, and forget those that are too old to be asked for."""
    for statement in _FORGET:
        engine.run(statement)
    identity: list[UUID | str | int | float] = [order.root_id, order.task_id, order.run_id, order.attempt]
    engine.run(_WRITE, [*identity, receipt.load_id, receipt.rows, receipt.bytes, receipt.seconds])
