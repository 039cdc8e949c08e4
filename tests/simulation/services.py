"""
The services of a seed: the scheduler's and the executor's own `serve`, a gateway that gives commands as REST does, and
the supervisor that starts them again.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry
from simulation.loop import Process
from simulation.statements import FOLDS_PUT, FOLDS_READ
from simulation.surroundings import ENVIRONMENT, SimulatedClock, read_settings

from orc_events.event import Position, Recorded
from orc_events.follower import Follower
from orc_events.log import PostgresLog
from orc_events.projection import Projector
from orc_executor.app import serve as serve_executor
from orc_executor.settings import ExecutorSettings
from orc_gateway.commands import Caller, Commands
from orc_gateway.problems import Refusal, Unavailable
from orc_gateway.shown import SUBJECT, Shown
from orc_runtime.database import UNREACHABLE
from orc_runtime.lifecycle import DRAIN_SECONDS_MAX, STUCK_SECONDS_MAX, Lifecycle
from orc_runtime.principal import Principal
from orc_scheduler.app import serve as serve_scheduler
from orc_scheduler.settings import SchedulerSettings

USER = Principal(subject="user:ada", user_id=None, role="admin")
_SCHEDULER = read_settings(SchedulerSettings, ENVIRONMENT)


class Service:
    """One replica: its process as it is now, and how it is started."""

    def __init__(self, world: Any, name: str, main: Callable[[Lifecycle], Coroutine[Any, Any, None]]) -> None:
        self._world, self.name, self._main = world, name, main
        self._starts = 0
        self.process: Process
        self.lifecycle: Lifecycle | None = None

    @property
    def is_up(self) -> bool:
        """Whether it runs and was not told to stop."""
        return (
            self.lifecycle is not None and not self.process.is_dead and not self.lifecycle.stopping.is_set()
        )

    def start(self) -> None:
        """Start it, as a process that knows nothing of the one before."""
        self._starts += 1
        self.process = Process(self._world.loop, f"{self.name}#{self._starts}")
        self.process.skew = self._world.chance.skew()
        if self.name.startswith("gateway"):
            # Commands carry a deadline of 1.6 s by the gateway's clock: one that is later than that behind the
            # database's gets none done, which is as designed and no matter of faults.
            self.process.skew /= 6
        self._world.note(self.name, f"starts, its clock {self.process.skew:+.1f} s")
        self.process.start(self._live(self.process))

    def crash(self) -> None:
        """Kill it; the supervisor starts it again."""
        self._world.note(self.name, "CRASH")
        self.lifecycle = None
        self.process.kill()
        self._world.server.later(self._world.chance.half_open_seconds() / 2, self.start)

    def stop(self) -> None:
        """Send SIGTERM, and later on what the lifecycle does to whoever does not hear it."""
        assert self.lifecycle is not None
        self._world.note(self.name, "SIGTERM")
        self.lifecycle.stop("SIGTERM")

    async def _live(self, process: Process) -> None:
        lifecycle = self.lifecycle = Lifecycle()
        work = asyncio.create_task(self._main(lifecycle))
        told = asyncio.create_task(lifecycle.stopping.wait())
        await asyncio.wait({work, told}, return_when=asyncio.FIRST_COMPLETED)
        self._world.server.later(STUCK_SECONDS_MAX, self._take_down, process)
        await asyncio.wait({work}, timeout=DRAIN_SECONDS_MAX)
        work.cancel()
        await asyncio.wait({work})
        if not lifecycle.stopping.is_set():
            self._world.unexpected.append(f"{process.name} ended by itself: {_why(work)!r}")
        self._world.note(self.name, f"ended: {_why(work)!r}")
        self._world.server.later(0.0, self._take_down, process)

    def _take_down(self, process: Process) -> None:
        if not process.is_dead:
            process.kill()
            self._world.server.later(0.5, self.start)


def _why(work: asyncio.Task[None]) -> object:
    return "cancelled" if work.cancelled() else work.exception()


def scheduler(world: Any, name: str) -> Service:
    """Return a scheduler replica."""
    return Service(world, name, lambda lifecycle: serve_scheduler(lifecycle, _SCHEDULER))


def executor(world: Any, name: str) -> Service:
    """Return an executor."""
    settings = read_settings(ExecutorSettings, ENVIRONMENT | {"ORC_EXECUTOR_NAME": name})
    return Service(world, name, lambda lifecycle: serve_executor(lifecycle, settings))


def gateway(world: Any, name: str) -> Service:
    """Return a gateway: commands in, a projector of every stream's events."""
    return Service(world, name, partial(_serve_gateway, world))


async def _serve_gateway(world: Any, lifecycle: Lifecycle) -> None:
    trouble = (Exception,)
    pool = await lifecycle.wait_for("postgres", lambda: world.database.open("reader"), trouble)
    bus = await lifecycle.wait_for("nats", world.broker.join, trouble)
    log, registry = PostgresLog(pool), CollectorRegistry()
    follower = Follower(pool, log, "reader")
    projector = Projector(follower, _fold, clear=_clear, on_applied=Shown.tell(bus))

    async def checkpoint() -> Position:
        async with pool.acquire() as connection:
            return await follower.checkpoint.position(connection)

    shown = Shown(follower, checkpoint, registry)
    await bus.listen(SUBJECT, shown.hear)
    await bus.listen("orc.poke.log", lambda _subject, data: follower.poke(Position(int(data))))
    commands = Commands(bus, log, shown, SimulatedClock(), registry)
    async with lifecycle.duties() as start:
        start("projector", projector.run())
        start("callers", _serve_callers(world, commands))


async def _serve_callers(world: Any, commands: Commands) -> None:
    """Give every wish that is not answered yet, each by a caller of its own that asks until it is."""
    async with asyncio.TaskGroup() as callers:
        for wish in world.wishes:
            if wish.outcome is None:
                callers.create_task(_call(world, commands, wish))
        await asyncio.Event().wait()


async def _call(world: Any, commands: Commands, wish: Any) -> None:
    await asyncio.sleep(max(0.0, wish.at - world.loop.now))
    while wish.outcome is None:
        command = wish.command()
        if command is None:
            await asyncio.sleep(0.5)
            continue
        try:
            done = await commands.give(command, Caller(USER, wish.key))
        except (Unavailable, *UNREACHABLE) as error:
            world.note("caller", f"{wish.key}: {error!r}")
            if wish.asks_once:
                wish.answer(("given up", None, 0))
            await asyncio.sleep(wish.patience_seconds)
        except Refusal as error:
            wish.answer(("refused", error.code, 0))
        else:
            body = msgspec.json.decode(done.body)
            world.note("caller", f"{wish.key}: done at {done.position}")
            wish.answer(("done", body, done.position))


async def _fold(connection: Any, batch: Sequence[Recorded]) -> None:
    """Fold each stream into what it has been through: a place for each event, so that none counts twice unseen."""
    names = list(dict.fromkeys(event.stream for event in batch))
    folds = {row["stream"]: row["fold"] or {"seen": ()} for row in await connection.fetch(FOLDS_READ, names)}
    for event in batch:
        seen = folds[event.stream]["seen"]
        folds[event.stream] = {"seen": (*seen, (event.position, event.version, event.type))}
    await connection.execute(FOLDS_PUT, folds)


async def _clear(_connection: Any) -> None:
    raise AssertionError("nobody rebuilds here")
