"""
The same files and the same API into a DuckDB file: raw DuckDB, this project's worker, and the peers, in one run.

    python benchmarks/ingest.py [--rows 10000000] [--pages 1000] [--rounds 3] [--only csv,parquet,parts,api]

Each contender loads in a process of its own, taking turns within a round. Ours is a worker process given an order
through its pipe, from the order to the answer: names, types and values checked, receipt written, committed; imports and
process start are in nobody's seconds. Peaks are resident memory of the process that loads. The API serves `pages` pages
of 1,000 nested records over loopback from a process that only hands out prepared bytes; `fetch alone` asks for the same
pages with as many in flight and throws them away.
"""

import argparse
import asyncio
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import httpx
from ingest_peers import SCRIPTS, run
from load_files import MEBIBYTE, THREADS, TRIPS, Worker

RECORDS = 1000
IN_FLIGHT = 8
OURS, FETCH = "orc", "fetch alone"
LIMIT = {"csv": "duckdb", "parquet": "duckdb", "parts": "duckdb", "api": FETCH}

SERVER = """
import asyncio, sys, uvloop
folder, pages = sys.argv[1], int(sys.argv[2])
answers = [b""]
for number in range(1, pages + 1):
    body = open(f"{folder}/{number}.json", "rb").read()
    answers.append(b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: %d\\r\\n\\r\\n" % len(body) + body)
EMPTY = b"HTTP/1.1 404 Not Found\\r\\ncontent-length: 0\\r\\n\\r\\n"

class Pages(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.read = transport, b""
    def data_received(self, data):
        self.read += data
        while b"\\r\\n\\r\\n" in self.read:
            head, _, self.read = self.read.partition(b"\\r\\n\\r\\n")
            target = head.split(b" ", 2)[1]
            number = int(target.rpartition(b"page=")[2].split(b"&")[0] or 0)
            self.transport.write(answers[number] if 0 < number < len(answers) else EMPTY)

async def main():
    server = await asyncio.get_running_loop().create_server(Pages, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

uvloop.run(main())
"""

ORDERS = """
COPY (
    SELECT {{'page': {page}, 'pages': {pages}, 'records': list({{
        'id': i, 'order_no': 'O-' || lpad(i::VARCHAR, 9, '0'),
        'created_at': strftime(TIMESTAMP '2025-01-01' + to_seconds(i), '%Y-%m-%dT%H:%M:%SZ'),
        'status': ['new', 'paid', 'sent', 'back'][1 + (i % 4)], 'total': round((i * 7919 % 100000) / 100, 2),
        'currency': 'EUR', 'items': 1 + i % 9, 'coupon': CASE WHEN i % 5 = 0 THEN 'C' || i END,
        'customer': {{'id': i % 50000, 'name': 'Customer ' || (i % 50000), 'address': {{'city': 'City ' || (i % 300), 'zip': lpad((i % 99999)::VARCHAR, 5, '0')}}}}
    }} ORDER BY i)}} AS answer FROM range({first}, {last}) AS numbers(i)
) TO '{path}' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')
"""


