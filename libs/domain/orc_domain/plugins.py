"""
Which extractors and loaders are installed beside the built-in ones.

A distribution announces them as entry points of `orc.extractors` and `orc.loaders`; an entry point's name is the `type`
of its configs. What is installed is a constant of the environment, like the domain's own classes: it is read once, when
first asked for, and nothing is added while a process runs. One that cannot be used is kept with the reason, so that
whoever names it is told.
"""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any, Literal

from msgspec import Struct

from orc_domain.config import Config, check_type
from orc_domain.fields import typed
from orc_domain.plugin_configs import (
    ExtractorConfig,
    LoaderConfig,
    PluginConfig,
    check_plugin_config,
    words_of,
)
from orc_domain.rejection import Invalid

Group = Literal["orc.extractors", "orc.loaders"]
EXTRACTORS: Group = "orc.extractors"
LOADERS: Group = "orc.loaders"
BASES: dict[Group, type[PluginConfig]] = {EXTRACTORS: ExtractorConfig, LOADERS: LoaderConfig}
PARTS: dict[Group, str] = {EXTRACTORS: "batches", LOADERS: "transaction"}
"""What a plugin must be able to do."""
REASON_CHARACTERS_MAX = 300


class Plugin(Struct, frozen=True):
    """An entry point: it can be used, or says why not."""

    name: str
    """The `type` of its configs."""
    distribution: str
    """Who brings it, with its version."""
    config: type[PluginConfig] | None = None
    made: Any = None
    """What the entry point names: a class to be called without arguments, or an object."""
    fault: str | None = None
    """Why it cannot be used."""


@cache
def installed(group: Group) -> Mapping[str, Plugin]:
    """Return the plugins of a group by name, those that cannot be used among them."""
    found = dict[str, Plugin]()
    for point in sorted(entry_points(group=group), key=lambda point: (point.name, _distribution(point))):
        if (other := found.get(point.name)) is not None:
            both = f"{other.distribution} and {_distribution(point)} both bring one of this name"
            found[point.name] = Plugin(point.name, other.distribution, fault=both)
            continue
        found[point.name] = _load(point, group)
    return MappingProxyType(found)


def usable(group: Group, built_in: tuple[str, ...]) -> dict[str, Plugin]:
    """Return the plugins that a config may name: a built-in type is never a plugin's."""
    return {
        name: plugin
        for name, plugin in installed(group).items()
        if plugin.fault is None and name not in built_in
    }


def faults(group: Group, built_in: tuple[str, ...]) -> list[str]:
    """Return a sentence for each plugin that cannot be used."""
    said = list[str]()
    for name, plugin in installed(group).items():
        fault = f"the type {name} is built in" if name in built_in else plugin.fault
        if fault is not None:
            said.append(f"the plugin {name} of {plugin.distribution} cannot be used: {fault}")
    return said


def parse_plugin(config: Config, group: Group, built_in: tuple[str, ...], field: str) -> PluginConfig:
    """Type a config whose type is not built in, and judge it; raises Invalid."""
    given = config.get("type")
    plugin = installed(group).get(given) if isinstance(given, str) else None
    if plugin is not None and plugin.fault is not None:
        raise Invalid(f"{field}.type", f"type {plugin.name}: the plugin cannot be used: {plugin.fault}")
    check_type(config, (*built_in, *usable(group, built_in)), field)
    assert plugin is not None
    assert plugin.config is not None
    parsed: PluginConfig = typed(config, plugin.config, field, valid=words_of(plugin.config))
    check_plugin_config(parsed, config, plugin.name, field)
    return parsed


def _load(point: EntryPoint, group: Group) -> Plugin:
    distribution = _distribution(point)
    try:
        made = point.load()
        config = getattr(made, "config", None)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin that cannot be imported is no fault of the service
        reason = f"{type(error).__name__}: {error}"
        return Plugin(point.name, distribution, fault=reason[:REASON_CHARACTERS_MAX])
    if (fault := _fault(point.name, made, config, group)) is not None:
        return Plugin(point.name, distribution, fault=fault[:REASON_CHARACTERS_MAX])
    return Plugin(point.name, distribution, config=config, made=made)


def _fault(name: str, made: Any, config: Any, group: Group) -> str | None:
    base = BASES[group]
    if not (isinstance(config, type) and issubclass(config, base)):
        return f"{point_name(made)}.config is no subclass of {base.__name__}"
    shape = config.__struct_config__
    if shape.tag != name or shape.tag_field != "type":
        return f'{config.__name__} is tagged {shape.tag!r}, not as its entry point: tag="{name}"'
    if not (shape.frozen and shape.forbid_unknown_fields):
        return f"{config.__name__} is not frozen, or takes unknown words"
    if not callable(getattr(made, PARTS[group], None)):
        return f"{point_name(made)} has no method {PARTS[group]}"
    return None


def point_name(made: Any) -> str:
    """Return what to call the thing that an entry point names."""
    return str(getattr(made, "__name__", type(made).__name__))


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else "an unnamed distribution"
