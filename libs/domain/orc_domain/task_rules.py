"""What an extractor and a loader must be to go together."""

from orc_domain.extract import Extractor
from orc_domain.extractors.api import ApiExtract
from orc_domain.load import Loader
from orc_domain.loaders.discard import DiscardLoad
from orc_domain.loaders.duckdb import MEMORY, DuckdbLoad
from orc_domain.loaders.parquet import ParquetLoad
from orc_domain.loaders.postgres import PostgresLoad
from orc_domain.plugin_configs import LoaderConfig
from orc_domain.rejection import Invalid


def goes_on(extractor: Extractor) -> bool:
    """Tell whether a run begins where the last one ended, by what the target keeps of it."""
    if getattr(extractor, "incremental", None) is not None or getattr(extractor, "files", "all") == "new":
        return True
    return isinstance(extractor, ApiExtract) and extractor.conditional


def check_task(extractor: Extractor, loader: Loader, field: str) -> None:
    """Refuse what cannot go together; raises Invalid naming the field."""
    bad_rows = getattr(extractor, "on_bad_rows", None)
    if getattr(bad_rows, "mode", "") == "quarantine" and isinstance(loader, ParquetLoad | PostgresLoad):
        raise Invalid(
            f"{field}.extractor_config.on_bad_rows.mode",
            "the target has no quarantine: the loader duckdb has one",
            valid="fail or skip",
        )
    if not goes_on(extractor):
        return
    is_conditional = (
        isinstance(extractor, ApiExtract) and extractor.conditional and extractor.incremental is None
    )
    word = (
        "conditional"
        if is_conditional
        else "files"
        if getattr(extractor, "incremental", None) is None
        else "incremental"
    )
    place = f"{field}.extractor_config.{word}"
    if isinstance(loader, DiscardLoad) or (isinstance(loader, DuckdbLoad) and loader.db_path == MEMORY):
        raise Invalid(
            place,
            "the target keeps nothing, so no run could go on where the last one ended",
            valid="a target that keeps what is loaded",
        )
    if isinstance(loader, LoaderConfig):
        raise Invalid(
            place,
            "a loader that is a plugin keeps no cursor, so no run could go on where the last one ended",
            valid="a built-in loader",
        )
    if loader.write_disposition == "replace" and not is_conditional:
        raise Invalid(
            place,
            "each run extracts only what is new, and write_disposition replace would drop the rest",
            valid="write_disposition append, merge or insert-only",
        )
    if (
        isinstance(loader, DuckdbLoad)
        and loader.write_disposition == "scd2"
        and loader.scd2.absent == "close"
    ):
        raise Invalid(
            place,
            "each run extracts only what is new, and scd2 would close what is not among it",
            valid='scd2: {"absent": "keep"}',
        )
