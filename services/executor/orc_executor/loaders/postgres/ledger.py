"""
What a Postgres database itself knows of loads, in its schema `_orc`: receipts, fences, states.

It is written in the transaction that loads the rows. Whoever asks holds the lock of the table until its transaction
ends: a load that has read its fence has ended by then, its commit included.
"""

from typing import Any
from uuid import uuid5

import msgspec
from msgspec import structs

from orc_domain.run_messages import TaskResult
from orc_events.statements import load
from orc_executor.errors import Superseded, TargetLocked, TargetUnusable
from orc_executor.frames import TaskOrder
from orc_executor.postgres_connection import Session
from orc_executor.receipts import Receipt
from orc_executor.state import NO_STATE, TaskState

_PACKAGE = "orc_executor"
_EXISTS, _LOCK = load(_PACKAGE, "pg_exists"), load(_PACKAGE, "pg_lock")
_CREATE = tuple(load(_PACKAGE, name) for name in ("pg_schema", "pg_receipts", "pg_fences", "pg_states"))
_RECEIPT_READ, _RECEIPT_WRITE = load(_PACKAGE, "pg_receipt_read"), load(_PACKAGE, "pg_receipt_write")
_FENCE_READ, _FENCE_RAISE = load(_PACKAGE, "pg_fence_read"), load(_PACKAGE, "pg_fence_raise")
_STATE_READ, _STATE_WRITE = load(_PACKAGE, "pg_state_read"), load(_PACKAGE, "pg_state_write")
_FORGET = tuple(load(_PACKAGE, name) for name in ("pg_receipts_forget", "pg_fences_forget"))
_LOADS_PER_FORGETTING = 64
_LEDGER = "the schema _orc"
"""What the lock of making it is called."""


class PostgresLedger:
    """What the database knows of one order; to be used within one transaction."""

    def __init__(self, session: Session, order: TaskOrder) -> None:
        self._session, self._order = session, order
        ((self._exists,),) = session.fetch(_EXISTS)

    def lock(self, table: str, seconds: float) -> None:
        """Hold the table's lock until the transaction ends; raises TargetLocked."""
        limit(self._session, seconds)
        try:
            self._session.fetch(_LOCK, table)
        except TargetLocked as error:
            raise TargetLocked(
                f"{table}: another task has been loading into it, for as long as the task may take"
            ) from error
        # Whoever held the lock may have made what was not there before.
        ((self._exists,),) = self._session.fetch(_EXISTS)

    def receipt(self) -> Receipt | None:
        """Return the proof that the task was loaded."""
        rows = self._read(_RECEIPT_READ, self._order.root_id, self._order.task_id)
        return Receipt(msgspec.json.decode(rows[0][0], type=TaskResult)) if rows else None

    def state(self) -> TaskState:
        """Return what is remembered of the task."""
        rows = self._read(_STATE_READ, self._order.task_id)
        return msgspec.json.decode(rows[0][0], type=TaskState) if rows else NO_STATE

    def hold_back_earlier(self) -> None:
        """Keep earlier attempts of the run from loading; raises Superseded when that was done to us."""
        attempt = self._order.attempt
        rows = self._read(_FENCE_READ, self._order.run_id)
        fence: int = rows[0][0] if rows else 0
        if fence > attempt:
            raise Superseded(attempt, fence)
        # Before the first attempt there is none to hold back.
        if max(fence, 1) < attempt:
            self._prepare()
            self._session.execute(_FENCE_RAISE, self._order.run_id, attempt)

    def remember(self, state: TaskState) -> None:
        """Keep the state with the rows."""
        self._prepare()
        said = msgspec.json.encode(state).decode()
        self._session.execute(_STATE_WRITE, self._order.task_id, state.version, said)

    def write(self, result: TaskResult) -> Receipt:
        """Return a receipt of the result, added to the transaction."""
        order = self._order
        self._prepare()
        if order.run_id.int % _LOADS_PER_FORGETTING == 0:
            for statement in _FORGET:
                self._session.execute(statement)
        result = structs.replace(result, receipt=str(uuid5(order.run_id, f"{order.attempt}/{order.task_id}")))
        said = msgspec.json.encode(result).decode()
        facts = [order.run_id, order.attempt, result.receipt, said]
        self._session.execute(_RECEIPT_WRITE, order.root_id, order.task_id, *facts)
        return Receipt(result)

    def _read(self, sql: str, *key: Any) -> list[tuple[Any, ...]]:
        return self._session.fetch(sql, *key) if self._exists else []

    def _prepare(self) -> None:
        if self._exists:
            return
        self.lock(_LEDGER, self._session.seconds_left())
        try:
            for statement in _CREATE:
                self._session.execute(statement)
        except TargetUnusable as error:
            raise TargetUnusable(
                f"{error.message}; receipts are kept in the schema _orc of the database: GRANT CREATE ON DATABASE to the role"
                " of the connection, or make the schema with that role as its owner"
            ) from error
        self._exists = True


def limit(session: Session, seconds: float) -> None:
    """Bound how long a statement of the transaction waits for a lock."""
    session.execute(f"SET LOCAL lock_timeout = {max(1, int(1000 * seconds))}")
