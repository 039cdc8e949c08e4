"""Parts of a CSV file: they fill row groups of the table where rows are about as wide all over the file."""

import pytest
from support.worker_process import table, worker_process

from orc_executor.extractors.csv.parts import (
    PARTS_PER_BUFFER,
    ROW_GROUP_ROWS,
    fitting_buffer,
)
from orc_executor.paths import SourceFile

GIBIBYTE = 1024**3
ROWS = 2_100_000
SIXTEENTHS = 16
"""Into which DuckDB cuts a buffer; what is left over fails the load."""


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    with worker_process(tmp_path_factory.mktemp("parts"), ORC_WORKER_THREADS="2") as worker:
        yield worker


def written(folder, *widths, rows=ROWS, end=b"\n"):
    """Write a file for each width, a row of which has as many bytes."""
    files = []
    for width in widths:
        path = folder / f"{len(files)}.csv"
        path.write_bytes((b"x" * (width - len(end)) + end) * rows)
        files.append(SourceFile(str(path), path.name, path.stat().st_size))
    return files


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("width", [20, 57, 61])
def test_a_part_is_nearly_a_row_group(tmp_path, width, end):
    """However lines end, and never more than one, which would leave a rest."""
    buffer = fitting_buffer(written(tmp_path, width, end=end), 4 * GIBIBYTE, 2)
    assert 0.95 < buffer / PARTS_PER_BUFFER / width / ROW_GROUP_ROWS < 1
    assert buffer % SIXTEENTHS == 0


def test_of_the_narrowest_rows_there_are_no_more(tmp_path):
    """In another file as well."""
    buffer = fitting_buffer(written(tmp_path, 64, 62), 4 * GIBIBYTE, 2)
    assert 0.95 < buffer / PARTS_PER_BUFFER / 62 / ROW_GROUP_ROWS < 1


@pytest.mark.parametrize(
    ("widths", "rows", "memory", "threads"),
    [
        ((50, 70), ROWS, 4 * GIBIBYTE, 2),
        ((61,), 400_000, 4 * GIBIBYTE, 2),
        ((61,), ROWS, 4 * GIBIBYTE, 16),
        ((61,), ROWS, GIBIBYTE // 4, 2),
        ((61,), ROWS, 4 * GIBIBYTE, 1),
        ((200_000,), 300, 4 * GIBIBYTE, 2),
        ((), 0, 4 * GIBIBYTE, 2),
        ((10, 61), 0, 4 * GIBIBYTE, 2),
    ],
    ids=["uneven", "few", "many threads", "little memory", "one thread", "long lines", "no file", "empty"],
)  # fmt: skip
def test_elsewhere_the_buffer_is_duckdbs_own(tmp_path, widths, rows, memory, threads):
    """Where a row group cannot be met, does not fit, or leaves threads without work."""
    assert fitting_buffer(written(tmp_path, *widths, rows=rows), memory, threads) is None


def test_row_groups_of_a_table_are_full(worker):
    """In parts of DuckDB's own size each would leave a rest, which is a row group as well."""
    count = 2_000_000
    rows = b"".join(b"%d,%d,%s\n" % (n + 1_000_000, n % 7, b"x" * 50) for n in range(count))
    (worker.data_dir / "x.csv").write_bytes(b"id,a,b\n" + rows)
    assert worker.load({"type": "csv", "path": "x.csv"}, table()) == count
    groups = worker.rows(
        "SELECT sum(count) FROM pragma_storage_info('t') WHERE column_name = 'id' AND segment_type <> 'VALIDITY' "
        "GROUP BY row_group_id ORDER BY row_group_id"
    )
    assert all(0.9 * ROW_GROUP_ROWS < rows <= ROW_GROUP_ROWS for (rows,) in groups[:-1])
    assert worker.rows("SELECT count(DISTINCT id), sum(id), sum(a) FROM t") == [
        (count, sum(range(count)) + count * 1_000_000, sum(n % 7 for n in range(count)))
    ]
