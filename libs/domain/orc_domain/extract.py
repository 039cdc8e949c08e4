"""Where data comes from: the extractor configs a job may hold."""

from orc_domain.config import REFERENCE, Config, keys_of
from orc_domain.extractors.api import ApiExtract, check_api
from orc_domain.extractors.csv import CsvExtract, check_csv
from orc_domain.extractors.inline import InlineExtract
from orc_domain.extractors.json import JsonExtract, JsonlExtract, check_json
from orc_domain.extractors.parquet import ParquetExtract, check_parquet
from orc_domain.extractors.sql import SqlExtract, check_sql
from orc_domain.fields import typed
from orc_domain.plugin_configs import ExtractorConfig
from orc_domain.plugins import EXTRACTORS, parse_plugin
from orc_domain.rejection import Invalid

BuiltIn = ApiExtract | CsvExtract | InlineExtract | JsonExtract | JsonlExtract | ParquetExtract | SqlExtract
Extractor = BuiltIn | ExtractorConfig
TYPES = ("api", "csv", "inline", "json", "jsonl", "parquet", "sql")
_NAME = "a name of a-z, 0-9 and '-'"
_TYPES_INSIDE = {
    "auth": "bearer, basic, header, api_key, oauth2_client_credentials",
    "pagination": "page_number, offset, cursor, next_link, link_header, single, auto",
}


def parse_extractor(config: Config, field: str = "extractor_config") -> Extractor:
    """Type a config and judge all that its text tells; raises Invalid naming the field."""
    if config.get("type") not in TYPES:
        plugin = parse_plugin(config, EXTRACTORS, TYPES, field)
        assert isinstance(plugin, ExtractorConfig)
        return plugin
    try:
        extractor: BuiltIn = typed(config, BuiltIn, field, valid=keys_of(BuiltIn, config))
    except Invalid as error:
        error.valid = _valid_inside((error.field or "").removeprefix(f"{field}.")) or error.valid
        raise
    match extractor:
        case ApiExtract():
            check_api(extractor, field)
        case CsvExtract():
            check_csv(extractor, field)
        case JsonExtract() | JsonlExtract():
            check_json(extractor, field)
        case ParquetExtract():
            check_parquet(extractor, field)
        case SqlExtract():
            check_sql(extractor, field)
        case InlineExtract():
            pass
    return extractor


def _valid_inside(place: str) -> str | None:
    group, _, rest = place.partition(".")
    if rest == "type":
        return _TYPES_INSIDE.get(group)
    if group in {"auth", "connection"} or place.startswith(("headers[", "params[")):
        return f"{REFERENCE} wherever a secret is meant, with {_NAME}"
    return None
