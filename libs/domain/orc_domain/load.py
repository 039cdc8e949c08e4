"""Where data goes: the loader configs a job may hold."""

from orc_domain.config import Config, check_type, keys_of
from orc_domain.fields import typed
from orc_domain.loaders.checks import CHECK_TYPES
from orc_domain.loaders.discard import DiscardLoad
from orc_domain.loaders.duckdb import DuckdbLoad, check_duckdb
from orc_domain.loaders.parquet import ParquetLoad, check_parquet_load
from orc_domain.loaders.postgres import PostgresLoad, check_postgres
from orc_domain.rejection import Invalid

Loader = DiscardLoad | DuckdbLoad | ParquetLoad | PostgresLoad
TYPES = ("discard", "duckdb", "parquet", "postgres")


def parse_loader(config: Config, field: str = "loader_config") -> Loader:
    """Type a config and judge all that its text tells; raises Invalid naming the field."""
    check_type(config, TYPES, field)
    try:
        loader: Loader = typed(config, Loader, field, valid=keys_of(Loader, config))
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
