"""Any part is killed with SIGKILL; nothing accepted is lost and nothing is loaded twice."""

import os
import shutil
import signal
from pathlib import Path

import httpx
import pytest
from support.rest import into, rows, task, until

ROWS = 3_000_000


def kill(stack, name: str) -> int:
    pid = stack.pid(name)
    os.kill(pid, signal.SIGKILL)
    return pid


def came_back(stack, name: str, was: int) -> None:
    until(lambda: stack.pid(name) not in {None, was} or None, f"{name} to come back")


@pytest.fixture(scope="module")
def big_csv(stack) -> Path:
    """Make a CSV that takes a few seconds to load."""
    import duckdb  # noqa: PLC0415

    path = Path(stack.home) / "data" / "big.csv"
    duckdb.sql(
        f"COPY (SELECT i AS id, hash(i) AS a, hash(i + 1)::VARCHAR AS b, random() AS c FROM range({ROWS}) t(i)) "
        f"TO '{path}' (HEADER)"
    )
    return path


def test_executor_killed_in_the_middle_of_a_load(stack, rest, data, big_csv):
    """The run ends `success`, the rows are there once, and its attempts tell the story."""
    job = rest.create_job("big", task({"type": "csv", "path": str(big_csv)}, into("big.duckdb", "big")))
    run = rest.run(job)
    until(lambda: (data / "big.duckdb").exists() or None, "the load to begin")
    assert rest.ended(run) is None
    was = kill(stack, "executor")
    ended = rest.finished(run)
    came_back(stack, "executor", was)
    trail = [event["type"] for event in rest.trail(run)]
    assert (ended["status"], ended["attempt"]) == ("success", 2)
    assert trail == [
        "run.requested", "run.started", "run.attempt_failed", "run.started", "task.succeeded", "run.succeeded",
    ]  # fmt: skip
    assert rows(data / "big.duckdb", "SELECT count(*), count(DISTINCT id) FROM big") == [(ROWS, ROWS)]


@pytest.mark.parametrize("victim", ["gateway", "auth", "scheduler", "nats", "postgres"])
def test_nothing_accepted_is_lost_when_a_part_is_killed(stack, rest, victim):
    """Runs accepted before, during and after the kill all end `success`, each once."""
    job = rest.create_job(f"survive {victim}", task({"type": "inline", "rows": [{"n": 1}]}))
    accepted = [rest.run(job)["run_id"] for _ in range(20)]
    was = kill(stack, victim)
    for number in range(20):
        # The caller's part of exactly once: the same key again until there is an answer.
        def trigger(key: str = f"{victim}-{number}") -> str | None:
            try:
                answer = rest.http.post(f"/jobs/{job['job_id']}/run", headers={"Idempotency-Key": key})
            except httpx.TransportError:
                return None
            assert answer.status_code in {200, 503}, answer.text
            return answer.json()["run_id"] if answer.status_code == 200 else None

        accepted.append(until(trigger, "the trigger to be taken"))
    came_back(stack, victim, was)
    ended = [rest.finished({"run_id": run_id}) for run_id in accepted]
    assert {run["status"] for run in ended} == {"success"}
    assert len(set(accepted)) == 40
    assert {run["run_id"] for run in rest.get("/runs", job_id=job["job_id"])} == set(accepted)


def test_jetstream_erased_with_runs_queued(stack, rest):
    """The store of NATS is deleted while runs are queued; all of them finish without an operator."""
    job = rest.create_job("erased", task({"type": "inline", "rows": [{"n": 1}]}))
    stack.pause("executor")
    accepted = [rest.run(job) for _ in range(50)]
    was = kill(stack, "nats")
    shutil.rmtree(Path(stack.home) / "nats" / "jetstream", ignore_errors=True)
    came_back(stack, "nats", was)
    stack.resume("executor")
    assert {rest.finished(run)["status"] for run in accepted} == {"success"}
