"""CSV files made to hurt: the task fails with the named limit, and the worker takes the next one."""

import gzip
import zlib

import pyarrow as pa
import pytest
from support.worker_process import DISCARD, table, worker_process

MEMORY = str(256 * 1024**2)
GIGABYTE = 1024**3
TOO_LONG = "has more than 4000000 bytes, a record may have 2000000"
NONE_SKIPPED = {}
SKIPPING = {"columns": {"a": "VARCHAR", "b": "VARCHAR"}, "on_bad_rows": {"mode": "skip", "max": 1_000_000}}


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    with worker_process(tmp_path_factory.mktemp("hostile"), ORC_WORKER_MEMORY_BYTES_MAX=MEMORY) as worker:
        yield worker


@pytest.fixture
def fail(worker):
    """Fail to load x.csv, or another; the same worker must go on to do its work."""

    def fail(name="x.csv", **config):
        failed = worker.fail({"type": "csv", "path": name, **config}, DISCARD)
        assert worker.load({"type": "inline", "rows": [{"a": 1}]}, table()) == 1
        return failed

    return fail


def sparse(path, beginning, size, end=b""):
    with path.open("wb") as file:
        file.write(beginning)
        file.truncate(size)
        file.seek(0, 2)
        file.write(end)


def gzipped(beginning, block, count, end=b""):
    """Compress far more than is held at once."""
    packer = zlib.compressobj(6, wbits=31)
    packed = [
        packer.compress(beginning),
        *(packer.compress(block) for _ in range(count)),
        packer.compress(end),
    ]
    return b"".join([*packed, packer.flush()])


@pytest.mark.parametrize("config", [NONE_SKIPPED, SKIPPING])
@pytest.mark.parametrize("beginning", [b"a,b\n1,x", b'a,b\n1,"x', b"a,b\n" + b"1,x\n" * 100_000 + b"2,y"])
@pytest.mark.parametrize("end", [b"", b"\n3,z\n"])
def test_a_line_of_a_gigabyte(worker, fail, beginning, end, config):
    """DuckDB would drop it without a word where it is the last one, or bad rows are skipped."""
    sparse(worker.data_dir / "x.csv", beginning, GIGABYTE, end)
    kind, said = fail(**config)
    assert (kind, TOO_LONG in said) == ("source_malformed", True)


def test_a_header_of_a_gigabyte(worker, fail):
    """Without an end."""
    sparse(worker.data_dir / "x.csv", b"a,b", GIGABYTE)
    assert fail()[0] == "source_malformed"


def test_a_header_longer_than_it_may_be(worker, fail):
    """Its limit is its own."""
    (worker.data_dir / "x.csv").write_bytes(b"a,b" + b"x" * 100 + b'","' * 2_000_000)
    kind, said = fail(quote="'")
    assert kind == "source_malformed"
    assert TOO_LONG in said or "the header is longer than 4194304 bytes" in said


@pytest.mark.parametrize("config", [NONE_SKIPPED, {"header": False}])
def test_a_hundred_thousand_columns(worker, fail, config):
    """More than a table may have."""
    (worker.data_dir / "x.csv").write_text(",".join(f"c{n}" for n in range(100_000)) + "\n1\n")
    assert fail(**config) == ("source_malformed", "x.csv, line 1: more than 16384 columns")


@pytest.mark.parametrize("config", [NONE_SKIPPED, SKIPPING])
def test_a_quote_that_stays_open_over_the_whole_file(worker, fail, config):
    """No row behind it is loaded as if nothing were wrong."""
    (worker.data_dir / "x.csv").write_text('a,b\n1,"x\n' + "2,y\n" * 5_000_000)
    kind, said = fail(**config)
    assert (kind, said[:15]) == ("source_malformed", "x.csv, line 2: ")


@pytest.mark.parametrize("config", [NONE_SKIPPED, SKIPPING])
@pytest.mark.parametrize("name", ["bomb.csv.gz", "bomb.csv.zst"])
def test_a_bomb_of_one_line(worker, fail, name, config):
    """It is unpacked as a stream, no further than the limit of a line."""
    bomb = (
        gzipped(b"a,b\n1,", b"x" * 1024**2, 256)
        if name.endswith(".gz")
        else pa.compress(b"a,b\n1," + b"x" * 256 * 1024**2, codec="zstd", asbytes=True)
    )
    assert len(bomb) < 256 * 1024**2 / 900
    (worker.data_dir / name).write_bytes(bomb)
    kind, said = fail(name, **config)
    assert (kind, TOO_LONG in said) == ("source_malformed", True)


def test_a_bomb_of_rows_streams_until_its_time_is_over(worker):
    """However much comes out, memory is bounded; time is the task's."""
    (worker.data_dir / "rows.csv.gz").write_bytes(gzipped(b"a,b\n", b"1,x\n" * 2**18, 400))
    config = {"type": "csv", "path": "rows.csv.gz", "columns": {"a": "VARCHAR", "b": "VARCHAR"}}
    answer = worker.perform(config, DISCARD, task_timeout_seconds=1.0)
    assert (answer.kind, answer.message) == ("task_timeout", "the task took longer than 1 s")
    assert worker.load({"type": "inline", "rows": [{"a": 1}]}, table()) == 1


@pytest.mark.parametrize("config", [NONE_SKIPPED, SKIPPING])
@pytest.mark.parametrize("name", ["cut.csv.gz", "cut.csv.zst"])
def test_a_compressed_file_that_breaks_off(worker, fail, name, config):
    """Its rows so far are not taken for all of them."""
    rows = b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(100_000))
    whole = gzip.compress(rows) if name.endswith(".gz") else pa.compress(rows, codec="zstd", asbytes=True)
    (worker.data_dir / name).write_bytes(whole[: len(whole) // 2])
    kind, said = fail(name, **config)
    assert (kind, name in said) == ("source_malformed", True)


def test_a_hundred_thousand_bad_rows(worker, fail):
    """They are counted, and too many."""
    (worker.data_dir / "x.csv").write_text("a,b\n" + "1\n" * 100_000)
    kind, said = fail(**{**SKIPPING, "on_bad_rows": {"mode": "skip", "max": 10}})
    assert (kind, said[:64]) == (
        "bad_rows",
        "100000 rows cannot be read, on_bad_rows.max is 10; the first: x.",
    )
