"""P20: an executor paused past its lease, in the load, and resumed: one commit, and nothing after a settled end."""

import pytest
from faults.client import Client, into
from faults.machine import Machine
from faults.verdict import fetch_all, require_sound
from faults.zombies import freeze, thaw, wait_second_attempt


@pytest.mark.parametrize("point", ["before-lock", "mid-load", "before-commit", "after-commit"])
def test_paused_past_its_lease(machine: Machine, client: Client, csv: str, point: str):
    """Another attempt starts meanwhile; both go on; the rows are there once."""
    job = client.create(f"paused {point}", {"type": "csv", "path": csv}, into(f"paused-{point}.duckdb"))
    machine.points.arm(point)
    run = client.run(job)
    hit = machine.points.wait(point)
    freeze(machine, hit)
    wait_second_attempt(machine, client, run)
    thaw(machine, hit)
    assert client.finished(run)["status"] == "success"
    machine.history.require(pause_executor=1, pause_worker=1)
    require_sound(machine)


def test_zombie_worker_after_a_settled_cancel(machine: Machine, client: Client, csv: str):
    """A run was cancelled after its receipt was looked for; the worker that slept before its load loads nothing."""
    job = client.create("settled", {"type": "csv", "path": csv}, into("settled.duckdb"))
    machine.points.arm("before-lock")
    run = client.run(job)
    hit = machine.points.wait("before-lock")
    freeze(machine, hit)
    client.insist(f"/runs/{run}/cancel")
    assert client.finished(run)["status"] == "cancelled"
    machine.points.arm("load-ended", run)
    # Alone: its executor would kill it at once.
    machine.points.release(hit)
    machine.resume(hit.pid)
    ended = machine.points.wait("load-ended")
    machine.points.release(ended)
    machine.resume(hit.executor)
    require_sound(machine)


def test_late_words_of_a_zombie_are_refused(machine: Machine, client: Client):
    """Whoever was paused appends nothing for an attempt that another one replaced."""
    late = fetch_all(
        machine,
        "SELECT e.stream, e.version FROM log.events e JOIN log.events s ON s.stream = e.stream AND s.type = 'run.started' "
        "AND s.version < e.version WHERE e.type IN ('task.succeeded', 'run.succeeded', 'task.failed') "
        "AND (s.data->>'attempt')::int > (e.data->>'attempt')::int",
    )
    assert late == []
