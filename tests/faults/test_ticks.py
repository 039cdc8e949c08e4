"""P24, P25: three schedulers killed, paused and cut off over their ticks; each instant of each job has one event."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from faults.client import Client
from faults.machine import Machine, machine_running
from faults.oracle_ticks import each_second, outcomes, tick_faults
from faults.verdict import fetch_all, keep, require_sound

SECONDS = 75
FAULTS = 18
JOBS_PER_KIND = 5
KINDS = {
    "allow": (1, {"schedule": "* * * * * *"}),
    "skip": (2, {"schedule": "*/2 * * * * *", "overlap": {"mode": "skip"}}),
    "queue": (3, {"schedule": "*/3 * * * * *", "overlap": {"mode": "queue", "max": 3}}),
    "cancel": (10, {"schedule": "*/10 * * * * *", "overlap": {"mode": "cancel_running"}}),
    "deadline": (1, {"schedule": "* * * * * *", "start_deadline_seconds": 1.5}),
    "last": (1, {"schedule": "* * * * * *", "catch_up": {"mode": "last"}}),
    "union": (5, {"schedule": "*/15 * * * * *", "schedules": ["*/5 * * * * *", "*/10 * * * * *"]}),
    "excluded": (2, {"schedule": "*/2 * * * * *", "exclude": ["*/4 * * * * *"]}),
    "jitter": (5, {"schedule": "*/5 * * * * *", "jitter_seconds": 4.0}),
}
EVENTS = "SELECT type, data::text AS data, recorded_at FROM log.events ORDER BY position"
CREATED = "SELECT recorded_at FROM log.events WHERE type = 'job.created' AND stream = 'job-' || $1"
NOT_ACCOUNTED = "SELECT count(*)::int FROM scheduler.jobs WHERE wake_at IS NOT NULL"
OPEN = "SELECT count(*)::int FROM read.runs WHERE status IN ('queued', 'running')"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, seed: int) -> Iterator[Machine]:
    """Run three schedulers and two executors."""
    folder = tmp_path_factory.mktemp("machine")
    with machine_running(folder, seed=seed, executors=2, schedulers=3) as running:
        yield running
        keep(running, "ticks")


def test_each_instant_has_one_event(machine: Machine, client: Client, seed: int):
    """Schedules of every policy end by themselves; meanwhile schedulers die, sleep and lose Postgres or NATS."""
    chance = random.Random(seed)
    inline = {"type": "inline", "rows": [{"n": 1}]}
    ends_at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=SECONDS)
    jobs = {
        client.create(f"{kind} {n}", inline, {"type": "discard"}, ends_at=ends_at.isoformat(), **said)[
            "job_id"
        ]: kind
        for kind, (_, said) in KINDS.items()
        for n in range(JOBS_PER_KIND)
    }
    faults = [*["kill", "pause", "pause", "postgres", "nats", "all"] * (FAULTS // 6)]
    chance.shuffle(faults)
    for fault in faults:
        strike(machine, fault, chance)
    machine.until(lambda: datetime.now(UTC) > ends_at, "the schedules to end", SECONDS + 30)
    machine.until(lambda: fetch_all(machine, NOT_ACCOUNTED)[0][0] == 0, "every instant to be accounted for")
    machine.until(lambda: fetch_all(machine, OPEN)[0][0] == 0, "runs to end")
    found, objections, said = outcomes(fetch_all(machine, EVENTS)), [], Counter()
    for job_id, kind in jobs.items():
        created_at = fetch_all(machine, CREATED, job_id)[0][0]
        expected = each_second(created_at, ends_at, KINDS[kind][0])
        objections += [f"{kind} job {job_id}: {fault}" for fault in tick_faults(expected, found[job_id])]
        said.update(f"{kind} {what}" for events in found[job_id].values() for what, _ in events)
    machine.history.write("figure", name="ticks", seconds=None, outcomes=dict(sorted(said.items())))
    assert not objections, objections[:10]
    assert {
        "allow run",
        "skip overlap",
        "excluded excluded",
        "excluded run",
        "union run",
        "queue run",
    } <= set(said)
    machine.history.require(kill_scheduler=6, pause_scheduler=6)
    require_sound(machine)


def strike(machine: Machine, fault: str, chance: random.Random) -> None:
    """Do something to schedulers for one to three seconds."""
    name, seconds = chance.choice(machine.schedulers), chance.uniform(1, 3)
    match fault:
        case "kill":
            machine.kill(name)
            machine.rest(seconds)
        case "all":
            machine.kill(*machine.schedulers)
            machine.rest(seconds)
        case "pause":
            pid = machine.processes[name].pid
            machine.pause(pid, "scheduler")
            machine.rest(seconds)
            machine.resume(pid)
        case "postgres" | "nats":
            with machine.wires(fault, chance.choice(["cut", "stall", "half-open"]), (name,)):
                machine.rest(seconds)
    machine.rest(0.5)
