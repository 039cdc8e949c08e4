"""
Peers of benchmarks/ingest.py: dlt, pyarrow and polars, in an environment of their own, one process per load.

Each script is given a database file and a source, loads the source into table t, and prints seconds, rows and the
process's peak of resident memory. Imports are not in the seconds, as they are not in ours.
"""

import subprocess
import sys
import textwrap
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

PACKAGES = ("dlt[duckdb]==1.31.0", "duckdb>=2.0,<3", "pyarrow>=26,<27", "polars", "pandas")

_ENDING = """
peak = next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
rows = duckdb.connect(path, read_only=True).execute(f"SELECT count(*) FROM {table}").fetchone()[0]
print(seconds, rows, peak)
"""

_DUCKDB = """
import sys, time, duckdb
path, source, kind, threads = sys.argv[1:]
table, begun = "t", time.perf_counter()
connection = duckdb.connect(path, config={"threads": int(threads)})
connection.execute("SET enable_progress_bar = false")
connection.execute(f"CREATE TABLE t AS SELECT * FROM read_{kind}('{source}')").fetchall()
connection.close()
seconds = time.perf_counter() - begun
"""

_PYARROW = """
import sys, time, duckdb
import pyarrow as pa, pyarrow.csv, pyarrow.dataset
path, source, kind, threads = sys.argv[1:]
table, begun = "t", time.perf_counter()
connection = duckdb.connect(path, config={"threads": int(threads)})
if kind == "csv":
    reader = pa.csv.open_csv(source, read_options=pa.csv.ReadOptions(block_size=16 << 20))
    reader = pa.RecordBatchReader.from_batches(reader.schema, reader)
else:
    import glob
    reader = pa.dataset.dataset(sorted(glob.glob(source)), format="parquet").scanner().to_reader()
connection.register("src", reader)
connection.execute("CREATE TABLE t AS SELECT * FROM src").fetchall()
connection.close()
seconds = time.perf_counter() - begun
"""

_POLARS = """
import sys, time, duckdb
import polars as pl
path, source, kind, threads = sys.argv[1:]
table, begun = "t", time.perf_counter()
frame = pl.read_csv(source, try_parse_dates=True) if kind == "csv" else pl.read_parquet(source)
connection = duckdb.connect(path, config={"threads": int(threads)})
connection.execute("CREATE TABLE t AS SELECT * FROM frame").fetchall()
connection.close()
seconds = time.perf_counter() - begun
"""

_DLT = """
import os, sys, time
path, source, kind, threads = sys.argv[1:]
folder = os.path.dirname(path)
os.environ.update({
    "RUNTIME__LOG_LEVEL": "CRITICAL", "RUNTIME__DLTHUB_TELEMETRY": "false", "NORMALIZE__WORKERS": threads,
    "LOAD__WORKERS": threads, "EXTRACT__WORKERS": "8", "DATA_WRITER__BUFFER_MAX_ITEMS": "100000",
    "DATA_WRITER__FILE_MAX_ITEMS": "500000", "NORMALIZE__DATA_WRITER__BUFFER_MAX_ITEMS": "100000",
    "NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS": "200000", "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
    "DATA_WRITER__DISABLE_COMPRESSION": "true", "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID": "false",
})
import dlt, duckdb
from dlt.sources.filesystem import filesystem, read_csv_duckdb, read_parquet
from dlt.sources.rest_api import rest_api_source
pipeline = dlt.pipeline(
    "peer", destination=dlt.destinations.duckdb(path), dataset_name="ds", pipelines_dir=f"{folder}/pipelines"
)
table, begun = "ds.t", time.perf_counter()
if kind == "api":
    paginator = {"type": "page_number", "base_page": 1, "page_param": "page", "total_path": "pages"}
    endpoint = {"path": "records", "data_selector": "records", "paginator": paginator}
    rows = rest_api_source({"client": {"base_url": source}, "resources": [{"name": "t", "endpoint": endpoint}]})
else:
    place, name = os.path.split(source)
    files = filesystem(bucket_url=f"file://{place}", file_glob=name)
    reader = (
        read_csv_duckdb(chunk_size=100000, use_pyarrow=True) if kind == "csv"
        else read_parquet(use_pyarrow=True, chunksize=500000)
    )
    rows = (files | reader).with_name("t")
pipeline.run(rows, loader_file_format="parquet")
seconds = time.perf_counter() - begun
"""

SCRIPTS = {"duckdb": _DUCKDB, "pyarrow": _PYARROW, "polars": _POLARS, "dlt, tuned": _DLT}


@cache
def environment() -> tuple[Path, Path]:
    """Return a python with the peers, and a folder with their scripts."""
    folder = Path(mkdtemp(prefix="orc-peer-"))
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    for name, script in SCRIPTS.items():
        _script(folder, name).write_text(textwrap.dedent(script) + _ENDING)
    return python, folder


def run(peer: str, path: Path, source: str, kind: str, threads: int) -> tuple[float, int, int]:
    """Return seconds, rows and peak bytes of one load by a peer."""
    python, folder = environment()
    out = subprocess.run(
        [python, _script(folder, peer), path, source, kind, str(threads)],
        check=True, capture_output=True, text=True, cwd=path.parent,
    ).stdout  # fmt: skip
    seconds, rows, peak = out.splitlines()[-1].split()
    return float(seconds), int(rows), int(peak)


def _script(folder: Path, peer: str) -> Path:
    # Not by the library's own name, which an import would find first.
    return folder / f"load_with_{peer.partition(',')[0]}.py"