def generate(folder: Path, rows: int) -> None:
    """Write the trips as one CSV, one Parquet file, and twenty."""
    with duckdb.connect(config={"threads": 1, "preserve_insertion_order": True}) as connection:
        connection.execute("SELECT setseed(0.42)").fetchall()
        connection.execute(f"CREATE TABLE trips AS {TRIPS.format(rows=rows)}")
        connection.execute(f"COPY trips TO '{folder}/trips.csv' (HEADER)")
        connection.execute(f"COPY trips TO '{folder}/trips.parquet' (FORMAT parquet, COMPRESSION zstd)")
        (folder / "parts").mkdir()
        each = -(-rows // 20)
        for part in range(20):
            some = f"SELECT * FROM trips LIMIT {each} OFFSET {part * each}"
            connection.execute(
                f"COPY ({some}) TO '{folder}/parts/{part:02}.parquet' (FORMAT parquet, COMPRESSION zstd)"
            )


def generate_pages(folder: Path, pages: int) -> None:
    """Write the answers of the API, a file each."""
    (folder / "pages").mkdir()
    with duckdb.connect() as connection:
        for page in range(1, pages + 1):
            path = folder / "pages" / f"{page}.json"
            first = (page - 1) * RECORDS
            inner = ORDERS.format(page=page, pages=pages, first=first, last=first + RECORDS, path=path)
            connection.execute(inner.replace("AS answer FROM", "::JSON AS answer FROM"))


def ours(folder: Path, extractor: dict[str, object]) -> tuple[float, int, int]:
    """Return seconds, rows and peak of a worker that has loaded something small before."""
    worker = Worker(folder)
    try:
        worker.load({"type": "inline", "rows": [{"a": 1}]}, "warm.duckdb")
        seconds, rows = worker.load(extractor, "out/orc.duckdb")
        return seconds, rows, worker.peak()
    finally:
        worker.close()


async def fetch(url: str, pages: int) -> int:
    """Ask for every page, several at once, and throw the bytes away."""
    left, size = iter(range(1, pages + 1)), 0
    limits = httpx.Limits(max_connections=IN_FLIGHT)
    async with httpx.AsyncClient(limits=limits, trust_env=False) as client:

        async def caller() -> None:
            nonlocal size
            for page in left:
                size += len((await client.get(f"{url}?page={page}")).content)

        await asyncio.gather(*(caller() for _ in range(IN_FLIGHT)))
    return size


def fetch_alone(url: str, pages: int) -> tuple[float, int, int]:
    """Return seconds, records and nothing for memory."""
    began = time.perf_counter()
    asyncio.run(fetch(url, pages))
    return time.perf_counter() - began, pages * RECORDS, 0


def contend(
    folder: Path, what: str, port: int, options: argparse.Namespace
) -> dict[str, tuple[float, int, int]]:
    """Let each contender load once; returns seconds, rows and peak of each."""
    sources = {
        "csv": (str(folder / "trips.csv"), "csv"),
        "parquet": (str(folder / "trips.parquet"), "parquet"),
        "parts": (str(folder / "parts" / "*.parquet"), "parquet"),
        "api": (f"http://127.0.0.1:{port}/", "api"),
    }
    source, kind = sources[what]
    url = f"http://127.0.0.1:{port}/records"
    pagination = {"type": "page_number", "total_pages": "$.pages"}
    extractor = (
        {"type": "api", "url": url, "records": "$.records", "pagination": pagination}
        if what == "api"
        else {"type": kind, "path": os.path.relpath(source, folder)}
    )
    contenders = [*SCRIPTS, OURS] if what != "api" else [FETCH, OURS, "dlt, tuned"]
    taken = {}
    for name in contenders:
        out = folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        os.sync()  # or one side would pay for what the other left to be written
        if name == OURS:
            taken[name] = ours(folder, extractor)
        elif name == FETCH:
            taken[name] = fetch_alone(url, options.pages)
        else:
            taken[name] = run(name, out / "peer.duckdb", source, kind, THREADS)
        shutil.rmtree(out, ignore_errors=True)
    return taken


def tell(what: str, rounds: list[dict[str, tuple[float, int, int]]]) -> None:
    """Print a line for each contender: median, spread, rows/s, peak, ratio to the limit."""
    limit = statistics.median(taken[LIMIT[what]][0] for taken in rounds)
    rows = {taken[name][1] for taken in rounds for name in taken}
    assert len(rows) == 1, f"the contenders loaded different numbers of rows: {rows}"
    for name in rounds[0]:
        seconds = [taken[name][0] for taken in rounds]
        median, peak = statistics.median(seconds), max(taken[name][2] for taken in rounds) / MEBIBYTE
        print(
            f"{what:8} {name:12} {median:7.2f} s [{min(seconds):.2f}-{max(seconds):.2f}]"
            f" {rounds[0][name][1] / median:12,.0f} rows/s {peak:6.0f} MiB   ÷ {LIMIT[what]} {median / limit:6.2f}",
            flush=True,
        )


def main() -> None:
    """Make the sources, let the contenders take turns, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="csv,parquet,parts,api")
    options = parser.parse_args()
    wanted = options.only.split(",")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if set(wanted) - {"api"}:
            generate(folder, options.rows)
        server, port = None, 0
        if "api" in wanted:
            generate_pages(folder, options.pages)
            server = subprocess.Popen(
                [sys.executable, "-c", SERVER, str(folder / "pages"), str(options.pages)],
                stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            assert server.stdout is not None
            port = int(server.stdout.readline())
        try:
            print(
                f"{options.rows:,} rows, {options.pages:,} pages, {THREADS} threads, {options.rounds} rounds"
            )
            for what in wanted:
                tell(what, [contend(folder, what, port, options) for _ in range(options.rounds)])
        finally:
            if server is not None:
                server.kill()
                server.wait()


if __name__ == "__main__":
    os.environ["ORC_EGRESS_ALLOW"] = "loopback"
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
