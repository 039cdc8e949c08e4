"""
What an extractor and a loader must be: one protocol each.

    extractor    batches: rows, in pieces that fit into memory
    loader       transaction: a block in which rows and marks are written, and which commits all of them or nothing

What makes a load exactly once (receipts, fences, what a repeated order is answered) is told in marks, small texts under
names, and is the engine's affair: a loader only keeps them where its rows are.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from orc_domain.plugin_configs import ExtractorConfig, LoaderConfig
from orc_executor.plugins.contexts import ExtractContext, LoadContext

if TYPE_CHECKING:
    import pyarrow as pa

E = TypeVar("E", bound=ExtractorConfig)
L = TypeVar("L", bound=LoaderConfig)


class ExtractorPlugin(Protocol[E]):
    """Where rows come from."""

    config: type[E]
    """Tagged with the entry point's name."""

    def batches(
        self, config: E, context: ExtractContext
    ) -> "Iterable[pa.RecordBatch | pa.Table | list[dict[str, Any]]]":
        """
        Yield the rows, in pieces that fit into memory and in an order that is the same each time.

        Arrow keeps the types that the plugin gives; the types of dicts are told by every row of the task. A task's
        pieces are all Arrow or all dicts.

        No target is locked meanwhile. Where `context.cursor` is set, rows before it may be left out; those that come
        all the same are left out by the engine.
        """


class Transaction(Protocol):
    """A transaction of the target; nothing of it is seen by others before it commits."""

    def get(self, names: Sequence[str]) -> Mapping[str, str]:
        """Return the marks of these names, those that exist; whoever else may write them waits until we are done."""

    def put(self, marks: Mapping[str, str]) -> None:
        """Add marks, or change them."""

    def write(self, rows: "pa.RecordBatchReader") -> None:
        """
        Write the rows, to the reader's end; what it raises must leave the block, which rolls back.

        A reader without columns has no rows, and nothing is known of them.
        """


class LoaderPlugin(Protocol[L]):
    """Where rows go."""

    config: type[L]
    """Tagged with the entry point's name."""

    def transaction(self, config: L, context: LoadContext) -> AbstractContextManager[Transaction]:
        """
        Return a block that commits when it is left, and changes nothing when it is left by an exception.

        One transaction at a time holds the marks: a second one waits in `get` or before it.
        """
