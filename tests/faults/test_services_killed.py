"""P2, P3, P10, P14: services and servers killed or told to stop under load."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from faults.client import Client, into
from faults.machine import Machine
from faults.verdict import fetch_all, require_sound

DURABLE = 12
KILLS = 30


def job_of(client: Client, csv: str, name: str) -> dict:
    return client.create(name, {"type": "csv", "path": csv}, into(f"{name}.duckdb"))


def test_any_service_killed_in_any_order(machine: Machine, client: Client, csv: str, seed: int):
    """Services and servers are killed one after another under load; nothing accepted is lost, nothing runs twice."""
    chance = random.Random(seed)
    job = job_of(client, csv, "any")
    names = [*machine.services, "postgres", "nats"]
    order = [*names, *chance.choices(names, k=KILLS - len(names))]
    chance.shuffle(order)
    accepted = []
    with ThreadPoolExecutor(4) as callers:
        for victim in order:
            call = callers.submit(client.run, job)
            machine.kill(victim)
            machine.rest(chance.uniform(0.2, 1.0))
            accepted.append(call)
        while not all(call.done() for call in accepted):
            machine.rest(0.1)
    assert client.all_finished([call.result() for call in accepted]) == {"success"}
    machine.history.require(
        kill_gateway=1, kill_auth=1, kill_scheduler=2, kill_executor=3, kill_postgres=1, kill_nats=1
    )
    require_sound(machine)


def test_2xx_is_durable(machine: Machine, client: Client, csv: str):
    """All but the executors is killed the instant a trigger is answered; the run is there afterwards, each time."""
    job = job_of(client, csv, "durable")
    accepted = []
    for _ in range(DURABLE):
        accepted.append(client.run(job))
        machine.kill("postgres", "nats", "gateway", *machine.schedulers)
        machine.history.fault("killed at 2xx")
        machine.mend()
        machine.wait_ready()
    assert client.all_finished(accepted) == {"success"}
    machine.history.require(killed_at_2xx=DURABLE)
    require_sound(machine)


@pytest.mark.parametrize("wires", ["pass", "cut"])
def test_graceful_stop(machine: Machine, client: Client, csv: str, wires: str):
    """SIGTERM under load ends each service with exit code 0 and no child left, with NATS and without."""
    job = job_of(client, csv, f"graceful-{wires}")
    accepted = client.runs(job, 10)
    codes = {}
    with machine.wires("nats", wires):
        for name in machine.services:
            codes[name] = machine.end(name)
    orphans = [
        pid.name
        for pid in Path("/proc").iterdir()
        if pid.name.isdigit()
        and str(machine.folder).encode() in _environ(pid)
        and b"worker.py" in _command(pid)
    ]
    for name in machine.services:
        machine.begin(name)
    machine.wait_ready()
    assert (set(codes.values()), orphans) == ({0}, [])
    assert client.all_finished(accepted) == {"success"}
    require_sound(machine)


def test_read_tables_emptied(machine: Machine, client: Client):
    """The read tables are emptied; the projector makes them again, row for row."""
    machine.kill("gateway", stay_down=True)
    before = fetch_all(machine, "SELECT * FROM read.runs ORDER BY position")
    fetch_all(machine, "TRUNCATE read.runs, read.run_tasks, read.run_counts, read.jobs, read.tasks")
    fetch_all(machine, "DELETE FROM read.checkpoints")
    machine.begin("gateway")
    machine.wait_ready()
    began = time.monotonic()
    require_sound(machine)
    machine.history.fault("read tables emptied", seconds=time.monotonic() - began)
    assert fetch_all(machine, "SELECT * FROM read.runs ORDER BY position") == before


def _environ(pid: Path) -> bytes:
    try:
        return (pid / "environ").read_bytes()
    except OSError:
        return b""


def _command(pid: Path) -> bytes:
    try:
        return (pid / "cmdline").read_bytes()
    except OSError:
        return b""
