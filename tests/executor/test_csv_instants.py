"""Times of CSV files in columns without a zone, which are UTC: an offset is not dropped."""

from datetime import datetime

import pytest
from support.worker_process import table, worker_process

APPEND = table(write_disposition="append")
PLAIN = "at\n2026-01-01T00:00:00\n"


@pytest.fixture
def worker(tmp_path):
    with worker_process(tmp_path) as worker:
        yield worker


def write(worker, text):
    (worker.data_dir / "x.csv").write_text(text)
    return {"type": "csv", "path": "x.csv"}


@pytest.mark.parametrize(
    "said", ["2026-01-01T02:00:00+02:00", "2026-01-01 02:00:00-05", "2026-01-01T02:00+02"]
)
def test_an_offset_is_not_dropped(worker, said):
    """Declared, or as the table that is appended to has it, the instant would be another one."""
    source = write(worker, f"at\n{said}\n")
    kind, message = worker.fail({**source, "columns": {"at": "TIMESTAMP"}}, table())
    assert (kind, said in message) == ("source_malformed", True)
    worker.load(write(worker, PLAIN), APPEND)
    assert worker.fail(write(worker, f"at\n{said}\n"), APPEND)[0] in {"source_malformed", "wrong_shape"}
    assert worker.rows() == [(datetime(2026, 1, 1),)]  # noqa: DTZ001 - the column has no zone


@pytest.mark.parametrize("said", ["2026-01-02T03:04:05Z", "2026-01-02 03:04:05", "2026-01-02T03:04:05+00:00"])
def test_utc_is_taken(worker, said):
    """It says the same with and without a zone."""
    worker.load({**write(worker, f"at\n{said}\n"), "columns": {"at": "TIMESTAMP"}}, table())
    assert worker.rows() == [(datetime(2026, 1, 2, 3, 4, 5),)]  # noqa: DTZ001 - the column has no zone
