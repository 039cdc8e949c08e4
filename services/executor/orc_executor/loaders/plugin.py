"""
A loader that is a plugin, as a target.

    look     receipt? else a fence, so that no earlier attempt loads after we have looked
    load     receipt? → fence → rows, to the last one → receipt → commit

Both are one transaction of the plugin's. Receipts and fences are marks, which the plugin keeps where its rows are; that
a load happens once rests on nothing but their committing together.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid5

import duckdb
import msgspec

from orc_domain.load import TYPES
from orc_domain.plugin_configs import LoaderConfig
from orc_domain.plugins import LOADERS, usable
from orc_domain.run_messages import TaskResult
from orc_executor.engine import Engine
from orc_executor.engine_errors import is_type_doubt
from orc_executor.errors import Internal, Superseded, TaskError, TaskStopped
from orc_executor.extractors.source import NO_SCAN, Scan, Source
from orc_executor.loaders.arrow_rows import ArrowRows
from orc_executor.loaders.target import Known
from orc_executor.plugins.contexts import LoadContext
from orc_executor.plugins.faults import told
from orc_executor.plugins.protocols import Transaction
from orc_executor.receipts import Receipt
from orc_executor.state import TaskState
from orc_executor.underway import Underway


class PluginTarget:
    """Loads a source by a plugin, once."""

    def __init__(self, config: LoaderConfig, engine: Engine, underway: Underway) -> None:
        self._config, self._engine, self._underway = config, engine, underway
        self._name = str(config.__struct_config__.tag)
        order = self._order = underway.order
        self._receipt_name = f"receipt/{order.root_id}/{order.task_id}"
        self._fence_name = f"fence/{order.run_id}"

    def look(self) -> Known:
        """Return the receipt, or hold back earlier attempts; raises TaskError."""
        with self._transaction() as transaction:
            receipt = self._begin(transaction)
        return Known(receipt)

    def load(self, source: Source, state: TaskState | None) -> tuple[Receipt, bool]:
        """Return the receipt, and whether an earlier attempt had written it; raises TaskError, TaskStopped."""
        del state
        scans = source.scans(self._engine, None)
        while True:
            scan = NO_SCAN
            try:
                with self._underway.interruptible(self._engine.interrupt):
                    scan = next(scans)
            except duckdb.Error as error:
                raise source.explain(self._engine, scan, error) from error
            rows = ArrowRows(self._engine, scan, self._underway)
            try:
                return self._load_scan(scan, rows)
            except (Exception, SystemExit) as error:
                # The plugin may have said it in other words; what counts is what became of the source.
                failed = rows.failed
                if failed is None or isinstance(error, _CommitUncertain):
                    raise
                if not isinstance(failed, duckdb.Error):
                    raise failed from error
                if scan.is_sampled and is_type_doubt(failed):
                    continue
                with self._underway.interruptible(self._engine.interrupt):
                    raise source.explain(self._engine, scan, failed) from failed

    def _load_scan(self, scan: Scan, rows: ArrowRows) -> tuple[Receipt, bool]:
        with self._transaction() as transaction:
            receipt = self._begin(transaction)
            if receipt is not None:
                return receipt, True
            with self._underway.interruptible(self._engine.interrupt, self._engine.percent):
                transaction.write(rows.reader())
            rows.check_complete(self._name)
            order = self._order
            result = TaskResult(
                rows=rows.count,
                bytes=scan.bytes,
                seconds=self._underway.seconds(),
                receipt=str(uuid5(order.run_id, f"{order.attempt}/{order.task_id}")),
            )
            transaction.put({self._receipt_name: msgspec.json.encode(result).decode()})
            self._underway.commit_begins()
        return Receipt(result), False

    def _begin(self, transaction: Transaction) -> Receipt | None:
        """Return the receipt, or keep earlier attempts from loading; raises Superseded when a later one did that."""
        marks = transaction.get([self._receipt_name, self._fence_name])
        if (said := marks.get(self._receipt_name)) is not None:
            return Receipt(self._decoded(said, TaskResult))
        fence, attempt = self._decoded(marks.get(self._fence_name, "0"), int), self._order.attempt
        if fence > attempt:
            raise Superseded(attempt, fence)
        # Before the first attempt there is none to hold back.
        if max(fence, 1) < attempt:
            transaction.put({self._fence_name: str(attempt)})
        return None

    def _decoded(self, mark: str, type_: Any) -> Any:
        try:
            return msgspec.json.decode(mark, type=type_)
        except msgspec.MsgspecError as error:
            raise Internal(f"the plugin {self._name} gave back another mark than it was given") from error

    @contextmanager
    def _transaction(self) -> Iterator[Transaction]:
        underway, is_whole = self._underway, False
        try:
            with told(self._name, underway.reach.secrets), LoadContext(underway) as context:
                plugin = make_loader(self._name)
                with plugin.transaction(self._config, context) as transaction:
                    yield transaction
                    is_whole = True
        except (TaskError, TaskStopped, MemoryError) as error:
            if underway.is_committing:
                # Whether it is committed is known by the target alone; the next attempt reads the receipt.
                raise _CommitUncertain(f"the plugin {self._name} failed in its commit: {error}") from error
            raise
        if not is_whole:
            raise Internal(f"the plugin {self._name} hid an error that its transaction was to end with")


def make_loader(name: str) -> Any:
    """Return the plugin of this name."""
    made = usable(LOADERS, TYPES)[name].made
    return made() if isinstance(made, type) else made


class _CommitUncertain(Exception):
    """The process must end: only the receipt tells whether the load happened."""
