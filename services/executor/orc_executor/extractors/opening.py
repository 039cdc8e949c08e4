"""Which extractor serves a config."""

from orc_domain.extract import Extractor
from orc_domain.extractors.api import ApiExtract
from orc_domain.extractors.csv import CsvExtract
from orc_domain.extractors.inline import InlineExtract
from orc_domain.extractors.json import JsonExtract, JsonlExtract
from orc_domain.extractors.parquet import ParquetExtract
from orc_domain.extractors.sql import SqlExtract
from orc_domain.plugin_configs import ExtractorConfig
from orc_executor.errors import Internal
from orc_executor.extractors.csv.source import CsvSource
from orc_executor.extractors.inline import InlineSource
from orc_executor.extractors.parquet import ParquetSource
from orc_executor.extractors.source import Source
from orc_executor.state import TaskState
from orc_executor.underway import Underway


def open_source(extractor: Extractor, underway: Underway, state: TaskState) -> Source:
    """Return the source, which goes on from the state where its config says so; raises TaskError."""
    match extractor:
        case CsvExtract():
            return CsvSource(extractor, underway, state)
        case ParquetExtract():
            return ParquetSource(extractor, underway, state)
        case InlineExtract():
            return InlineSource(extractor.rows, underway)
        case JsonExtract() | JsonlExtract():
            from orc_executor.extractors.json.source import JsonSource  # noqa: PLC0415 - Arrow, which only they need

            return JsonSource(extractor, underway, state)
        case ApiExtract():
            from orc_executor.extractors.api.source import ApiSource  # noqa: PLC0415 - 15 MB that only APIs need

            return ApiSource(extractor, underway, state)
        case SqlExtract():
            from orc_executor.extractors.postgres.source import SqlSource  # noqa: PLC0415 - a driver that only Postgres needs

            return SqlSource(extractor, underway, state)
        case ExtractorConfig():
            from orc_executor.extractors.plugin import PluginSource  # noqa: PLC0415 - Arrow, which only plugins need

            return PluginSource(extractor, underway, state)
    raise Internal(f"there is no extractor for {type(extractor).__name__}")
