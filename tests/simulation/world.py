"""
One seed, from an empty log to the oracle's verdict.

    0 … calm     services run, callers ask, faults strike after any callback that the seed picks
    calm         faults end: what was paused goes on, what was killed is started, nothing is lost any more
    settled      every wish is answered, every run has ended, everybody who follows the log is at its head
    verdict      `oracle.judge` over the log's events, the files, the answers, and what followers made of them
"""

import asyncio
import gc
from collections.abc import Sequence
from hashlib import sha256
from itertools import count
from random import Random
from typing import Any
from uuid import UUID

from msgspec import Struct
from simulation import oracle, services
from simulation.chance import Chance
from simulation.database import Database
from simulation.faults import Faults
from simulation.loop import Livelock, Process, SimulatedLoop
from simulation.network import Broker
from simulation.surroundings import surrounding
from simulation.target import Target
from simulation.wishes import plan
from simulation.worker import Worker

PATIENCE_SECONDS = 900.0
"""After the last fault, in virtual time; the slowest way back (a message every minute) is well within."""
LOOK_SECONDS = 1.0
ENDED = {"run.succeeded", "run.failed", "run.cancelled"}


class Verdict(Struct, frozen=True):
    """What became of a seed."""

    seed: int
    broken: tuple[str, ...]
    """Each invariant that does not hold: its name and what shows it; none when the seed passed."""
    faults: int
    runs: int
    events: int
    steps: int
    seconds: float
    """Virtual ones."""
    fingerprint: str
    """Of the whole history: the same seed has the same."""
    ends: tuple[tuple[str, int], ...]
    """How runs ended, counted."""
    struck: tuple[tuple[str, int], ...]
    """Faults by kind, counted."""
    trace: tuple[str, ...] = ()


class World:
    """Everything there is while a seed runs."""

    def __init__(self, seed: int, switches: Sequence[Any] = (), *, is_traced: bool = False) -> None:
        self.seed, self.is_traced = seed, is_traced
        self.chance = Chance(Random(seed))
        self.loop = SimulatedLoop(self.chance.random)
        self.server = Process(self.loop, "servers")
        self.broker = Broker(self.server, self.chance)
        self.database = Database(self.server, self.chance, self._note_append if is_traced else None)
        self.policy = self.chance.policy()
        self.targets: dict[str, Target] = {}
        self.workers: dict[Worker, None] = {}
        self.worker_numbers = count(1)
        self.unexpected: list[str] = []
        """What no service may do, whatever happens to it: end by itself, meet a fault of ours."""
        self.trace: list[str] = []
        self.switches = [replaced for switch in switches for replaced in switch(self)]
        self.wishes = plan(self.chance)
        pick = self.chance.random.random
        self.services = [services.gateway(self, "gateway-1"), services.scheduler(self, "scheduler-1")]
        self.services += [services.executor(self, "executor-1"), services.executor(self, "executor-2")]
        if pick() < 0.3:
            self.services.append(services.scheduler(self, "scheduler-2"))
        if pick() < 0.2:
            self.services.append(services.gateway(self, "gateway-2"))
        self.faults = Faults(self)
        self.is_settled = False

    def note(self, who: str, what: str) -> None:
        """Add a line to the trace."""
        if self.is_traced:
            self.trace.append(f"{self.loop.now:9.3f}  {who:24} {what}")

    def _note_append(self, position: int) -> None:
        one = self.database.log._events[position - 1]
        self.note(
            one.actor,
            f"LOG {position} {one.stream[:12]}/{one.version} {one.type} {one.data[-160:] if one.type != 'run.requested' else ''}",
        )

    def target(self, name: str) -> Target:
        """Return a file."""
        return self.targets.setdefault(name, Target(name))

    def strike_worker(self, worker: Worker, where: str) -> None:
        """Let a fault strike a worker that is at a point of interest."""
        self.faults.strike_worker(worker, where)

    async def direct(self) -> None:
        """Wait for calm, then until all is settled or patience ends."""
        for service in self.services:
            service.start()
        await asyncio.sleep(self.faults.seconds)
        self.faults.end()
        until = self.loop.now + PATIENCE_SECONDS
        while self.loop.now < until and not self.is_settled:
            await asyncio.sleep(LOOK_SECONDS)
            self.is_settled = self._has_settled()
        self.loop.is_over = True

    def _has_settled(self) -> bool:
        log, jetstream = self.database.log, self.broker.jetstream
        head = len(log._events)
        if self.loop.now < self.faults.quiet_at:
            return False
        if any(wish.outcome is None for wish in self.wishes):
            return False
        runs = [events for name, events in log._streams.items() if name.startswith("run-")]
        if any(events[-1].type not in ENDED for events in runs):
            return False
        followers = [
            self.database.tables.get(f"{schema}.checkpoints", {}).get(name, {}).get("position")
            for schema, name in (("reader", "reader"), ("scheduler", "calendar"), ("scheduler", "relay"))
        ]
        if followers != [head] * 3 or not {"ORC_COMMANDS", "ORC_EVENTS"} <= jetstream.streams.keys():
            return False
        # Of a store that was erased in silence the relay learns with its next look, every 30 s.
        return (
            len(jetstream.streams["ORC_EVENTS"].messages) == head
            and not jetstream.streams["ORC_COMMANDS"].messages
        )

    def verdict(self) -> Verdict:
        """Judge what happened."""
        broken = oracle.judge(self)
        log = self.database.log
        history = sha256(log._events[-1].hash if log._events else b"")
        history.update(f"{self.loop.steps} {self.loop.now:.9f}".encode())
        ends = [events[-1].type for name, events in log._streams.items() if name.startswith("run-")]
        return Verdict(
            seed=self.seed,
            broken=tuple(broken),
            faults=sum(self.faults.struck.values()),
            runs=len(ends),
            events=len(log._events),
            steps=self.loop.steps,
            seconds=self.loop.now,
            fingerprint=history.hexdigest(),
            ends=tuple(sorted((kind, ends.count(kind)) for kind in set(ends))),
            struck=tuple(sorted(self.faults.struck.items())),
            trace=tuple(self.trace),
        )


def run_seed(seed: int, switches: Sequence[Any] = (), *, is_traced: bool = False) -> Verdict:
    """Live through a seed and judge it; `switches` break the product on purpose."""
    # Collecting what was killed would run its `finally` blocks in the midst of the others.
    gc.disable()
    world = World(seed, switches, is_traced=is_traced)
    try:
        with surrounding(world):
            Process(world.loop, "director").start(world.direct())
            world.loop.after_step = world.faults.after_step
            try:
                world.loop.run()
            except Livelock as error:
                world.unexpected.append(str(error))
            verdict = world.verdict()
            world.loop.close()
        return verdict
    finally:
        gc.enable()


def told(verdict: Verdict) -> str:
    """Return a verdict for a person: what broke, and what led to it."""
    lines = [f"seed {verdict.seed}: {verdict.faults} faults, {verdict.runs} runs, {verdict.events} events"]
    lines += [f"  BROKEN {what}" for what in verdict.broken]
    return "\n".join([*lines, *verdict.trace])


__all__ = ["UUID", "Verdict", "World", "run_seed", "told"]
