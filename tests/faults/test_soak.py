"""Tier 3: hours of mixed load with a fault a minute (`make soak MINUTES=n`); memory slope and queue age are reported."""

import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

from faults.client import Client, into
from faults.load import Load
from faults.machine import SERVERS, Machine
from faults.verdict import OUTPUT, ask, require_sound

MINUTES = float(os.environ.get("ORC_SOAK_MINUTES", "0"))
FAULT_SECONDS = 60.0
SAMPLE_SECONDS = 10.0
QUEUE_AGE = "SELECT coalesce(extract(epoch FROM max(now() - created_at)), 0)::float8 FROM read.runs WHERE status = 'queued'"
WAITED = """
    SELECT percentile_cont(ARRAY[0.5, 0.99, 1.0]) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - created_at)::float8)
      FROM read.runs WHERE started_at IS NOT NULL
"""
OPEN = "SELECT count(*)::int FROM read.runs WHERE status IN ('queued', 'running')"
LENGTHS = (1, 5, 20, 50)
COPIES_MAX = 3
"""Copies of the bus's store that are kept, one a minute: the oldest is two minutes old and more."""
POINTS = ("after-claim", "before-begin", "mid-load", "before-commit", "after-commit", "after-event")
FAULTS = ("kill", "kill", "kill together", "point", "wires", "wires", "pause", "erase", "restore")
WARM_UP_SHARE = 0.25
"""Of the samples: what a process grows to when it begins is not a leak."""


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
    ticking = client.create("soak ticks", extractors[1], {"type": "discard"}, schedule="*/2 * * * * *")
    samples = Samples(machine)
    faults = shuffled(chance)
    copies: list[Path] = []
    with Load(client, jobs, callers=3, pause_seconds=0.3) as load:
        while samples.minutes < MINUTES:
            copies.append(machine.copy_jetstream(f"copy-{len(samples.taken)}"))
            if len(copies) > COPIES_MAX:
                machine.forget(copies.pop(0))
            until = time.monotonic() + FAULT_SECONDS
            strike(machine, next(faults), chance, copies)
            samples.take_until(until)
    client.insist(f"/jobs/{ticking['job_id']}/pause")
    machine.until(lambda: ask(machine, OPEN) == 0, "every run to end")
    if len(samples.taken) * SAMPLE_SECONDS >= len(FAULTS) * FAULT_SECONDS:
        machine.history.require(jetstream_erased=1, jetstream_restored=1, kill_executor=1)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    waited = zip(("p50", "p99", "max"), ask(machine, WAITED), strict=True)
    report = {
        "runs asked for": len(load.accepted),
        "seconds from request to first claim": {name: round(seconds, 3) for name, seconds in waited},
        **samples.report(),
    }
    (OUTPUT / "soak-report.json").write_text(json.dumps(report))
    require_sound(machine)


class Samples:
    """How the machine fares, looked at every ten seconds."""

    def __init__(self, machine: Machine) -> None:
        self._machine, self._began = machine, time.monotonic()
        self.taken: list[tuple[float, float | None, dict[tuple[str, int], int]]] = []
        """Minutes since the beginning, age of the oldest queued run if there was an answer, bytes by process."""

    @property
    def minutes(self) -> float:
        return (time.monotonic() - self._began) / 60

    def take_until(self, until: float) -> None:
        """Let the time pass, looking meanwhile."""
        while (left := until - time.monotonic()) > 0:
            self._machine.rest(min(SAMPLE_SECONDS, left))
            held = {
                (name, process.pid): size
                for name, process in self._machine.processes.items()
                if name not in SERVERS and (size := resident_bytes(process.pid))
            }
            self.taken.append((self.minutes, ask(self._machine, QUEUE_AGE), held))

    def report(self) -> dict[str, object]:
        """Say what the samples tell: a process that was killed begins anew, so each life has a slope of its own."""
        lives: dict[tuple[str, int], list[tuple[float, int]]] = {}
        for minute, _, held in self.taken:
            for life, size in held.items():
                lives.setdefault(life, []).append((minute, size))
        longest = {name: max((p for (n, _), p in lives.items() if n == name), key=len) for name, _ in lives}
        ages = [age for _, age, _ in self.taken if age is not None]
        return {
            "minutes": round(self.minutes, 1),
            "queue age seconds": {
                "median": round(sorted(ages)[len(ages) // 2], 1),
                "max": round(max(ages), 1),
            },
            "MB, and its slope in kB a minute, of the longest life": {
                name: {
                    "minutes": round(points[-1][0] - points[0][0], 1),
                    "MB": round(points[-1][1] / 1e6),
                    "kB a minute": round(slope(points[int(len(points) * WARM_UP_SHARE) :]) / 1e3, 1),
                }
                for name, points in sorted(longest.items())
            },
        }


def shuffled(chance: random.Random) -> Iterator[str]:
    """Draw faults for ever, each kind once before any comes again."""
    while True:
        yield from chance.sample(FAULTS, len(FAULTS))


def strike(machine: Machine, fault: str, chance: random.Random, copies: list[Path]) -> None:
    """Do one thing to one part, for one of the lengths."""
    match fault:
        case "kill":
            machine.kill(chance.choice([*machine.services, *SERVERS]))
        case "kill together":
            machine.kill(*chance.sample([*machine.services, *SERVERS], 4))
        case "point":
            machine.points.arm(chance.choice(POINTS))
            hit = machine.until(lambda: next(iter(machine.points.hits()), None), "a process at the point")
            machine.kill(next(n for n in machine.executors if machine.processes[n].pid == hit.executor))
            machine.points.disarm()
        case "wires":
            server, mode = chance.choice(SERVERS), chance.choice(["cut", "stall", "half-open", "slow"])
            with machine.wires(server, mode):
                machine.rest(chance.choice(LENGTHS))
        case "pause":
            name = chance.choice([*machine.executors, *machine.schedulers])
            pid = machine.processes[name].pid
            machine.pause(pid, name.rstrip("-0123456789"))
            machine.rest(chance.choice(LENGTHS))
            machine.resume(pid)
        case "erase" | "restore":
            machine.kill("nats", stay_down=True)
            if fault == "erase":
                machine.erase_jetstream()
            else:
                machine.restore_jetstream(chance.choice(copies))
            machine.begin("nats")


def resident_bytes(pid: int) -> int:
    """Return how much memory a process holds; 0 while it is being started."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def slope(points: list[tuple[float, int]]) -> float:
    """Return the slope of the best line, as least squares has it."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
