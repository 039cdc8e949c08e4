"""
What the product's modules find around them while a seed runs: the loop's time, the seed's chance, servers that are not
there.

Clocks, random ids and loggers are replaced wherever a module of ours has them, so that a module written later is
simulated like the others; the ways out of the process (connecting, spawning, serving health) in the two `app.py`.
"""

import random
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from uuid import UUID

from prometheus_client import CollectorRegistry
from simulation.database import EPOCH
from simulation.loop import PROCESS
from simulation.worker import spawner

import orc_events.checkpoint
import orc_events.follower
import orc_events.relay
import orc_executor.app
import orc_executor.consumer
import orc_runtime.connections
import orc_scheduler.app
import orc_scheduler.commands
from orc_domain.requests import request_run
from orc_executor.admission import Admission
from orc_runtime.clock import SystemClock
from orc_runtime.settings import read_settings

POLL_SECONDS = 1.0
"""Followers are poked; polls only find what pokes missed, and idle seconds cost real ones."""
LEASE_SECONDS = 12
ENVIRONMENT = {
    "ORC_DATABASE_URL": "postgres://simulated",
    "ORC_NATS_URL": "nats://simulated",
    "ORC_DATA_DIR": "simulated",
    "ORC_LEASE_SECONDS": str(LEASE_SECONDS),
    "ORC_SLOTS": "2",
    "ORC_CANCEL_GRACE_SECONDS": "1.0",
    "ORC_DRAIN_SECONDS": "1.0",
}

_LOGGERS = ("_logger", "log")


class SimulatedClock:
    """The clock of the machine that the asking process is on."""

    def now(self) -> datetime:
        """Return the time, as wrong as that machine has it."""
        process = PROCESS.get()
        return EPOCH + timedelta(seconds=process.loop.now + getattr(process, "skew", 0.0))


class Notes:
    """A logger whose lines go into the seed's trace."""

    def __init__(self, world: Any, module: str) -> None:
        self._world, self._module = world, module

    def info(self, event: str, **about: Any) -> None:
        """Note a line."""
        if self._world.is_traced:
            said = " ".join(f"{name}={value}" for name, value in about.items() if name != "exc_info")
            self._world.note(PROCESS.get().name, f"({self._module}) {event} {said}")

    debug = warning = error = info

    def exception(self, event: str, **about: Any) -> None:
        """Note a fault of ours; no seed may have one, whatever it survives."""
        error = sys.exc_info()[1]
        self.info(event, **about, error=repr(error))
        self._world.unexpected.append(f"{PROCESS.get().name}: {event}: {error!r}")


class _TimedAdmission(Admission):
    def __init__(self, slots: int, release: Any) -> None:
        super().__init__(slots, release, now=lambda: PROCESS.get().loop.now)


class _NoRegistry:
    def __init__(self, _folder: Path) -> None:
        return

    def clear(self) -> None:
        return

    close = clear

    def add(self, _pid: int) -> None:
        return

    remove = add


@asynccontextmanager
async def _serve_nothing(*_: Any) -> Any:
    yield


async def _close_nothing(_pool: Any) -> None:
    return


async def _is_current(*_: Any) -> None:
    return


@cache
def _modules() -> list[tuple[str, ModuleType]]:
    return sorted((name, module) for name, module in sys.modules.items() if name.startswith("orc_"))


def _replacements(world: Any) -> Iterator[tuple[ModuleType, str, Any]]:
    chance: random.Random = world.chance.random
    virtual = SimpleNamespace(monotonic=lambda: world.loop.now, time=lambda: world.loop.now)
    found = {
        time: virtual,
        random: chance,
        uuid.uuid4: lambda: UUID(int=chance.getrandbits(128), version=4),
        SystemClock: SimulatedClock,
    }
    names = {"time": time, "random": random, "uuid4": uuid.uuid4, "SystemClock": SystemClock}
    for name, module in _modules():
        for attribute, original in names.items():
            if module.__dict__.get(attribute) is original:
                yield module, attribute, found[original]
        if "token_hex" in module.__dict__:
            yield module, "token_hex", lambda size=4: f"{chance.getrandbits(8 * size):0{2 * size}x}"
        for attribute in _LOGGERS:
            if hasattr(module.__dict__.get(attribute), "exception"):
                yield module, attribute, Notes(world, name)


def _ways_out(world: Any) -> Iterator[tuple[Any, str, Any]]:
    async def connect_pool(_url: str, *, schema: str, **_: Any) -> Any:
        return await world.database.open(schema)

    async def connect_bus(_url: str, **_: Any) -> Any:
        return await world.broker.join()

    yield orc_runtime.connections, "connect_pool", connect_pool
    yield orc_runtime.connections, "require_current", _is_current
    yield orc_runtime.connections, "Bus", SimpleNamespace(connect=connect_bus)
    for app in (orc_scheduler.app, orc_executor.app):
        yield app, "close_pool", _close_nothing
        yield app, "serve_side", _serve_nothing
        yield app, "create_registry", lambda _service: CollectorRegistry()
    yield orc_executor.app, "Registry", _NoRegistry
    yield orc_executor.app, "spawn", spawner(world)
    yield orc_executor.app, "worker_environment", lambda _environ, **_: {}
    worker_settings = SimpleNamespace(scratch=Path("simulated"), worker_sandbox="off")
    yield orc_executor.app, "read_settings", lambda _cls, _environ: worker_settings
    yield orc_executor.consumer, "Admission", _TimedAdmission
    yield (
        orc_scheduler.commands,
        "request_run",
        lambda *given, at: request_run(*given, at=at, policy=world.policy),
    )
    yield orc_events.follower, "POLL_SECONDS", POLL_SECONDS
    yield orc_events.relay, "POLL_SECONDS", POLL_SECONDS


@contextmanager
def surrounding(world: Any) -> Iterator[None]:
    """Have the product's modules live in a world until the block ends."""
    replaced = [*_replacements(world), *_ways_out(world), *world.switches]
    originals = [(place, name, getattr(place, name)) for place, name, _ in replaced]
    try:
        for place, name, value in replaced:
            _set(place, name, value)
        yield
    finally:
        for place, name, value in reversed(originals):
            _set(place, name, value)


def _set(place: Any, name: str, value: Any) -> None:
    if isinstance(place, (ModuleType, type)):
        setattr(place, name, value)
    else:
        # A frozen dataclass, such as a decider.
        object.__setattr__(place, name, value)


__all__ = ["ENVIRONMENT", "read_settings", "surrounding"]
