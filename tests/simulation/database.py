"""
Postgres as its clients see it: statements that take effect at one instant between question and answer, transactions,
row locks, a clock; and a connection that may break before the question arrives, or after it was done.

What is asked stays asked when the asker is killed or gives up waiting: it may still happen, later.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Self

import asyncpg
from msgspec import Struct
from simulation.connections import Pool
from simulation.log_statements import rights
from simulation.loop import PROCESS, Process
from simulation.statements import MODELS
from simulation.tables import View

from orc_events.memory import MemoryLog

EPOCH = datetime(2026, 5, 13, 9, 30, tzinfo=UTC)
LOCK_SECONDS_MAX = 1.0
RIGHTS = rights()


class Transaction:
    """What a connection wrote and has not committed."""

    def __init__(self) -> None:
        self.overlay: dict[tuple[str, Any], Any] = {}
        self.waiting: list[Callable[[], None]] = []
        self.is_failed = self.is_over = False


class Ask(Struct, eq=False):
    """A statement on its way."""

    connection: "Connection"
    statement: str
    values: tuple[Any, ...]
    answer: asyncio.Future[Any]
    transaction: Transaction | None
    """The one that was open when it was asked; with it over, nothing of it happens."""
    is_answered: bool = True
    is_given_up: bool = False


class Database:
    """The server: the log, the tables, who waits for whom."""

    def __init__(self, server: Process, chance: Any, on_append: Callable[[int], None] | None) -> None:
        self.server, self.chance = server, chance
        self.log = MemoryLog(rights=RIGHTS, clock=self.now, on_append=on_append)
        self.tables: dict[str, dict[Any, dict[str, Any]]] = {}
        self.is_down = False
        self.connections: dict[Connection, None] = {}
        self._locks: dict[tuple[str, Any], Transaction] = {}

    def now(self) -> datetime:
        """Return the database's time."""
        return EPOCH + timedelta(seconds=self.server.loop.now)

    async def open(self, schema: str) -> Pool:
        """Return a pool of the process that calls; raises OSError while the server is down."""
        if self.is_down:
            raise ConnectionRefusedError("the database is down")
        return Pool(partial(Connection, self, PROCESS.get(), schema), self, PROCESS.get())

    def stop(self) -> None:
        """Go down: every connection breaks, what was not committed never happened."""
        self.is_down = True
        for connection in list(self.connections):
            connection.terminate()

    def send(self, ask: Ask, timeout: float) -> None:
        """Carry a question to the server, or lose it."""
        fate, there, back = self.chance.statement()
        client = ask.connection.process
        if fate == "lost":
            client.later(there, ask.connection.break_off, ask)
            return
        if there + back >= timeout:
            client.later(timeout, _fail, ask.answer, TimeoutError())
        if fate == "unanswered":
            ask.is_answered = False
        self.server.later(there, self._perform, ask, back)

    def end(self, transaction: Transaction, *, commit: bool) -> None:
        """Let a transaction's writes be seen, or forget them; who waited for its rows goes on."""
        if transaction.is_over:
            return
        transaction.is_over = True
        if commit:
            self._write(transaction.overlay)
        self._locks = {place: held for place, held in self._locks.items() if held is not transaction}
        for go_on in transaction.waiting:
            self.server.soon(go_on)

    def _write(self, writes: dict[tuple[str, Any], Any]) -> None:
        for (table, key), row in writes.items():
            if row is None:
                self.tables.setdefault(table, {}).pop(key, None)
            else:
                self.tables.setdefault(table, {})[key] = row

    def _perform(self, ask: Ask, back: float) -> None:
        connection, own = ask.connection, ask.transaction
        is_late = own is not None and own.is_over
        if self.is_down or connection.is_closed() or ask.is_given_up or is_late:
            connection.process.later(back, connection.break_off, ask)
            return
        try:
            result = self._perform_in(ask, own, back)
        except asyncpg.PostgresError as error:
            if own is not None:
                own.is_failed = True
            connection.process.later(back, _fail, ask.answer, error)
            return
        if result is _WAITS:
            return
        if ask.is_answered:
            connection.process.later(back, _succeed, ask.answer, result)
        else:
            connection.process.later(back, connection.break_off, ask)

    def _perform_in(self, ask: Ask, own: Transaction | None, back: float) -> Any:
        if ask.statement in ("COMMIT", "ROLLBACK"):
            assert own is not None
            self.end(own, commit=ask.statement == "COMMIT" and not own.is_failed)
            return None
        if own is not None and own.is_failed:
            raise asyncpg.InFailedSQLTransactionError("current transaction is aborted")
        overlay = own.overlay if own is not None else {}

        def is_locked(table: str, key: Any) -> bool:
            return self._locks.get((table, key), own) is not own

        view = View(
            self.tables, overlay, self.log, now=self.now(), schema=ask.connection.schema, is_locked=is_locked
        )
        result = MODELS[ask.statement](view, *ask.values)
        for place in view.writes:
            if (holder := self._locks.get(place, own)) is not own:
                assert holder is not None
                holder.waiting.append(lambda: self._perform(ask, back))
                self.server.later(LOCK_SECONDS_MAX, self._give_up, ask)
                return _WAITS
        if own is None:
            self._write(view.writes)
        else:
            overlay.update(view.writes)
            self._locks.update(dict.fromkeys(view.writes, own))
        return result

    def _give_up(self, ask: Ask) -> None:
        if not ask.answer.done() and not ask.is_given_up:
            ask.is_given_up = True
            if ask.transaction is not None:
                ask.transaction.is_failed = True
            ask.connection.process.soon(_fail, ask.answer, asyncpg.LockNotAvailableError("lock timeout"))


