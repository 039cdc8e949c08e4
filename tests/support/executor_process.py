"""An executor as a process of its own, and a source that answers it when it is told to."""

import asyncio
import os
import socket
import subprocess
import sys
from collections import deque
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import duckdb
import httpx
import msgspec
import pytest
from support.executor_world import eventually

from orc_executor.child import OFFLINE
from orc_executor.orphans import Record

ROWS = [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}]


class Source:
    """An HTTP source that answers each request only when it is told to."""

    def __init__(self):
        self.waiting = deque()

    async def serve(self, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        released = asyncio.Event()
        self.waiting.append(released)
        await released.wait()
        body = msgspec.json.encode(ROWS)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        writer.close()

    async def asked(self, times):
        await eventually(lambda: len(self.waiting) == times)


def free_port():
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def cmdline(pid):
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


class Executor:
    def __init__(self, process, port, data):
        self.process, self.port, self.data = process, port, data

    async def readiness(self):
        async with httpx.AsyncClient(trust_env=False) as client:
            try:
                return await client.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5)
            except httpx.HTTPError:
                return None

    async def ready(self):
        async def is_ready():
            answer = await self.readiness()
            return answer is not None and answer.status_code == 200

        await eventually(is_ready)

    def workers(self):
        """Return the pids of its workers."""
        records = list((self.data / ".scratch" / "workers").glob(f"{self.process.pid}.json"))
        return [
            worker.pid
            for path in records
            for worker in msgspec.json.decode(path.read_bytes(), type=Record).workers
        ]

    def online_worker(self):
        """Return the pid of the one worker that has a network; others are kept warm, or do tasks without."""
        (pid,) = [pid for pid in self.workers() if OFFLINE not in cmdline(pid)]
        return pid

    def rows(self, table="t"):
        with duckdb.connect(self.data / "out.duckdb", read_only=True) as connection:
            return sorted(connection.execute(f"SELECT id, name FROM {table}").fetchall())

    async def ended(self):
        return await asyncio.to_thread(self.process.wait, 30)


@pytest.fixture
async def start(database, nats_server, bus, tmp_path):
    """Start executors as processes of their own; they are gone at the end."""
    data = tmp_path / "data"
    data.mkdir()

    @asynccontextmanager
    async def running(**more):
        port = free_port()
        environ = {name: value for name, value in os.environ.items() if not name.startswith("ORC_")} | {
            "ORC_EXECUTOR_DATABASE_URL": database.url("orc_executor"),
            "ORC_NATS_EXECUTOR_URL": nats_server.urls["executor"],
            "ORC_EXECUTOR_HEALTH_PORT": str(port),
            "ORC_DATA_DIR": str(data),
            "ORC_SLOTS": "2",
            "ORC_EGRESS_ALLOW": "loopback",
            "ORC_DRAIN_SECONDS": "0.3",
        }
        process = await asyncio.to_thread(
            subprocess.Popen, [sys.executable, "-m", "orc_executor"], env=environ | more
        )
        try:
            yield Executor(process, port, data)
        finally:
            process.kill()
            process.wait()

    async with AsyncExitStack() as stack:

        async def start(**more):
            executor = await stack.enter_async_context(running(**more))
            await executor.ready()
            return executor

        yield start
