"""
What the configs of plugins are made of.

A plugin's config is a frozen Struct whose tag is the plugin's name, and is judged like a built-in one: wherever a job is
created, where there is neither Arrow nor DuckDB. So the module that holds it imports what else it needs inside functions.
"""

from typing import Any

from msgspec import structs

from orc_domain.config import REFERENCE, Config, Tagged
from orc_domain.extractors.files import Names, Renames, Types, check_columns
from orc_domain.extractors.incremental import Incremental
from orc_domain.rejection import Invalid
from orc_domain.secret_places import is_secret_name, is_secret_value

OWN_WORDS = frozenset({"type", "columns", "select", "rename", "incremental"})
"""What every extractor plugin's config may say; none of it is a place for secrets."""


class ExtractorConfig(Tagged, frozen=True, kw_only=True):
    """Base of an extractor plugin's config: what any source may be asked of its columns comes with it."""

    columns: Types | None = None
    """Types to cast columns to, by name; the others are as the plugin gave them."""
    select: Names | None = None
    """The columns to load, in this order; None loads all."""
    rename: Renames | None = None
    """New names of columns, by the plugin's."""
    incremental: Incremental | None = None
    """Extract only what is beyond the last run's cursor."""

    def check(self, field: str) -> None:
        """Judge what types alone do not tell; raises Invalid naming the field, which begins with `field`."""


class LoaderConfig(Tagged, frozen=True, kw_only=True):
    """Base of a loader plugin's config."""

    def check(self, field: str) -> None:
        """Judge what types alone do not tell; raises Invalid naming the field, which begins with `field`."""


PluginConfig = ExtractorConfig | LoaderConfig


def check_plugin_config(config: PluginConfig, given: Config, name: str, field: str) -> None:
    """Judge what the config's text tells, by the house's rules and then the plugin's own; raises Invalid."""
    _check_secrets({key: value for key, value in given.items() if key not in OWN_WORDS}, field)
    if isinstance(config, ExtractorConfig):
        check_columns(config.select, config.rename, config.columns, field)
    try:
        config.check(field)
    except Invalid:
        raise
    except Exception as error:
        # Nobody can use a config that its own plugin chokes on; the service that judges it goes on.
        reason = f"the plugin {name} cannot judge it: {type(error).__name__}: {error}"
        raise Invalid(field, reason[:300]) from error


def words_of(kind: type[PluginConfig]) -> str:
    """Return the keys that a config may have, for those who wrote another."""
    return "the keys " + ", ".join(["type", *(field.encode_name for field in structs.fields(kind))])


def _check_secrets(value: Any, place: str, name: str = "") -> None:
    match value:
        case str() if (value and is_secret_name(name)) or is_secret_value(name, value):
            raise Invalid(place, "a secret is written literally", valid=REFERENCE)
        case dict() if value.keys() != {"secret"}:
            for key, inner in value.items():
                _check_secrets(inner, f"{place}.{str(key)[:64]}", str(key))
        case list():
            for nth, inner in enumerate(value):
                _check_secrets(inner, f"{place}[{nth}]", name)
