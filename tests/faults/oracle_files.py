"""The oracle's own reading of files: receipts and tagged rows of DuckDB files, and the search for the canary."""

import mmap
import os
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

TAG = "load_id"


class Loads(NamedTuple):
    """What the files of a data folder hold."""

    receipts: list[dict[str, Any]]
    tagged: Counter[str]
    """Rows by the run they are tagged with."""
    faults: list[str]


def files_of(data: Path, suffix: str) -> list[Path]:
    """Return the files that jobs have made; scratch is a worker's own, and deeper than a path can tell."""
    return sorted(
        Path(place, name)
        for place, folders, names in os.walk(data)
        if not _leave_out(folders)
        for name in names
        if name.endswith(suffix)
    )


def _leave_out(folders: list[str]) -> None:
    folders[:] = [name for name in folders if name != ".scratch"]


def loads_in(data: Path) -> Loads:
    """Read every DuckDB file, as nobody writes any more; files named `broken-…` were broken on purpose."""
    receipts: list[dict[str, Any]] = []
    tagged: Counter[str] = Counter()
    faults: list[str] = []
    for path in files_of(data, ".duckdb"):
        if path.name.startswith("broken-"):
            continue
        try:
            with duckdb.connect(str(path), read_only=True) as connection:
                receipts += _receipts(connection)
                for table in _tagged_tables(connection):
                    tagged.update(
                        dict(
                            connection.execute(
                                f'SELECT {TAG}::VARCHAR, count(*) FROM main."{table}" GROUP BY ALL'
                            ).fetchall()
                        )
                    )
        except duckdb.Error as error:
            faults.append(f"(ii) {path.name} cannot be read: {error}")
    return Loads(receipts, tagged, faults)


def _receipts(connection: Any) -> list[dict[str, Any]]:
    known = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE schema_name = '_orc' AND table_name = 'receipts'"
    ).fetchone()[0]
    if not known:
        return []
    rows = connection.execute(
        'SELECT root_run_id::VARCHAR, task_id::VARCHAR, run_id::VARCHAR, "rows" FROM _orc.receipts'
    ).fetchall()
    return [dict(zip(("root", "task", "run", "rows"), row, strict=True)) for row in rows]


def _tagged_tables(connection: Any) -> list[str]:
    rows = connection.execute(
        "SELECT table_name FROM duckdb_columns() WHERE schema_name = 'main' AND column_name = ?", [TAG]
    ).fetchall()
    return [row[0] for row in rows]


def canary_in(canary: str, searched: tuple[Path, ...]) -> list[str]:
    """Name each file that holds the canary, bytes as they lie on the disk."""
    found = []
    for folder in searched:
        inside = (Path(place, name) for place, _, names in os.walk(folder) for name in names)
        for path in [folder] if folder.is_file() else sorted(inside):
            if not path.is_file() or path.stat().st_size == 0:
                continue
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                if content.find(canary.encode()) >= 0:
                    found.append(f"(vi) the canary is in {path.name}")
    return found
