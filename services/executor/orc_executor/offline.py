"""
Offline: which tasks need no network. A worker that does one has none, whatever a file talks its reader into.

What is not known to need none gets it: a plugin may speak to anybody.
"""

from orc_domain.config import Config
from orc_domain.extractors.storage import remote_place

_FILES = frozenset({"csv", "json", "jsonl", "parquet"})
_INLINE = "inline"
_TARGETS = frozenset({"duckdb", "parquet", "discard"})


def needs_network(extractor_config: Config, loader_config: Config) -> bool:
    """Tell whether a task reads from, or loads into, anything but files of this machine."""
    if loader_config.get("type") not in _TARGETS:
        return True
    kind = extractor_config.get("type")
    if kind == _INLINE:
        return False
    if kind not in _FILES or extractor_config.get("storage") is not None:
        return True
    named = extractor_config.get("path")
    paths = named if isinstance(named, list | tuple) else [named]
    return any(not isinstance(path, str) or remote_place(path) is not None for path in paths)
