"""Tier 3: hours of mixed load with a fault a minute (`make soak MINUTES=n`); memory slope and queue age are reported."""

import json
import os
import random
import time
from pathlib import Path

from faults.client import Client, into
from faults.load import Load
from faults.machine import Machine
from faults.verdict import OUTPUT, fetch_all, require_sound

MINUTES = float(os.environ.get("ORC_SOAK_MINUTES", "0"))
FAULT_SECONDS = 60.0
SAMPLE_SECONDS = 10.0
QUEUE_AGE = "SELECT coalesce(extract(epoch FROM max(now() - created_at)), 0)::float8 FROM read.runs WHERE status = 'queued'"
LENGTHS = (1, 5, 20, 50)


def test_soak(machine: Machine, client: Client, csv: str, seed: int):
    """A fault a minute under a mixed load: the oracle holds at the end; how memory and the queue went is printed."""
    chance = random.Random(seed)
    extractors = [
        {"type": "csv", "path": csv},
        {"type": "inline", "rows": [{"n": 1}]},
        {
            "type": "api",
            "url": f"{machine.source.url}/pages",
            "pagination": {"type": "page_number"},
        },
    ]
    # Replaced, not appended: hours of appends would fill the disk and not the hour.
    jobs = [
        client.create(f"soak {n}", extractor, into(f"soak{n}.duckdb", write_disposition="replace"))
        for n, extractor in enumerate(extractors)
    ]
    samples: list[tuple[float, int, float]] = []
    began = time.monotonic()
    with Load(client, jobs, callers=3, pause_seconds=0.3) as load:
        while time.monotonic() - began < MINUTES * 60:
            strike(machine, chance)
            until = time.monotonic() + FAULT_SECONDS
            while time.monotonic() < until:
                machine.rest(SAMPLE_SECONDS)
                age = fetch_all(machine, QUEUE_AGE)[0][0]
                samples.append((time.monotonic() - began, resident_bytes(machine, "gateway"), age))
    assert client.all_finished(load.accepted[-500:]) == {"success"}
    OUTPUT.mkdir(parents=True, exist_ok=True)
    report = {
        "runs": len(load.accepted),
        "gateway bytes per minute": round(slope([(at / 60, size) for at, size, _ in samples])),
        "queue age seconds max": round(max(age for *_, age in samples), 1),
    }
    (OUTPUT / "soak-report.json").write_text(json.dumps(report))
    require_sound(machine)


def strike(machine: Machine, chance: random.Random) -> None:
    """Do one thing to one part, for one of the lengths."""
    match chance.choice(["kill", "kill", "wires", "pause", "erase"]):
        case "kill":
            machine.kill(chance.choice([*machine.services, "postgres", "nats"]))
        case "wires":
            with machine.wires(
                chance.choice(["nats", "postgres"]), chance.choice(["cut", "stall", "half-open", "slow"])
            ):
                machine.rest(chance.choice(LENGTHS))
        case "pause":
            name = chance.choice([*machine.executors, *machine.schedulers])
            pid = machine.processes[name].pid
            machine.pause(pid, name.rstrip("-0123456789"))
            machine.rest(chance.choice(LENGTHS))
            machine.resume(pid)
        case "erase":
            machine.kill("nats", stay_down=True)
            machine.erase_jetstream()
            machine.begin("nats")


def resident_bytes(machine: Machine, name: str) -> int:
    """Return how much memory a process holds; 0 while it is being started."""
    try:
        pages = Path(f"/proc/{machine.processes[name].pid}/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def slope(points: list[tuple[float, int]]) -> float:
    """Return the slope of the best line, as least squares has it."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
