"""Addresses are judged when a run is performed, by the executor's settings, whatever was let through before."""

import os
import subprocess
import sys

import pytest
from support.executor_world import DISCARD, INLINE
from support.raw_server import raw_server
from support.warehouse import CONNECTION, warehouse_worker

from orc_domain.run_messages import ENDED
from orc_executor.worker_settings import worker_environment


@pytest.fixture
def canary():
    """Listen where nothing may come."""
    with raw_server(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n[]")) as server:
        yield server


async def test_a_run_of_an_edited_job_is_judged_as_it_is_performed(start, scheduler, bus, canary):
    """A run keeps the version that it was requested for: refused, not retried; the mended job's run goes through."""
    await start(ORC_EGRESS_ALLOW="", ORC_EGRESS_PUBLIC="")
    url = canary.url.replace("127.0.0.1", "localhost")
    before = await scheduler.request(({"type": "api", "url": url}, DISCARD))
    after = await scheduler.request((INLINE, DISCARD), job_id=before.job_id)
    for wish in (before, after):
        await scheduler.offer(bus, wish.run_id)
    runs = [await scheduler.until(wish.run_id, ENDED) for wish in (before, after)]
    assert [(run.status, run.error_kind, run.attempt) for run in runs] == [
        ("failed", "address_refused", 1),
        ("success", None, 1),
    ]
    assert "ORC_EGRESS_PORTS" in runs[0].error_message
    assert canary.connections == 0


@pytest.mark.parametrize("service", ["executor", "gateway"])
def test_bad_settings_end_the_start(service):
    """With the exit code of wrong settings and a line each, which names the item and what would be valid; no traceback."""
    environ = {
        "PATH": os.environ["PATH"], "ORC_DATABASE_URL": "postgresql://u:p@127.0.0.1/d", "ORC_NATS_URL": "nats://127.0.0.1",
        "ORC_DATA_DIR": "/tmp", "ORC_EGRESS_ALLOW": "loopback,10.0.0.0/33", "ORC_EGRESS_PORTS": "80,65536", "ORC_EGRESS_PUBLIC": "perhaps",
    }  # fmt: skip
    ended = subprocess.run(
        [sys.executable, "-m", f"orc_{service}"], env=environ, capture_output=True, text=True, check=False
    )
    first, allow, ports, public = ended.stderr.splitlines()
    assert (ended.returncode, first) == (2, f"orc {service} cannot start:")
    assert allow.startswith("ORC_EGRESS_ALLOW: '10.0.0.0/33' is no network, address or host name; valid is ")
    assert ports.startswith("ORC_EGRESS_PORTS: Expected `int` <= 65535")
    assert public.startswith("ORC_EGRESS_PUBLIC: Expected `bool`")


def test_every_fault_is_told_once():
    """The executor's own and its workers', together."""
    environ = {
        "PATH": os.environ["PATH"],
        "ORC_SLOTS": "-1",
        "ORC_EGRESS_ALLOW": "*",
        "ORC_WORKER_THREADS": "x",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "orc_executor"], env=environ, capture_output=True, text=True, check=False
    )
    told = [line.partition(" ")[0].rstrip(":") for line in ended.stderr.splitlines()[1:]]
    assert (ended.returncode, sorted(told)) == (2, sorted(set(told)))
    assert {"ORC_DATA_DIR", "ORC_SLOTS", "ORC_EGRESS_ALLOW", "ORC_WORKER_THREADS"} < set(told)


def test_the_driver_of_databases_asks_the_environment_for_nothing(warehouse, tmp_path):
    """Not even in a worker that was started without cleaning it."""
    surroundings = {
        "PGHOST": "10.9.8.7", "PGPORT": "1", "PGUSER": "x", "PGPASSWORD": "x", "PGDATABASE": "x", "PGSERVICE": "x",
        "PGSSLMODE": "verify-full", "PGSSLNEGOTIATION": "direct", "PGTARGETSESSIONATTRS": "nonsense",
    }  # fmt: skip
    program = ("-c", "from orc_executor.worker import main; main()")
    with warehouse_worker(tmp_path, warehouse.url, program=program, **surroundings) as worker:
        source = {"type": "sql", "connection": CONNECTION, "query": "SELECT 1 AS a"}
        assert worker.load(source, DISCARD) == 1


def test_a_worker_knows_of_no_proxy_and_no_credentials():
    """What libraries look for in the environment does not come along; the three settings do."""
    settings = {"ORC_EGRESS_ALLOW": "private", "ORC_EGRESS_PORTS": "8080", "ORC_EGRESS_PUBLIC": "false"}
    others = [
        "HTTP_PROXY", "https_proxy", "ALL_PROXY", "NO_PROXY", "PGHOST", "PGSERVICEFILE", "PGPASSFILE", "PGSSLNEGOTIATION",
        "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_PROXY_EXCLUDES", "GOOGLE_APPLICATION_CREDENTIALS", "AZURE_STORAGE_ENDPOINT",
        "HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS", "SSLKEYLOGFILE",
    ]  # fmt: skip
    assert worker_environment(settings | dict.fromkeys(others, "x")) == settings
