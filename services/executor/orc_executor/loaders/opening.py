"""Which loader serves a config."""

from orc_domain.load import Loader
from orc_domain.loaders.discard import DiscardLoad
from orc_domain.loaders.duckdb import DuckdbLoad
from orc_domain.loaders.parquet import ParquetLoad
from orc_domain.loaders.postgres import PostgresLoad
from orc_domain.plugin_configs import LoaderConfig
from orc_executor.engine import Engine
from orc_executor.errors import Internal
from orc_executor.loaders.duckdb.file import DuckdbFile
from orc_executor.loaders.parquet.folder import ParquetFolder
from orc_executor.loaders.target import Target
from orc_executor.underway import Underway


def open_target(loader: Loader, engine: Engine, underway: Underway) -> Target | None:
    """Return the target, None where nothing is kept; raises TaskError."""
    match loader:
        case DiscardLoad():
            return None
        case DuckdbLoad():
            return DuckdbFile(loader, engine, underway)
        case ParquetLoad():
            return ParquetFolder(loader, engine, underway)
        case PostgresLoad():
            from orc_executor.loaders.postgres.table import PostgresTable  # noqa: PLC0415 - only Postgres needs its driver

            return PostgresTable(loader, engine, underway)
        case LoaderConfig():
            from orc_executor.loaders.plugin import PluginTarget  # noqa: PLC0415 - Arrow, which only plugins need

            return PluginTarget(loader, engine, underway)
    raise Internal(f"there is no loader for {type(loader).__name__}")
