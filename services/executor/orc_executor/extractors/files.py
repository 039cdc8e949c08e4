"""Which files an extractor of files reads: what its paths name, brought near where they are far away."""

from collections.abc import Mapping

from msgspec import Struct

from orc_domain.extractors.files import Files, Paths, paths_of
from orc_executor.paths import SourceFile
from orc_executor.state import TaskState
from orc_executor.underway import Underway


class Found(Struct, frozen=True):
    """The files to read, and what to remember of them."""

    files: tuple[SourceFile, ...]
    marks: Mapping[str, str]
    """Path to mark, of each file where only new ones are read."""


def find_files(path: Paths, files: Files, underway: Underway, state: TaskState) -> Found:
    """Return the files that the paths name, in the order of the paths and then by name; raises TaskError."""
    del files, state
    folders, files_max = underway.reach.folders, underway.order.limits.files_max
    found = [file for one in paths_of(path) for file in folders.sources(one, files_max)]
    underway.files, underway.bytes_total = len(found), sum(file.bytes for file in found)
    return Found(tuple(found), {})
