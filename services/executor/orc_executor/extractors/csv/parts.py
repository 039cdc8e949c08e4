"""
How much of a file DuckDB reads at a time, so that what it reads fills row groups of the table.

Its threads read a file in parts of 8 MB, a quarter of the buffer. Rows of a part that fills no row group are copied to
join the next part's; those just above one leave a rest behind each group, and the file of the table takes up to twice
the room and half as much time again. Rows are about as wide all over most files, so a look at a few places tells how
many bytes fill a row group.
"""

import math
from collections.abc import Sequence

from orc_executor.extractors.csv.dialect import LINE_BYTES_MAX
from orc_executor.paths import SourceFile

ROW_GROUP_ROWS = 122_880
"""DuckDB's own default."""
PARTS_PER_BUFFER = 4
_PART_BYTES_STEP = 16 * 1024
"""DuckDB cuts a buffer into sixteenths; one that cannot be cut evenly fails the load."""
BUFFER_BYTES_MAX = 64 * 1024 * 1024
_MEMORY_SHARE = 0.25
"""Of the engine's memory, for a buffer of each thread and one that is being filled."""
_PARTS_PER_THREAD_MIN = 8
"""With fewer parts the threads would wait for the last one."""
_FULL, _FULL_ENOUGH = 0.985, 0.91
"""Of a row group; DuckDB leaves one alone from nine tenths on."""
_PLACES, _PLACE_BYTES = 16, 64 * 1024


def fitting_buffer(files: Sequence[SourceFile], memory_bytes: int, threads: int) -> int | None:
    """Return the buffer for these plain files in bytes, None where DuckDB's own does as well."""
    size = sum(file.bytes for file in files)
    most = min(BUFFER_BYTES_MAX, int(memory_bytes * _MEMORY_SHARE) // (threads + 1))
    part = most // PARTS_PER_BUFFER
    # One thread reads a file as a whole.
    if threads == 1 or part < LINE_BYTES_MAX or size < LINE_BYTES_MAX * _PARTS_PER_THREAD_MIN * threads:
        return None
    widths = _row_widths(files, size)
    if not widths:
        return None
    narrowest, mean = min(widths), sum(widths) / len(widths)
    groups = max(1, math.ceil(LINE_BYTES_MAX / (narrowest * ROW_GROUP_ROWS * _FULL)))
    fitting = int((groups - 1 + _FULL) * ROW_GROUP_ROWS * narrowest) // _PART_BYTES_STEP * _PART_BYTES_STEP
    is_full_enough = fitting / mean >= (groups - 1 + _FULL_ENOUGH) * ROW_GROUP_ROWS
    if fitting > part or not is_full_enough or size < fitting * _PARTS_PER_THREAD_MIN * threads:
        return None
    return fitting * PARTS_PER_BUFFER


def _row_widths(files: Sequence[SourceFile], size: int) -> list[float]:
    """Return the mean bytes of a row at places all over the files, none where a place has no line end."""
    widths, begun, rest = list[float](), 0, list(files)
    for place in range(0, size, -(-size // _PLACES)):
        while place >= begun + rest[0].bytes:
            begun += rest.pop(0).bytes
        with open(rest[0].path, "rb") as raw:  # noqa: PTH123
            raw.seek(place - begun)
            read = raw.read(_PLACE_BYTES)
        # Whole rows only: from behind the first line end to the last.
        mark = b"\n" if b"\n" in read else b"\r"
        first, last = read.find(mark), read.rfind(mark)
        if last > first:
            widths.append((last - first) / read.count(mark, first + 1, last + 1))
        elif len(read) == _PLACE_BYTES:
            return []
    return widths
