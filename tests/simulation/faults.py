"""
Faults: what breaks, when. Most strike right after a callback of the process that they hit, which is at an await.

Everything that was broken is whole again a while later, by itself or by the end of the faults at the latest.
"""

from collections import Counter
from typing import Any

from simulation.loop import Process
from simulation.worker import Worker

SECONDS_MAX = 25.0
ZOMBIE_SECONDS_MAX = 3.0
"""How long what wakes up may go on before it is known what it does."""


class Faults:
    """The faults of one seed."""

    def __init__(self, world: Any) -> None:
        self._world, self._chance = world, world.chance
        random = self._chance.random
        self.seconds = 8.0 + random.random() * (SECONDS_MAX - 8.0)
        """When they end."""
        self.quiet_at = 0.0
        """When the last of those that sleep has had its time to do harm."""
        self.struck: Counter[str] = Counter()
        self._left = self._chance.faults_max
        self._draw()
        self._copy: Any = None
        self._is_over = False

    def after_step(self, process: Process) -> None:
        """Strike when it is time."""
        if process.loop.now < self._from or self._is_over or self._left <= 0:
            return
        self._steps -= 1
        if self._steps > 0:
            return
        self._draw()
        self._left -= 1
        self._strike(self._chance.pick(self._chance.faults), process)

    def end(self) -> None:
        """Break nothing more and mend what is broken; what sleeps wakes up in its own time, which may be late."""
        self._world.note("faults", "END")
        self._is_over = True
        self._chance.calm()
        self._world.broker.is_down = self._world.database.is_down = False

    def strike_worker(self, worker: Worker, where: str) -> None:
        """Strike a worker in its load, sometimes."""
        if self._is_over or self._chance.random.random() >= self._chance.worker_rate:
            return
        kind = self._chance.pick(self._chance.worker_faults)
        self._count(f"worker {kind}", f"{worker.process.name} {where}")
        service = self._service_of(worker.process)
        match kind:
            case "killed":
                worker.exit(-9)
            case "paused":
                self._pause([worker.process])
            case "paused with its executor":
                # In this order they wake up: a load may go on before anybody learns that it should not.
                self._pause([worker.process, service.process])
            case "executor crashes":
                self._crash(service)
            case "stuck, its executor crashes":
                seconds = 10.0 + self._chance.random.random() * 12.0
                worker.stick(seconds)
                self._wakes_in(seconds)
                self._crash(service)

    def _draw(self) -> None:
        """Decide when the next one strikes: some callbacks after some moment."""
        chance = self._chance
        self._from = self._world.loop.now + chance.random.random() * chance.seconds_between_faults
        self._steps = 1 + int(chance.random.random() * chance.steps_between_faults)

    def _count(self, kind: str, about: str) -> None:
        self.struck[kind] += 1
        self._world.note("faults", f"{kind.upper()} {about}")

    def _seconds(self, most: float) -> float:
        return self._chance.random.random() ** 2 * most

    def _strike(self, kind: str, process: Process) -> None:
        world = self._world
        service = self._service_of(process) or self._chance.pick(world.services)
        workers = [one for one in world.workers if one.process.name.startswith(service.process.name)]
        self._count(kind, service.name)
        match kind:
            case "crash":
                self._crash(service)
            case "stop":
                if service.is_up:
                    service.process.soon(service.stop)
            case "pause":
                self._pause([service.process])
            case "pause with workers":
                self._pause([service.process, *(one.process for one in workers)])
            case "cut":
                self._cut(service)
            case "kill worker":
                if world.workers:
                    self._chance.pick(world.workers).exit(-9)
            case "pause worker":
                if world.workers:
                    self._pause([self._chance.pick(world.workers).process])
            case "redeliver":
                world.server.soon(world.broker.redeliver)
            case "database down":
                world.database.stop()
                self._later(5.0, self._database_up)
            case _:
                self._strike_broker(kind)

    def _strike_broker(self, kind: str) -> None:
        broker = self._world.broker
        match kind:
            case "streams erased":
                # By somebody's hand, nobody's connection broken.
                broker.erase()
            case "broker down":
                broker.cut_all(0.1)
            case "broker erased":
                broker.cut_all(0.1)
                broker.erase()
            case "broker restored":
                # The first time it only takes the copy that the next one puts back.
                if self._copy is not None:
                    broker.cut_all(0.1)
                    broker.jetstream = self._copy
                self._copy = broker.jetstream.copied()
        if kind.startswith("broker"):
            broker.is_down = True
            self._later(5.0, self._broker_up)

    def _crash(self, service: Any) -> None:
        if not service.process.is_dead:
            service.crash()

    def _pause(self, processes: list[Process]) -> None:
        draw = self._chance.random.random
        # Half of them around the time in which a lease runs out and its run is given to another.
        seconds = draw() * 4.0 if draw() < 0.5 else 10.0 + draw() * 12.0
        for process in processes:
            if not process.is_dead and not process.is_paused:
                process.pause()
                self._world.server.later(seconds, process.resume)
                self._wakes_in(seconds)
                seconds += draw() * 0.5

    def _wakes_in(self, seconds: float) -> None:
        self.quiet_at = max(self.quiet_at, self._world.loop.now + seconds + ZOMBIE_SECONDS_MAX)

    def _cut(self, service: Any) -> None:
        for connection in list(self._world.broker.connections):
            if connection._process is service.process:
                connection.cut(self._seconds(6.0))

    def _later(self, most: float, mend: Any) -> None:
        self._world.server.later(self._seconds(most), mend)

    def _database_up(self) -> None:
        self._world.note("faults", "database is up")
        self._world.database.is_down = False

    def _broker_up(self) -> None:
        self._world.note("faults", "broker is up")
        self._world.broker.is_down = False

    def _service_of(self, process: Process) -> Any:
        for service in self._world.services:
            if process is service.process or process.name.startswith(f"{service.process.name}/"):
                return service
        return None
