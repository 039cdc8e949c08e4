"""Files outside the folders of jobs, watched by the kernel: who opens, changes or makes one is found out."""

import ctypes
import os
import struct
from pathlib import Path

import duckdb

_OPENED, _MODIFIED, _CLOSED_WRITTEN, _ATTRIBUTES = 0x20, 0x2, 0x8, 0x4
_MOVED_FROM, _MOVED_TO, _CREATED, _DELETED = 0x40, 0x80, 0x100, 0x200
_WATCHED = _OPENED | _MODIFIED | _CLOSED_WRITTEN | _ATTRIBUTES | _MOVED_FROM | _MOVED_TO | _CREATED | _DELETED
_OF_FOLDER = 0x40000000
_EVENT = struct.Struct("iIII")
CANARY_ROWS = 3
"""Of each canary that could be loaded; what may be loaded has one row."""


class Outside:
    """A folder with a canary of each kind: `x.csv`, `x.parquet`, `out.duckdb`, and a text."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        (folder / "x.csv").write_text("a\n" + "666\n" * CANARY_ROWS)
        (folder / "secret.txt").write_text("canary\n")
        (folder / "p=1").mkdir()
        (folder / "_orc").mkdir()
        with duckdb.connect(str(folder / "out.duckdb")) as connection:
            connection.execute(f"CREATE TABLE t AS SELECT 666 AS a FROM range({CANARY_ROWS})")
            connection.execute(f"COPY t TO '{folder / 'x.parquet'}' (FORMAT parquet)")
        self.watch()

    def watch(self) -> None:
        """Begin anew: what there is now is how it should stay."""
        self._before = self._state()
        libc = ctypes.CDLL(None, use_errno=True)
        self._events = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        for watched in (self.folder, self.folder / "p=1", self.folder / "_orc"):
            assert libc.inotify_add_watch(self._events, os.fsencode(watched), _WATCHED) > 0

    def touched(self) -> list[str]:
        """Return what anybody but us has done there; looking at a name is nothing."""
        seen = []
        try:
            while read := os.read(self._events, 65536):
                place = 0
                while place < len(read):
                    _, mask, _, size = _EVENT.unpack_from(read, place)
                    name = read[place + _EVENT.size : place + _EVENT.size + size].rstrip(b"\0").decode()
                    seen.append(f"{mask:#x} {name}")
                    place += _EVENT.size + size
        except BlockingIOError:
            pass
        return seen

    def opened_files(self) -> list[str]:
        """Return what was done to files, folders that were listed left out."""
        return [event for event in self.touched() if not event.startswith(f"{_OPENED | _OF_FOLDER:#x} ")]

    def changed(self) -> bool:
        """Tell whether anything is not as it was."""
        return self._state() != self._before

    def _state(self) -> dict[str, tuple[int, bytes]]:
        return {
            str(path): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
            for path in sorted([self.folder, *self.folder.rglob("*")])
        }
