"""
Peak memory of a worker that loads 1 to 50 million rows, and the same of raw DuckDB with the same limit.

    python benchmarks/flat_memory.py [--rows 1000000,5000000,20000000,50000000] [--kind parquet]

One order per worker process, so that each peak is of one load. Flat means: the peak of the most rows ÷ of the fewest
that fill the engine's buffers.
"""

import argparse
import os
import resource
import shutil
import tempfile
from pathlib import Path

import duckdb
from ingest_peers import run
from load_files import MEBIBYTE, THREADS, TRIPS, Worker


def main() -> None:
    """Load ever more rows, print the peaks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", default="1000000,5000000,20000000,50000000")
    parser.add_argument("--kind", choices=["csv", "parquet"], default="parquet")
    options = parser.parse_args()
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
