"""
Load one CSV and one Parquet file: a worker process ÷ DuckDB by itself, on the same file, taking turns.

    python benchmarks/load_files.py [--rows 2000000] [--rounds 3]

The limit is `CREATE TABLE AS SELECT * FROM read_csv(…)` in a process of its own that opens the database file, loads and
closes it. Ours is a real worker, given an order through its pipe, from the order to the answer: header and types
checked, values checked against types, receipt written, committed. Process start and imports are in neither.
The figure is the ratio of the medians; peaks are resident memory of the processes that load.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID, uuid4

import duckdb

from orc_executor.frames import Loaded, TaskOrder, answers, encode

MEBIBYTE = 1024 * 1024
MEMORY_BYTES = 4096 * MEBIBYTE
THREADS = os.cpu_count() or 1

RAW = """
import duckdb, sys, time
path, file, reader, threads = sys.argv[1:]
begun = time.perf_counter()
connection = duckdb.connect(path, config={"threads": int(threads)})
connection.execute("SET enable_progress_bar = false")
connection.execute(f"CREATE TABLE t AS SELECT * FROM {reader}('{file}')").fetchall()
connection.close()
seconds = time.perf_counter() - begun
print(seconds, next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""

TRIPS = """
SELECT
    1 + (random() < 0.5)::int AS vendor_id,
    TIMESTAMP '2025-01-01' + to_microseconds((i * 3155760)::bigint) AS pickup_at,
    TIMESTAMP '2025-01-01' + to_microseconds((i * 3155760)::bigint) + to_seconds((120 + random() * 3000)::int) AS dropoff_at,
    CASE WHEN random() < 0.05 THEN NULL ELSE (1 + random() * 5)::int END AS passenger_count,
    round(random() * 20, 2) AS trip_distance,
    CASE WHEN random() < 0.05 THEN NULL ELSE (1 + random() * 5)::int END AS ratecode_id,
    CASE WHEN random() < 0.05 THEN NULL WHEN random() < 0.01 THEN 'Y' ELSE 'N' END AS store_and_fwd_flag,
    (1 + random() * 264)::int AS pu_location_id,
    (1 + random() * 264)::int AS do_location_id,
    (1 + random() * 4)::int AS payment_type,
    round(3 + random() * 60, 2) AS fare_amount,
    round(random() * 3, 2) AS extra,
    0.5::double AS mta_tax,
    round(random() * 12, 2) AS tip_amount,
    CASE WHEN random() < 0.1 THEN round(random() * 7, 2) ELSE 0 END AS tolls_amount,
    1.0::double AS improvement_surcharge,
    round(10 + random() * 80, 2) AS total_amount,
    CASE WHEN random() < 0.05 THEN NULL ELSE 2.5::double END AS congestion_surcharge,
    ['Yellow', 'Green', 'FHV', 'HVFHV'][1 + (random() * 3)::int] AS service,
    'trip-' || lpad(i::varchar, 9, '0') AS trip_id
FROM range({rows}) AS trips(i)
"""


def generate(folder, rows):
    with duckdb.connect(config={"threads": 1, "preserve_insertion_order": True}) as connection:
        connection.execute("SELECT setseed(0.42)").fetchall()
        connection.execute(f"CREATE TABLE trips AS {TRIPS.format(rows=rows)}")
        connection.execute(f"COPY trips TO '{folder}/trips.csv' (HEADER)")
        connection.execute(f"COPY trips TO '{folder}/trips.parquet' (FORMAT parquet, COMPRESSION zstd)")


def remove(folder, name):
    for path in folder.glob(f"{name}*"):
        path.unlink()


def raw(folder, file, reader):
    os.sync()  # or one side would pay for what the other left to be written
    remove(folder, "raw.duckdb")
    out = subprocess.run(
        [sys.executable, "-c", RAW, str(folder / "raw.duckdb"), str(folder / file), reader, str(THREADS)],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    seconds, peak = out.splitlines()[-1].split()
    return float(seconds), float(peak)


class Worker:
    def __init__(self, folder):
        orders_out, self.orders = os.pipe()
        self.answers, answers_in = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "orc_executor.worker", "--in", str(orders_out), "--out", str(answers_in)],
            pass_fds=[orders_out, answers_in],
            env={**os.environ, "ORC_DATA_DIR": str(folder), "ORC_WORKER_THREADS": str(THREADS),
                 "ORC_WORKER_MEMORY_BYTES_MAX": str(MEMORY_BYTES)},
        )  # fmt: skip
        os.close(orders_out)
        os.close(answers_in)
        self.frames, self.waiting = answers(), []
        self.frame()

    def frame(self):
        while not self.waiting:
            self.waiting += self.frames.feed(os.read(self.answers, 65536))
        return self.waiting.pop(0)

    def load(self, extractor, db_path):
        run_id = uuid4()
        frame = encode(
            TaskOrder(
                run_id=run_id, root_id=run_id, attempt=1, task_id=UUID(int=1), task_order=1, check_receipt=False,
                extractor_config=extractor,
                loader_config={"type": "duckdb", "db_path": db_path, "table_name": "t"},
            )
        )  # fmt: skip
        began = time.perf_counter()
        os.write(self.orders, frame)
        while type(answer := self.frame()).__name__ == "Progress":
            pass
        assert isinstance(answer, Loaded), answer
        return time.perf_counter() - began, answer.result.rows

    def peak(self):
        with Path(f"/proc/{self.process.pid}/status").open() as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))

    def close(self):
        os.close(self.orders)
        self.process.wait()


def ours(folder, extractor, rows):
    os.sync()
    remove(folder, "ours.duckdb")
    worker = Worker(folder)
    try:
        worker.load({"type": "inline", "rows": [{"a": 1}]}, "warm.duckdb")
        seconds, loaded = worker.load(extractor, "ours.duckdb")
        assert loaded == rows
        return seconds, worker.peak()
    finally:
        worker.close()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder, options.rows)
        print(f"{options.rows:,} rows, {THREADS} threads, {options.rounds} rounds, each side once a round")
        for file, reader, kind in (
            ("trips.csv", "read_csv", "csv"),
            ("trips.parquet", "read_parquet", "parquet"),
        ):
            size = (folder / file).stat().st_size / MEBIBYTE
            taken = [
                (raw(folder, file, reader), ours(folder, {"type": kind, "path": file}, options.rows))
                for _ in range(options.rounds)
            ]
            limit, mine = ([side[0] for side in column] for column in zip(*taken, strict=True))
            limit_peak, mine_peak = (
                max(side[1] for side in column) / MEBIBYTE for column in zip(*taken, strict=True)
            )
            print(
                f"{kind:8} {size:7.0f} MiB   duckdb {statistics.median(limit):6.2f} s {limit_peak:5.0f} MiB   "
                f"worker {statistics.median(mine):6.2f} s {mine_peak:5.0f} MiB   "
                f"ratio {statistics.median(mine) / statistics.median(limit):.2f}"
                f"   memory {mine_peak / limit_peak:.2f}"
            )


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
