"""P8, P9: the wires to Postgres and NATS are cut, stalled, slowed and left half open; callers keep asking."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from faults.client import Client, into
from faults.machine import Machine
from faults.proxies import Mode
from faults.verdict import fetch_all, require_sound

FAULTS: list[tuple[Mode, int]] = [
    ("cut", 1),
    ("cut", 5),
    ("cut", 20),
    ("stall", 5),
    ("half-open", 5),
    ("slow", 4),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault[0]}-{fault[1]}")
@pytest.mark.parametrize("server", ["nats", "postgres"])
def test_wires(machine: Machine, client: Client, csv: str, server: str, fault: tuple[Mode, int]):
    """All wires to a server are in trouble, then heal: what was accepted before, during and after ends once."""
    mode, seconds = fault
    name = f"{server}-{mode}-{seconds}"
    job = client.create(name, {"type": "csv", "path": csv}, into(f"{name}.duckdb"))
    accepted = client.runs(job, 6)
    with ThreadPoolExecutor(6) as callers:
        with machine.wires(server, mode):
            calls = [callers.submit(client.run, job) for _ in range(6)]
            machine.rest(seconds)
        healed = time.monotonic()
        while not all(call.done() for call in calls):
            machine.rest(0.1)
    accepted += [call.result() for call in calls] + client.runs(job, 6)
    assert client.all_finished(accepted, 60) == {"success"}
    machine.history.write("figure", name=f"{name} to all finished", seconds=time.monotonic() - healed)
    machine.history.require(**{f"{mode} {server}": 1})
    require_sound(machine)


def test_one_key_fifty_times(machine: Machine, client: Client, csv: str):
    """50 calls at once with one key yield one run and one answer; so do later ones, and ones after a restart of all."""
    job = client.create("one key", {"type": "csv", "path": csv}, into("key.duckdb"))
    path = f"/jobs/{job['job_id']}/run"
    with ThreadPoolExecutor(50) as callers:
        answers = list(callers.map(lambda _: client.insist(path, key="fifty"), range(50)))
    machine.kill("postgres", "nats", *machine.services)
    machine.mend()
    machine.wait_ready()
    answers.append(client.insist(path, key="fifty"))
    assert answers == [answers[0]] * 51
    assert client.finished(answers[0]["run_id"])["status"] == "success"
    assert len(client.http.get("/runs", params={"job_id": job["job_id"]}).json()) == 1
    require_sound(machine)


def test_503_is_honest_and_its_key_resolves_it(machine: Machine, client: Client, csv: str):
    """Without NATS a trigger is 503 with a key; the same key yields one run afterwards; another body is 409."""
    job = client.create("honest", {"type": "csv", "path": csv}, into("honest.duckdb"))
    path = f"/jobs/{job['job_id']}/run"
    with machine.wires("nats", "cut"):
        refused = client.call(path, key="honest")
        machine.rest(0.5)
    assert isinstance(refused, httpx.Response)
    assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
    run = client.insist(path, key="honest")
    assert client.finished(run["run_id"])["status"] == "success"
    requested = fetch_all(
        machine,
        "SELECT count(*) FROM log.events WHERE type = 'run.requested' AND data->>'job_id' = $1",
        job["job_id"],
    )
    assert requested[0][0] == 1
    body = {"job_name": "a", "schedule": "@manual", "is_active": True, "tasks": []}
    other = client.call("/jobs", body | {"job_name": "b", "tasks": [_task()]}, key="bodies")
    again = client.call("/jobs", body | {"job_name": "c", "tasks": [_task()]}, key="bodies")
    assert [answer and answer.status_code for answer in (other, again)] == [200, 409]
    require_sound(machine)


def _task() -> dict:
    return {"extractor_config": {"type": "inline", "rows": []}, "loader_config": {"type": "discard"}}
