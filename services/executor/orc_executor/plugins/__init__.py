"""
What the author of an extractor or a loader imports; docs/plugins.md shows a complete one of each.

It imports neither Arrow nor DuckDB nor an HTTP client: a plugin's config is judged by services that have none of them.
"""

from orc_domain.config import SecretRef
from orc_domain.plugin_configs import ExtractorConfig, LoaderConfig
from orc_domain.rejection import Invalid
from orc_domain.sql_fields import SqlText
from orc_executor.errors import (
    NoSpace,
    SourceMalformed,
    SourceMissing,
    SourceRefused,
    SourceUnavailable,
    TargetLocked,
    TargetUnusable,
    TaskError,
    TaskStopped,
    WrongShape,
)
from orc_executor.plugins.contexts import ExtractContext, LoadContext
from orc_executor.plugins.protocols import ExtractorPlugin, LoaderPlugin, Transaction

__all__ = [
    "ExtractContext",
    "ExtractorConfig",
    "ExtractorPlugin",
    "Invalid",
    "LoadContext",
    "LoaderConfig",
    "LoaderPlugin",
    "NoSpace",
    "SecretRef",
    "SourceMalformed",
    "SourceMissing",
    "SourceRefused",
    "SourceUnavailable",
    "SqlText",
    "TargetLocked",
    "TargetUnusable",
    "TaskError",
    "TaskStopped",
    "Transaction",
    "WrongShape",
]
