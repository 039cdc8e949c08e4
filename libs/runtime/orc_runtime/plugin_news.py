"""Tell at start which plugins there are, and which cannot be used and why."""

import structlog

from orc_domain import extract, load
from orc_domain.plugins import EXTRACTORS, LOADERS, Group, faults, usable

_logger = structlog.get_logger()

_BUILT_IN: dict[Group, tuple[str, ...]] = {EXTRACTORS: extract.TYPES, LOADERS: load.TYPES}


def tell_plugins() -> None:
    """Load every plugin, so that no request waits for it, and write a line about each."""
    for group, built_in in _BUILT_IN.items():
        for plugin in usable(group, built_in).values():
            _logger.info("plugin", group=group, type=plugin.name, distribution=plugin.distribution)
        for fault in faults(group, built_in):
            _logger.warning("plugin cannot be used", group=group, reason=fault)