_WAITS = object()


class Connection:
    """A session."""

    def __init__(self, database: Database, process: Process, schema: str) -> None:
        self._database, self.process, self.schema = database, process, schema
        self.transaction_open: Transaction | None = None
        self._is_closed = False
        database.connections[self] = None

    def is_closed(self) -> bool:
        return self._is_closed

    def is_in_transaction(self) -> bool:
        return self.transaction_open is not None

    def terminate(self) -> None:
        """Close it; the server rolls back what was open."""
        self._is_closed = True
        self._database.connections.pop(self, None)
        if self.transaction_open is not None:
            self._database.end(self.transaction_open, commit=False)
            self.transaction_open = None

    def break_off(self, ask: Ask) -> None:
        """Have the connection break under a question."""
        self.terminate()
        _fail(ask.answer, asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of it"))

    async def fetch(self, statement: str, *values: Any, timeout: float = 12.0) -> Any:  # noqa: ASYNC109
        if self._is_closed:
            raise asyncpg.InterfaceError("connection is closed")
        answer = asyncio.get_running_loop().create_future()
        self._database.send(Ask(self, statement, values, answer, self.transaction_open), timeout)
        return await answer

    async def fetchrow(self, statement: str, *values: Any) -> Any:
        rows = await self.fetch(statement, *values)
        return rows[0] if rows else None

    async def fetchval(self, statement: str, *values: Any) -> Any:
        row = await self.fetchrow(statement, *values)
        return None if row is None else next(iter(row.values()))

    execute = fetch

    def transaction(self) -> "_Block":
        return _Block(self)


class _Block:
    """`async with connection.transaction()`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def __aenter__(self) -> Self:
        if self._connection.is_closed():
            raise asyncpg.InterfaceError("connection is closed")
        self._connection.transaction_open = Transaction()
        return self

    async def __aexit__(self, kind: object, error: object, _trace: object) -> None:
        connection = self._connection
        try:
            if not connection.is_closed():
                await connection.fetch("COMMIT" if kind is None else "ROLLBACK")
            elif kind is None:
                raise asyncpg.InterfaceError("connection is closed")
        finally:
            if connection.transaction_open is not None and not connection.transaction_open.is_over:
                # Cancelled on the way: the driver closes such a connection, and the server rolls back what was open.
                connection.terminate()
            connection.transaction_open = None


def _succeed(answer: asyncio.Future[Any], result: Any) -> None:
    if not answer.done():
        answer.set_result(result)


def _fail(answer: asyncio.Future[Any], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
