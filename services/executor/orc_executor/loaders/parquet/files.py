"""
The files of a Parquet folder: written out of sight, put in their places, removed when the manifest names them no more.

A load writes into `.orc-unfinished-<load>`, under names that end in `.part`, as patterns like `**/*.parquet` look into
hidden folders, too. That folder is removed last: where there is one, a load was killed, and what it left is swept.
"""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

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


def check_free(folder: Path, within: Path, name: str) -> None:
    """Refuse to begin in a folder that holds something, or lies in another dataset's; raises TargetUnusable."""
    for parent in folder.parents:
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


def unfinished_folder(folder: Path, load: str, name: str) -> Path:
    """Make the folder that a load writes into; raises NoSpace, TargetUnusable."""
    unfinished = folder / f"{UNFINISHED}{load}"
    try:
        unfinished.mkdir()
    except OSError as error:
        raise _unusable(error, name, "its folder for unfinished files cannot be made") from error
    return unfinished


def place(
    written: Sequence[Written], unfinished: Path, folder: Path, load: str, name: str
) -> tuple[DataFile, ...]:
    """Move what was written to where readers find it, in the order it was written, for good; raises TargetUnusable."""
    placed, homes = list[DataFile](), {folder: None}
    try:
        for number, file in enumerate(written):
            source = Path(file.path)
            # The first folder under the unfinished one is of the scan.
            home = folder.joinpath(*source.parent.relative_to(unfinished).parts[1:])
            if home not in homes:
                _make_home(home, folder, name)
                homes |= dict.fromkeys(one for one in (home, *home.parents) if folder in one.parents)
            target = home / f"orc-{load.replace('-', '')}-{number}{SUFFIX}"
            _sync(source)
            source.rename(target)
            placed.append(DataFile(str(target.relative_to(folder)), file.rows, target.stat().st_size))
        sync_folders(homes)
    except OSError as error:
        raise _unusable(error, name, "what was written cannot be put in its place") from error
    return tuple(placed)


def sweep(folder: Path, named: Sequence[DataFile]) -> None:
    """Remove what killed loads have left: their unfinished folders last, as these tell that there is something to do."""
    left = [entry for entry in os.scandir(folder) if entry.name.startswith(UNFINISHED)]
    if not left:
        return
    keep = {file.path for file in named}
    for path in _data_files(folder):
        if str(path.relative_to(folder)) not in keep:
            remove(folder, [path])
    for entry in left:
        shutil.rmtree(entry.path, ignore_errors=True)


def remove(folder: Path, paths: Sequence[Path]) -> None:
    """Remove files, and the folders of partitions that are empty then; one that is gone already is no fault."""
    for path in paths:
        path.unlink(missing_ok=True)
    for home in {path.parent for path in paths}:
        while home != folder:
            try:
                home.rmdir()
            except OSError:
                break
            home = home.parent  # noqa: PLW2901 - it climbs


def check_count(count: int, name: str) -> None:
    """Bound the number of files; raises TargetUnusable."""
    if count > FILES_MAX:
        raise TargetUnusable(
            f"{name}: the dataset would have {count} files, {FILES_MAX} are allowed: partition by less, or load more at once"
        )


def _data_files(folder: Path) -> Iterator[Path]:
    for home, folders, files in os.walk(folder):
        folders[:] = [one for one in folders if one != FOLDER and not one.startswith(UNFINISHED)]
        yield from (Path(home) / file for file in files if _OURS.fullmatch(file))


def _make_home(home: Path, folder: Path, name: str) -> None:
    home.mkdir(parents=True, exist_ok=True)
    if home.resolve() != home:
        raise TargetUnusable(f"{name}: {home.relative_to(folder)} is a link to another folder")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(error: OSError, name: str, what: str) -> NoSpace | TargetUnusable:
    fault = NoSpace if error.strerror == _NO_SPACE else TargetUnusable
    return fault(f"{name}: {what}: {error.strerror}")
