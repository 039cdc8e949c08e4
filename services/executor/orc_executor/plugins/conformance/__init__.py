"""
The conformance suite: what a plugin must hold, run in real worker processes that are stopped and killed.

    check_extractor(ExtractorCase(…))    check_loader(LoaderCase(…))

or, to see each check by its name, EXTRACTOR_CHECKS and LOADER_CHECKS, each a function of a case. They raise
NotConforming, an AssertionError; with which test runner they are run does not matter. It needs the extra `executor`.
"""

from orc_executor.plugins.conformance.bench import NotConforming
from orc_executor.plugins.conformance.extractors import EXTRACTOR_CHECKS, ExtractorCase, check_extractor
from orc_executor.plugins.conformance.loaders import LOADER_CHECKS, LoaderCase, check_loader

__all__ = [
    "EXTRACTOR_CHECKS",
    "LOADER_CHECKS",
    "ExtractorCase",
    "LoaderCase",
    "NotConforming",
    "check_extractor",
    "check_loader",
]
