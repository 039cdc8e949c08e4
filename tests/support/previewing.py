"""What a real worker says of a source that is only looked at, and what a folder holds before and after."""

import os
from pathlib import Path

import duckdb
import msgspec
from support.worker_process import order

from orc_executor.frames import LoadLimits, Previewed, PreviewOrder


def ask(worker, extractor, loader=None, rows=20, **more):
    """Look at a source and return the answer."""
    task = order(extractor, loader or {"type": "discard"}, limits=LoadLimits(rows_wanted=rows), **more)
    worker.say(PreviewOrder(task, loader is not None))
    return worker.answer()


def look(worker, extractor, loader=None, rows=20):
    answer = ask(worker, extractor, loader, rows)
    assert isinstance(answer, Previewed), answer
    return answer.preview


def rows_of(preview):
    return [msgspec.json.decode(row) for row in preview.rows]


def files_of(folder):
    found = {}
    for home, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != ".scratch"]
        for path in (Path(home, name) for name in (*folders, *files)):
            found[path.relative_to(folder)] = path.read_bytes() if path.is_file() else None
    return found


def load_table(folder, sql):
    """Make a target as a user may have it: a plain DuckDB file."""
    with duckdb.connect(str(folder / "out.duckdb")) as connection:
        connection.execute(sql)
