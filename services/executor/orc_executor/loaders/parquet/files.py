"""
The files of a Parquet folder: written out of sight, put in their places, removed when the manifest names them no more.

A load writes into `.orc-unfinished-<load>`, under names that end in `.part`, as patterns like `**/*.parquet` look into
hidden folders, too. That folder is removed last: where there is one, a load was killed, and what it left is swept.
"""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from orc_executor.beneath import folder_in
from orc_executor.errors import NoSpace, TargetUnusable
from orc_executor.loaders.parquet.manifest import FILES_MAX, FOLDER, NAME, DataFile, sync_folders

UNFINISHED = ".orc-unfinished-"
PART, SUFFIX = "part", ".parquet"
_OURS = re.compile(r"orc-[0-9a-f]{32}-\d+\.parquet")
_NO_SPACE = "No space left on device"


class Written(Struct, frozen=True):
    """A file as DuckDB has written it."""

    path: str
    """Absolute."""
    rows: int
    bytes: int


def check_free(folder: Path, real: Path, within: Path, name: str) -> None:
    """Refuse to begin in a folder that holds something, or lies, by its real path, in another dataset's; raises TargetUnusable."""
    for parent in real.parents:
        if parent == within:
            break
        if (parent / FOLDER / NAME).exists():
            raise TargetUnusable(
                f"{name}: it lies in {parent.relative_to(within)}, which is a dataset itself; name a folder beside it"
            )
    for entry in os.scandir(folder):
        if entry.name != FOLDER:
            raise TargetUnusable(
                f"{name}: the folder holds {entry.name[:100]!r}, and no manifest of ours says what of it is the dataset; "
                "name an empty folder"
            )


def unfinished_folder(folder: Path, load: str, name: str) -> str:
    """Make the folder that a load writes into and return its name; raises NoSpace, TargetUnusable."""
    unfinished = f"{UNFINISHED}{load}"
    try:
        # Nobody else may put a link in it while DuckDB makes files there by their names.
        (folder / unfinished).mkdir(mode=0o700)
    except OSError as error:
        raise _unusable(error, name, "its folder for unfinished files cannot be made") from error
    return unfinished


def place(
    written: Sequence[Written], unfinished: Path, folder: Path, load: str, name: str
) -> tuple[DataFile, ...]:
    """Move what was written to where readers find it, in the order it was written, for good; raises TargetUnusable."""
    placed, homes = list[DataFile](), {Path(): None}
    try:
        for number, file in enumerate(written):
            source = Path(file.path)
            # The first folder under the unfinished one is of the scan.
            home = Path(*source.parent.relative_to(unfinished).parts[1:])
            homes |= dict.fromkeys((home, *home.parents))
            target = f"orc-{load.replace('-', '')}-{number}{SUFFIX}"
            _sync(source)
            with _home(folder, home, name) as there:
                source.rename(there / target)
                size = (there / target).lstat().st_size
            placed.append(DataFile(str(home / target), file.rows, size))
        sync_folders(folder, map(str, homes))
    except OSError as error:
        raise _unusable(error, name, "what was written cannot be put in its place") from error
    return tuple(placed)


def sweep(folder: Path, named: Sequence[DataFile]) -> None:
    """Remove what killed loads have left: their unfinished folders last, as these tell that there is something to do."""
    left = [entry for entry in os.scandir(folder) if entry.name.startswith(UNFINISHED)]
    if not left:
        return
    keep = {file.path for file in named}
    remove(folder, [path for path in _data_files(folder) if path not in keep])
    for entry in left:
        shutil.rmtree(entry.path, ignore_errors=True)


def remove(folder: Path, paths: Sequence[str]) -> None:
    """Remove files, and the folders of partitions that are empty then; one that is gone already is no fault."""
    for path in map(Path, paths):
        with suppress(FileNotFoundError), folder_in(folder, str(path.parent)) as home:
            (home / path.name).unlink()
    for home in {Path(path).parent for path in paths}:
        _remove_empty(folder, home)


def _remove_empty(folder: Path, home: Path) -> None:
    while home.name:
        try:
            with folder_in(folder, str(home.parent)) as above:
                (above / home.name).rmdir()
        except OSError:
            break
        home = home.parent


def check_count(count: int, name: str) -> None:
    """Bound the number of files; raises TargetUnusable."""
    if count > FILES_MAX:
        raise TargetUnusable(
            f"{name}: the dataset would have {count} files, {FILES_MAX} are allowed: partition by less, or load more at once"
        )


def _data_files(folder: Path, below: str = "") -> Iterator[str]:
    """Yield our files by their paths below the folder; what a link leads to is not looked at."""
    with folder_in(folder, below) as home:
        folders = []
        for entry in os.scandir(home):
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif _OURS.fullmatch(entry.name):
                yield str(Path(below, entry.name))
    for name in folders:
        if name != FOLDER and not name.startswith(UNFINISHED):
            with suppress(FileNotFoundError, NotADirectoryError):
                yield from _data_files(folder, str(Path(below, name)))


@contextmanager
def _home(folder: Path, home: Path, name: str) -> Iterator[Path]:
    try:
        with folder_in(folder, str(home), make=True) as there:
            yield there
    except NotADirectoryError as error:
        raise TargetUnusable(f"{name}: {home} is, or lies in, a link to another folder") from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(error: OSError, name: str, what: str) -> NoSpace | TargetUnusable:
    fault = NoSpace if error.strerror == _NO_SPACE else TargetUnusable
    return fault(f"{name}: {what}: {error.strerror}")
