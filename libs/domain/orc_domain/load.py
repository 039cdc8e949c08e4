"""Where data goes: the loader configs a job may hold."""

from orc_domain.config import Config, keys_of
from orc_domain.fields import typed
from orc_domain.loaders.checks import CHECK_TYPES
from orc_domain.loaders.discard import DiscardLoad
from orc_domain.loaders.duckdb import DuckdbLoad, check_duckdb
from orc_domain.loaders.parquet import ParquetLoad, check_parquet_load
from orc_domain.loaders.postgres import PostgresLoad, check_postgres
from orc_domain.plugin_configs import LoaderConfig
from orc_domain.plugins import LOADERS, parse_plugin
from orc_domain.rejection import Invalid

BuiltIn = DiscardLoad | DuckdbLoad | ParquetLoad | PostgresLoad
Loader = BuiltIn | LoaderConfig
TYPES = ("discard", "duckdb", "parquet", "postgres")


def parse_loader(config: Config, field: str = "loader_config") -> Loader:
    """Type a config and judge all that its text tells; raises Invalid naming the field."""
    if config.get("type") not in TYPES:
        plugin = parse_plugin(config, LOADERS, TYPES, field)
        assert isinstance(plugin, LoaderConfig)
        return plugin
    try:
        loader: BuiltIn = typed(config, BuiltIn, field, valid=keys_of(BuiltIn, config))
    except Invalid as error:
        place = (error.field or "").removeprefix(f"{field}.")
        if place.startswith("checks[") and place.endswith(".type"):
            error.valid = CHECK_TYPES
        raise
    match loader:
        case DuckdbLoad():
            check_duckdb(loader, field)
        case ParquetLoad():
            check_parquet_load(loader, field)
        case PostgresLoad():
            check_postgres(loader, field)
        case DiscardLoad():
            pass
    return loader
