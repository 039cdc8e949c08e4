"""
Peak memory of a worker that loads 1 to 50 million rows, beside raw DuckDB.

    python benchmarks/flat_memory.py [--rows 1000000,5000000,20000000,50000000] [--kind parquet]

One order per worker process, so that each peak is of one load. DuckDB keeps the blocks that it wrote as long as its memory
limit has room for them, so a peak is flat from the number of rows on that fill it; `--memory-mib` is the worker's.
"""

import argparse
import os
import resource
import shutil
import tempfile
from pathlib import Path

import duckdb
import load_files
from ingest_peers import run
from load_files import MEBIBYTE, THREADS, TRIPS, Worker


def main() -> None:
    """Load ever more rows, print the peaks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", default="1000000,5000000,20000000,50000000")
    parser.add_argument(
        "--memory-mib", type=int, default=1024, help="of the worker; raw DuckDB has its own default"
    )
    parser.add_argument("--kind", choices=["csv", "parquet"], default="parquet")
    options = parser.parse_args()
    load_files.MEMORY_BYTES = options.memory_mib * MEBIBYTE
    peaks = []
    for rows in (int(text) for text in options.rows.split(",")):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            file = folder / f"trips.{options.kind}"
            with duckdb.connect(config={"threads": THREADS, "temp_directory": str(folder)}) as connection:
                form = "(HEADER)" if options.kind == "csv" else "(FORMAT parquet, COMPRESSION zstd)"
                connection.execute("SET preserve_insertion_order = false")
                connection.execute(f"COPY ({TRIPS.format(rows=rows)}) TO '{file}' {form}")
            (folder / "out").mkdir()
            _, _, limit = run("duckdb", folder / "out" / "raw.duckdb", str(file), options.kind, THREADS)
            shutil.rmtree(folder / "out")
            (folder / "out").mkdir()
            worker = Worker(folder)
            seconds, loaded = worker.load({"type": options.kind, "path": file.name}, "out/orc.duckdb")
            assert loaded == rows
            peaks.append(worker.peak() / MEBIBYTE)
            worker.close()
            print(
                f"{options.kind:8} {rows:>12,} rows {seconds:7.2f} s   worker {peaks[-1]:5.0f} MiB"
                f"   duckdb {limit / MEBIBYTE:5.0f} MiB   ÷ first {peaks[-1] / peaks[0]:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    os.environ.setdefault("ORC_WORKER_SCRATCH_BYTES_MAX", str(64 * 1024 * MEBIBYTE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
