"""Procrastinate doing no-op jobs on the same Postgres, in an environment of its own: the peer of benchmarks/runs.py."""

import os
import subprocess
import sys
import textwrap
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

APP = """
import asyncio, os, sys, time
import procrastinate

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=os.environ["PEER_URL"]))

@app.task(name="noop")
async def noop(n):
    pass

async def main(count):
    async with app.open_async():
        done = "select count(*) from procrastinate_jobs where status = 'succeeded'"
        one = lambda: app.connector.execute_query_one_async(done)
        before = (await one())["count"]
        worker = asyncio.create_task(app.run_worker_async(concurrency=10, install_signal_handlers=False))
        began = time.perf_counter()
        left = iter(range(count))
        async def caller():
            for n in left:
                await noop.defer_async(n=n)
        await asyncio.gather(*(caller() for _ in range(8)))
        while (await one())["count"] - before < count:
            await asyncio.sleep(0.02)
        print(count / (time.perf_counter() - began))
        worker.cancel()

asyncio.run(main(int(sys.argv[1])))
"""


@cache
def _environment(url: str) -> tuple[Path, Path, str]:
    folder = Path(mkdtemp(prefix="orc-peer-"))
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "procrastinate", "psycopg[binary,pool]"], check=True
    )
    (folder / "app.py").write_text(textwrap.dedent(APP))
    server = url.rpartition("?")[0].rpartition("/")[0]
    create = f"import psycopg; psycopg.connect({url!r}, autocommit=True).execute('CREATE DATABASE peer')"
    subprocess.run([python, "-c", create], check=True)
    environment = os.environ | {"PEER_URL": f"{server}/peer", "PYTHONPATH": str(folder)}
    schema = (
        "import os, procrastinate;"
        "app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=os.environ['PEER_URL']));"
        "app.open(); app.schema_manager.apply_schema(); app.close()"
    )
    subprocess.run([python, "-c", schema], check=True, env=environment)
    return python, folder / "app.py", f"{server}/peer"


def procrastinate_rate(url: str, jobs: int) -> float:
    """Return its jobs per second, deferred 8 at a time while one worker of concurrency 10 runs them."""
    python, app, peer_url = _environment(url)
    environment = os.environ | {"PEER_URL": peer_url}
    command = [str(python), str(app), str(jobs)]
    return float(subprocess.run(command, check=True, env=environment, capture_output=True, text=True).stdout)
