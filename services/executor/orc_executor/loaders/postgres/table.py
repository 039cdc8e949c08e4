"""
A table of a Postgres database, loaded in one transaction of it.

    look     receipt? else the state, and a fence, so that no earlier attempt, however long it slept, loads after us
    load     receipt? → rows into the scratch folder → lock → receipt? → state still the same? → fence → COPY
             → replace | append | merge | add what is new → state → receipt → commit

A commit of which the server said nothing is asked for again: the lock of the table is free once it is over, and then the
receipt is there or it is not.
"""

import asyncio
import time
from typing import Any

import asyncpg

from orc_domain.loaders.postgres import PostgresLoad
from orc_domain.loaders.tables import KEYED
from orc_domain.run_messages import TaskResult
from orc_executor.engine import Engine
from orc_executor.errors import OutcomeUnknown, TargetUnavailable, TaskError
from orc_executor.extractors.source import Columns, Source
from orc_executor.loaders.postgres.landing import Landing
from orc_executor.loaders.postgres.ledger import PostgresLedger, limit
from orc_executor.loaders.postgres.spool import Spooled, Spooler
from orc_executor.loaders.postgres.tables import read_table
from orc_executor.loaders.postgres.types import duckdb_type
from orc_executor.loaders.rows import let_go
from orc_executor.loaders.target import Known, StateMoved
from orc_executor.postgres_connection import Session
from orc_executor.postgres_url import postgres_url
from orc_executor.receipts import Receipt
from orc_executor.state import TaskState
from orc_executor.state import following as after
from orc_executor.underway import Underway

_READING, _WRITING = "ISOLATION LEVEL READ COMMITTED, READ ONLY", "ISOLATION LEVEL READ COMMITTED, READ WRITE"
"""Whatever the database's own default is: what was committed before we had the lock must be seen once we have it."""
COMMIT_SECONDS_MAX = 60.0
TABLE_LOCK_SECONDS_MAX = 60.0
"""How long to wait for those who read or write the table; meanwhile others wait behind us."""
RESOLVE_TRIES_MAX, RESOLVE_PAUSE_SECONDS, RESOLVE_LOCK_SECONDS_MAX = 5, 1.0, 30.0


class PostgresTable:
    """Loads a source into its table, once."""

    def __init__(self, config: PostgresLoad, engine: Engine, underway: Underway) -> None:
        self._config, self._engine, self._underway = config, engine, underway
        self._order = underway.order
        self._name = f"{config.schema_name}.{config.table_name}"
        self._url = postgres_url(config.connection, underway.reach.secrets)

    def look(self) -> Known:
        """Return the receipt or the state, and hold back earlier attempts; raises TaskError."""
        with self._session() as session:
            session.begin(_WRITING)
            ledger = self._locked(session)
            receipt = ledger.receipt()
            if receipt is None:
                ledger.hold_back_earlier()
            known = Known(receipt, ledger.state())
            session.execute("COMMIT")
            return known

    def load(self, source: Source, state: TaskState | None) -> tuple[Receipt, bool]:
        """Return the receipt, and whether an earlier attempt had written it; raises TaskError, TaskStopped, StateMoved."""
        receipt, wanted = self._looked()
        if receipt is not None:
            return receipt, True
        spooler = Spooler(self._config, self._engine, self._underway, state)
        try:
            return self._load(source, state, spooler, wanted)
        finally:
            let_go(self._engine)

    def _load(
        self, source: Source, state: TaskState | None, spooler: Spooler, wanted: Columns | None
    ) -> tuple[Receipt, bool]:
        learned, spooled = source.learned(), None
        if not learned.is_unchanged:
            spooled = spooler.spool(source, wanted)
        following = None
        if state is not None:
            following = (
                spooled.rows.advance(self._engine, state, learned) if spooled else after(state, learned)
            )
        with self._session() as session:
            session.begin(_WRITING)
            ledger = self._locked(session)
            if (receipt := ledger.receipt()) is not None:
                return receipt, True
            if state is not None and ledger.state().version != state.version:
                raise StateMoved
            ledger.hold_back_earlier()
            result = TaskResult(rows=0, seconds=self._underway.seconds())
            if spooled is not None:
                result = self._land(session, spooled, spooler, following)
            if following is not None:
                ledger.remember(following)
            receipt = ledger.write(result)
            self._underway.commit_begins()
            return self._commit(session, receipt), False

    def _looked(self) -> tuple[Receipt | None, Columns | None]:
        """Return the receipt, and the columns of a table that rows are added to, as DuckDB types."""
        with self._session() as session:
            session.begin(_READING)
            receipt = PostgresLedger(session, self._order).receipt()
            table = read_table(session, self._config.schema_name, self._config.table_name)
        if table is None or self._config.write_disposition == "replace":
            return receipt, None
        known = {name: duckdb_type(column.type) for name, column in table.columns.items()}
        return receipt, {name: type_ for name, type_ in known.items() if type_ is not None}

    def _land(
        self, session: Session, spooled: Spooled, spooler: Spooler, state: TaskState | None
    ) -> TaskResult:
        limit(session, min(TABLE_LOCK_SECONDS_MAX, self._underway.seconds_left()))
        landing = Landing(self._config, session, spooled, self._underway)
        try:
            loaded, changes = landing.land()
        except TaskError as error:
            cause: Any = error.__cause__
            if isinstance(cause, asyncpg.CharacterNotInRepertoireError):
                raise spooler.find_nul(spooled) or error from error
            raise
        is_told = self._config.write_disposition in KEYED
        return TaskResult(
            rows=spooled.count,
            bytes=spooled.rows.scan.bytes,
            seconds=self._underway.seconds(),
            cursor=spooled.rows.cursor(state),
            bad_rows=spooled.bad_rows,
            schema_changes=changes,
            tables=(loaded,) if is_told else (),
        )

    def _commit(self, session: Session, receipt: Receipt) -> Receipt:
        async def commit() -> str:
            async with asyncio.timeout(COMMIT_SECONDS_MAX):
                return str(await session.connection.execute("COMMIT"))

        try:
            said = session.run_to_the_end(commit())
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            told = session.told(error)
            if isinstance(error, asyncpg.PostgresError) and not isinstance(told, TargetUnavailable):
                # The server refused: a constraint that is checked last, a conflict with another transaction.
                raise told from error
            return self._resolved(told)
        if said != "COMMIT":
            raise TargetUnavailable(f"{self._url.place}: the transaction was rolled back at its commit")
        return receipt

    def _resolved(self, broken: TaskError) -> Receipt:
        """Return the receipt when the commit happened; raises `broken` when it did not, OutcomeUnknown."""
        for tries_left in reversed(range(RESOLVE_TRIES_MAX)):
            try:
                with self._session() as session:
                    session.begin(_WRITING)
                    ledger = PostgresLedger(session, self._order)
                    ledger.lock(self._name, RESOLVE_LOCK_SECONDS_MAX)
                    receipt = ledger.receipt()
            except TaskError as error:
                if not (error.retryable and tries_left):
                    raise OutcomeUnknown(f"{broken.message}; then {error.message}") from error
                time.sleep(RESOLVE_PAUSE_SECONDS)
                continue
            if receipt is None:
                raise broken
            return receipt
        raise AssertionError("the last try returns or raises")

    def _locked(self, session: Session) -> PostgresLedger:
        ledger = PostgresLedger(session, self._order)
        ledger.lock(self._name, max(0.0, self._underway.wait_until - time.monotonic()))
        return ledger

    def _session(self) -> Session:
        return Session(self._url, self._underway, "target")
