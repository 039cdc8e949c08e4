"""P1: any executor is killed at any instant; every run is in its table once."""

import random
from concurrent.futures import ThreadPoolExecutor

from faults.client import Client, into
from faults.kills import kill_at
from faults.machine import Machine
from faults.verdict import require_sound

KILLS = 100
KILLS_PER_POINT = 10
POINTS = ("after-claim", "before-begin", "mid-load", "before-commit", "after-commit", "after-event")


def test_executors_killed_at_random_instants(machine: Machine, client: Client, csv: str, seed: int):
    """100 kills at random instants: all runs succeed, each once in its table."""
    chance = random.Random(seed)
    jobs = [
        client.create(f"random {n}", {"type": "csv", "path": csv}, into(f"random{n}.duckdb"))
        for n in range(4)
    ]
    accepted: list[str] = []
    with ThreadPoolExecutor(4) as callers:
        for number in range(KILLS):
            calls = [callers.submit(client.run, jobs[(number + n) % 4]) for n in range(2)]
            machine.rest(chance.uniform(0.1, 0.7))
            machine.kill(chance.choice(machine.executors))
            accepted += [call.result() for call in calls]
    assert client.all_finished(accepted) == {"success"}
    machine.history.require(kill_executor=KILLS)
    require_sound(machine)


def test_executors_killed_at_named_points(machine: Machine, client: Client, csv: str):
    """10 kills at each point, from the claim to the ack, all in parallel: all runs succeed, each once in its table."""
    jobs = [
        client.create(f"point {n}", {"type": "csv", "path": csv}, into(f"point{n}.duckdb")) for n in range(8)
    ]
    accepted = kill_at(
        machine, POINTS, KILLS_PER_POINT, lambda: [run for job in jobs for run in client.runs(job, 5)], 150
    )
    assert client.all_finished(accepted, 150) == {"success"}
    machine.history.require(**{f"killed_{name}": KILLS_PER_POINT for name in POINTS})
    require_sound(machine)


def test_executors_killed_in_the_middle_of_an_extract(machine: Machine, client: Client):
    """10 kills while a source waits with its second page: all runs succeed, each once in its table."""
    pages = {
        "type": "api",
        "url": f"{machine.source.url}/pages",
        "pagination": {"type": "page_number"},
    }
    job = client.create("mid-extract", pages, into("extract.duckdb"))
    machine.hold_source(on=True)
    accepted = client.runs(job, 8)
    before = machine.source.abandoned
    for number in range(4 * KILLS_PER_POINT):
        if machine.source.abandoned - before >= KILLS_PER_POINT:
            break
        machine.until(lambda: machine.source.held >= 2, "requests of page 2")
        seen = machine.source.abandoned
        machine.kill(machine.executors[number % 3])
        machine.rest(0.3)
        for _ in range(machine.source.abandoned - seen):
            machine.history.fault("killed mid-extract")
    machine.hold_source(on=False)
    assert client.all_finished(accepted) == {"success"}
    machine.history.require(**{"killed_mid-extract": KILLS_PER_POINT})
    require_sound(machine)
