"""Files made to harm: each ends in an error that names the file and the limit, and the worker takes the next order."""

import random
import struct

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.worker_process import DISCARD, INLINE, WorkerProcess, table, worker_process

from orc_executor.frames import Failed, Loaded, LoadLimits

MUTATIONS = 300


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    with worker_process(
        tmp_path_factory.mktemp("hostile"), ORC_WORKER_MEMORY_BYTES_MAX=str(512 * 1024**2)
    ) as worker:
        yield worker


def goes_on(worker):
    return worker.load(INLINE, DISCARD) == 2


def sparse(worker, name, begins):
    """Make a file of 1 GiB whose first line never ends; the disk holds no more than its beginning."""
    with (worker.data_dir / name).open("wb") as file:
        file.write(begins)
        file.truncate(1024**3)


@pytest.mark.parametrize(
    ("type_", "begins", "more"),
    [
        ("jsonl", b'{"a": "', {}), ("jsonl", b'{"a": "', {"on_bad_rows": {"mode": "skip"}}), ("json", b'[{"a": "', {}),
        ("json", b'{"a": "', {}), ("jsonl", b"", {}), ("jsonl", b'no\n{"a": "', {"on_bad_rows": {"mode": "skip"}}),
    ],
)  # fmt: skip
def test_a_line_of_a_gigabyte_ends_at_the_limit_of_a_record(worker, type_, begins, more):
    """Long before it is in memory."""
    sparse(worker, "long", begins)
    kind, message = worker.fail({"type": type_, "path": "long", **more}, DISCARD)
    assert kind in {"source_malformed", "wrong_shape"}
    assert "16777216" in message
    assert "long" in message
    assert goes_on(worker)


def test_a_file_too_large_for_a_path_into_it_says_so(worker):
    """Only where a JSONPath leads to the records is a file in memory."""
    (worker.data_dir / "x.json").write_text('{"d": [' + '{"a": 1},' * 1000 + '{"a": 1}]}')
    config = {"type": "json", "path": "x.json", "records": "$.d"}
    assert worker.load(config, DISCARD) == 1001
    kind, message = worker.fail(config, DISCARD, limits=LoadLimits(page_bytes_max=5000))
    assert (kind, "5000 bytes (page_bytes_max)" in message) == ("source_malformed", True)


@pytest.mark.parametrize("depth", [200, 100_000, 2_000_000])
def test_deep_nesting_is_refused(worker, depth):
    """No stack overflows, be it read whole or by a path."""
    (worker.data_dir / "deep").write_text('{"a": ' + "[" * depth + "]" * depth + "}")
    (worker.data_dir / "deeper").write_text("[" * depth + "]" * depth)
    for config in (
        {"type": "jsonl", "path": "deep"},
        {"type": "jsonl", "path": "deep", "on_bad_rows": {"mode": "skip"}},
        {"type": "json", "path": "deep"},
        {"type": "json", "path": "deeper"},
        {"type": "json", "path": "deep", "records": "$.a"},
        {"type": "json", "path": "deep", "records": "$..b"},
    ):
        answer = worker.perform(config, DISCARD)
        assert isinstance(answer, Failed), (config, answer)
        assert answer.kind in {"source_malformed", "wrong_shape"}, (config, answer)
        assert "deep" in answer.message
    assert goes_on(worker)


def test_a_dictionary_that_unfolds_beyond_memory_ends_with_the_workers_limit(worker):
    """A small file of 20 million times the same long text is no small table."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 1_000_000, pa.int32()), pa.array(["x" * 100_000]))
    with pq.ParquetWriter(worker.data_dir / "bomb.parquet", pa.schema([("t", text.type)])) as writer:
        for _ in range(20):
            writer.write_table(pa.table({"t": text}))
    assert (worker.data_dir / "bomb.parquet").stat().st_size < 1024**2
    with duckdb.connect() as connection:
        path = worker.data_dir / "bomb.parquet"
        assert connection.execute(f"SELECT count(*) FROM '{path}'").fetchone() == (20_000_000,)
    answer = worker.perform({"type": "parquet", "path": "bomb.parquet"}, table(), task_timeout_seconds=3.0)
    assert isinstance(answer, Failed)
    assert answer.kind in {"out_of_memory", "task_timeout", "no_space"}
    assert goes_on(worker)


def test_damaged_parquet_files_end_in_an_answer(tmp_path):
    """Bits and bytes changed anywhere, footers most of all; a worker that dies of one would cost its attempt alone."""
    query = "SELECT n, 'text ' || (n % 7) AS s, [n, n] AS l, {'a': n, 'b': DATE '2026-01-02'} AS o FROM range(3000) AS t(n)"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY ({query}) TO '{tmp_path / 'whole.parquet'}' (FORMAT parquet, ROW_GROUP_SIZE 2048)"
        )
    whole = (tmp_path / "whole.parquet").read_bytes()
    (footer,) = struct.unpack("<I", whole[-8:-4])
    chance, ended = random.Random(5), {Loaded: 0, Failed: 0}
    worker = WorkerProcess(tmp_path, {})
    try:
        for number in range(MUTATIONS):
            damaged = bytearray(whole)
            first = len(whole) - 8 - footer if number % 2 else 0
            for _ in range(chance.choice((1, 1, 2, 8))):
                place = chance.randrange(first, len(whole))
                damaged[place] ^= 1 << chance.randrange(8) if number % 3 else chance.randrange(1, 256)
            (tmp_path / "x.parquet").write_bytes(damaged)
            answer = worker.perform(
                {"type": "parquet", "path": "x.parquet"}, DISCARD, task_timeout_seconds=20.0
            )
            ended[type(answer)] += 1
            if isinstance(answer, Failed):
                assert answer.kind in {"source_malformed", "wrong_shape", "out_of_memory"}, answer
                if answer.fatal:
                    worker.close()
                    worker = WorkerProcess(tmp_path, {})
        assert sum(ended.values()) == MUTATIONS
        assert min(ended.values()) > 0
    finally:
        worker.close()
