"""
Which files an extractor of files reads: what its paths name, in their order, brought near where they are far away.

Where only new files are read, a file is known by its mark: size and time of its last change, or the etag of an object.
A file with another mark than it had is new again.
"""

from collections.abc import Mapping

from msgspec import Struct

from orc_domain.extractors.files import Files, Paths, paths_of
from orc_domain.extractors.storage import Place, Storage, remote_place
from orc_executor.errors import SourceMalformed
from orc_executor.paths import SourceFile
from orc_executor.state import TaskState
from orc_executor.underway import Underway


class Found(Struct, frozen=True):
    """The files to read, and what to remember of them."""

    files: tuple[SourceFile, ...]
    """Empty where none is new."""
    marks: Mapping[str, str]
    """Path to mark, of each file where only new ones are read."""


def find_files(
    path: Paths, files: Files, underway: Underway, state: TaskState, storage: Storage | None = None
) -> Found:
    """
    Return the files that the paths name, in the order of the paths and then by name, each once.

    Raises TaskError: a path that names nothing, one that leads outside, a store that fails, more files than
    `files_max`.
    """
    known = state.files if files == "new" else None
    paths = paths_of(path)
    places = {one: place for one in paths if (place := remote_place(one)) is not None}
    fetched = _fetched(list(dict.fromkeys(places.values())), storage, underway, known)
    folders, files_max = underway.reach.folders, underway.order.limits.files_max
    found, marks = dict[str, SourceFile](), dict[str, str]()
    for one in paths:
        if one in places:
            named = fetched[places[one]]
        else:
            judged = [file for file in folders.sources(one, files_max) if file.place not in found]
            named = [
                (file.place, underway.pins.source(file))
                for file in judged
                if known is None or known.get(file.place) != file.mark
            ]
        for key, file in named:
            found.setdefault(key, file)
            marks[key] = file.mark
        if len(found) > files_max:
            raise SourceMalformed(one.partition("?")[0], f"the paths name more than {files_max} files")
    underway.found(found.values())
    return Found(tuple(found.values()), marks if files == "new" else {})


def _fetched(
    places: list[Place], storage: Storage | None, underway: Underway, known: Mapping[str, str] | None
) -> dict[Place, list[tuple[str, SourceFile]]]:
    if not places:
        return {}
    from orc_executor.extractors.files.fetching import fetch_files  # noqa: PLC0415 - only URLs need an event loop

    come = fetch_files(places, storage, underway, known)
    return {place: [(one.key, one.file) for one in files] for place, files in come.items()}
