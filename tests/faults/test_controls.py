"""
Negative controls: the same tests, guards removed one by one, must find what the guard is for.

The breaks are patches of `entries/`, in the processes of these tests alone.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faults.client import Client, into
from faults.machine import Machine, machine_running
from faults.oracle_bus import last_without_gap
from faults.oracle_ticks import outcomes, tick_faults
from faults.verdict import fetch_all, judge
from faults.zombies import freeze

from orc_events.topology import ACK_WAIT_SECONDS

EVENTS = "SELECT type, data::text AS data, recorded_at FROM log.events ORDER BY position"


@contextmanager
def broken(folder: Path, seed: int, *breaks: str, **more: object) -> Iterator[tuple[Machine, Client, dict]]:
    """Run a stack without some guards, and a job that appends to one file."""
    with machine_running(folder, seed=seed, executors=2, breaks=breaks, **more) as machine:
        (machine.data / "rows.csv").write_text("id\n" + "".join(f"{n}\n" for n in range(1000)))
        client = Client(machine)
        yield (
            machine,
            client,
            client.create("control", {"type": "csv", "path": "rows.csv"}, into("control.duckdb")),
        )


def starts(found: list[str], *kinds: str) -> bool:
    return all(any(line.startswith(kind) for line in found) for kind in kinds)


@pytest.mark.parametrize("removed", [False, True])
def test_receipt(tmp_path: Path, seed: int, removed: bool):
    """Killed after the commit, a load without receipts is loaded twice; with them it is not."""
    with broken(tmp_path, seed, *(["receipt"] if removed else [])) as (machine, client, job):
        machine.points.arm("after-commit")
        run = client.run(job)
        hit = machine.points.wait("after-commit")
        machine.kill(next(name for name in machine.executors if machine.processes[name].pid == hit.executor))
        assert client.finished(run)["status"] == "success"
        found = judge(machine)
    assert (
        starts(
            found,
            f"(ii) run {run} succeeded with 0 receipts",
            f"(ii) run {run} reported 1000 rows and has 2000",
        )
        if removed
        else found == []
    )


def test_fence_removed(tmp_path: Path, seed: int):
    """Without fences a worker that slept over a settled cancel loads rows of a cancelled run."""
    with broken(tmp_path, seed, "fence") as (machine, client, job):
        machine.points.arm("before-lock")
        run = client.run(job)
        hit = machine.points.wait("before-lock")
        freeze(machine, hit)
        client.insist(f"/runs/{run}/cancel")
        assert client.finished(run)["status"] == "cancelled"
        machine.points.arm("load-ended", run)
        machine.points.release(hit)
        machine.resume(hit.pid)
        machine.points.release(machine.points.wait("load-ended"))
        machine.resume(hit.executor)
        found = judge(machine)
    assert starts(found, f"(iii) run {run} ended cancelled but task")


@pytest.mark.parametrize("removed", [False, True])
def test_file_lock(tmp_path: Path, seed: int, removed: bool):
    """A careless reader in the process drops DuckDB's lock; without ours a second load is then lost, with it not."""
    with broken(tmp_path, seed, "careless", *(["lock"] if removed else [])) as (machine, client, job):
        first = client.run(job)
        assert client.finished(first)["status"] == "success"
        machine.points.arm("before-commit")
        second = client.run(job)
        hit = machine.points.wait("before-commit")
        third = client.run(job)
        if removed:
            client.finished(third)
        else:
            machine.until(lambda: "run.started" in client.trail(third), "the third run to start")
        machine.points.release(hit)
        client.all_finished([second, third])
        found = judge(machine)
    assert starts(found, "(ii)") if removed else found == []


def test_rewind_removed(tmp_path: Path, seed: int):
    """Without the relay's rewind an erased stream stays without its events; runs still end, by the rescuer."""
    with broken(tmp_path, seed, "rewind") as (machine, client, job):
        assert client.all_finished(client.runs(job, 5)) == {"success"}
        machine.kill("nats", stay_down=True)
        machine.erase_jetstream()
        machine.begin("nats")
        machine.wait_ready()
        assert client.all_finished(client.runs(job, 5)) == {"success"}
        assert asyncio.run(last_without_gap(machine.nats.url())) == 0


def test_answer_before_append(tmp_path: Path, seed: int):
    """Told before it is appended, a run that was answered 2xx is missing after a kill."""
    with broken(tmp_path, seed, "answer-before-append") as (machine, client, job):
        run = client.run(job)
        machine.kill("postgres", "nats", "gateway", *machine.schedulers)
        machine.mend()
        machine.wait_ready()
        found = judge(machine)
    assert f"(i) run {run} was answered 2xx and is not in the log" in found


@pytest.mark.parametrize(
    ("breaks", "is_lost"),
    [(("ack-before-append", "rescuer"), True), (("rescuer",), False), (("ack-before-append",), False)],
)
def test_ack_before_append(tmp_path: Path, seed: int, breaks: tuple[str, ...], is_lost: bool):
    """Acked before its claim is appended, work dies with its executor; the order and the rescuer each prevent it."""
    with broken(tmp_path, seed, *breaks) as (machine, client, job):
        machine.points.arm("before-claim")
        run = client.run(job)
        hit = machine.points.wait("before-claim")
        machine.kill(next(name for name in machine.executors if machine.processes[name].pid == hit.executor))
        if is_lost:
            # Whatever JetStream would deliver again it has by then: nothing is left to wait for.
            machine.rest(ACK_WAIT_SECONDS + 5)
            assert client.see(run)["status"] == "queued"
        else:
            assert client.finished(run)["status"] == "success"
        found = judge(machine)
    assert starts(found, f"(i) run {run} has not ended: queued") if is_lost else found == []


def test_tick_identity_removed(tmp_path: Path, seed: int):
    """Without the row's lock, and with ids that do not follow from the instant, two schedulers fire it twice."""
    with broken(tmp_path, seed, "tick-identity") as (machine, client, _):
        job = client.create(
            "ticks", {"type": "inline", "rows": []}, {"type": "discard"}, schedule="* * * * * *"
        )

        def twice() -> list[str]:
            found = outcomes(fetch_all(machine, EVENTS))[job["job_id"]]
            return [
                fault for fault in tick_faults(set(found), found) if "has 2 events: ['run', 'run']" in fault
            ]

        assert machine.until(twice, "an instant to fire twice")


def test_commit_not_awaited(tmp_path: Path, seed: int):
    """On a Postgres that answers before its log is written, a kill at the 2xx loses runs: the harness would see it."""
    with broken(tmp_path, seed, postgres_settings={"wal_writer_delay": "10s"}) as (machine, client, job):
        fetch_all(machine, "ALTER DATABASE orc SET synchronous_commit = off")
        fetch_all(machine, "CHECKPOINT")
        machine.kill(*machine.services)
        machine.mend()
        machine.wait_ready()
        for _ in range(3):
            client.run(job)
            machine.kill("postgres", "nats", *machine.services)
            machine.mend()
            machine.wait_ready()
        found = judge(machine, may_be_open=True)
    assert starts(found, "(i) run")
