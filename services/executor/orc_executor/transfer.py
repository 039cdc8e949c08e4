"""
Transfer: one order, from its configs to its answer.

    settle        read the receipt, load nothing
    check         an earlier attempt may have loaded it: read the receipt, hold that attempt back
    gather        bring near what is far away, no target locked
    load          in one transaction, with its receipt

The loader `discard` keeps nothing, so it has no receipts and loads again whenever it is asked.
"""

from orc_domain.extract import ApiExtract, CsvExtract, Extractor, InlineExtract, ParquetExtract
from orc_domain.load import DuckdbLoad, Loader
from orc_executor.engine import Engine
from orc_executor.extractors.csv import CsvSource
from orc_executor.extractors.inline import InlineSource
from orc_executor.extractors.parquet import ParquetSource
from orc_executor.extractors.source import Source
from orc_executor.frames import Answer, Loaded, NoReceipt
from orc_executor.loaders.discard import discard
from orc_executor.loaders.duckdb import DuckdbLoader
from orc_executor.underway import Underway


def transfer(extractor: Extractor, loader: Loader, engine: Engine, underway: Underway) -> Answer:
    """Do what the order says; raises TaskError, TaskStopped."""
    order = underway.order
    if not isinstance(loader, DuckdbLoad):
        if order.settle:
            return NoReceipt()
        source = _source(extractor, underway)
        source.gather()
        return Loaded(discard(source, engine, underway))
    target = DuckdbLoader(loader, engine, underway)
    if order.settle or order.check_receipt:
        if (receipt := target.look()) is not None:
            return Loaded(receipt.result, already=True)
        if order.settle:
            return NoReceipt()
    source = _source(extractor, underway)
    source.gather()
    underway.check_stop()
    receipt, already = target.load(source)
    return Loaded(receipt.result, already=already)


def _source(extractor: Extractor, underway: Underway) -> Source:
    folders, files_max = underway.reach.folders, underway.order.limits.files_max
    match extractor:
        case CsvExtract():
            return CsvSource(extractor, folders.sources(extractor.path, files_max))
        case ParquetExtract():
            return ParquetSource(folders.sources(extractor.path, files_max))
        case InlineExtract():
            return InlineSource(extractor.rows, underway)
        case ApiExtract():
            from orc_executor.extractors.api import ApiSource  # noqa: PLC0415 - 15 MB that only APIs need

            return ApiSource(extractor, underway)
