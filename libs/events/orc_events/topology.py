"""
Topology: which streams and consumers there are, and how they are kept so.

The scheduler alone provisions; the others verify for their readiness. JetStream's store may be erased at any time
and nats-py never re-applies the configuration of an existing consumer, so `provision` creates what is missing and
corrects what differs, and `maintain` repeats it at every reconnect and every few seconds. What cannot be corrected
in place is deleted and made again: by rule 1 nothing in NATS is the truth.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Never, Protocol

import structlog
from msgspec import Struct

from orc_events.errors import BusUnavailable
from orc_events.jetstream import CONSUMER_NOT_FOUND, STREAM_NOT_FOUND, JetStreamRefused, Requester, call

_logger = structlog.get_logger()

COMMANDS, EVENTS, WORK = "ORC_COMMANDS", "ORC_EVENTS", "ORC_WORK"
HANDLERS = "handlers"

ACK_WAIT_SECONDS = 30
MAINTAIN_SECONDS = 5.0
RETRY_SECONDS = 0.5
_SECOND = 1_000_000_000
_HOUR = 3_600 * _SECOND
_MEBIBYTE = 1024 * 1024


class Reconnecting(Requester, Protocol):
    """A requester that says when its connection came back."""

    def on_reconnected(self, told: Callable[[], None]) -> Callable[[], None]:
        """Have `told` called after each reconnect; returns the way to stop it."""


class Declared(Struct, frozen=True):
    """A stream, or a consumer of it, with the settings that matter to us."""

    stream: str
    consumer: str | None
    settings: dict[str, Any]

    @property
    def path(self) -> str:
        """The name as JetStream's API has it."""
        return self.stream if self.consumer is None else f"{self.stream}.{self.consumer}"


class Topology:
    """What must stand in JetStream; pools may be added while it runs."""

    def __init__(
        self,
        pools: Iterable[str] = ("default",),
        *,
        inflight_max: int = 256,
        replicas: int = 1,
        commands_bytes_max: int = 64 * _MEBIBYTE,
        events_bytes_max: int = 512 * _MEBIBYTE,
        work_bytes_max: int = 128 * _MEBIBYTE,
    ) -> None:
        self._inflight_max, self._replicas = inflight_max, replicas
        self.streams = (
            # A full queue must say so: the command is refused and the caller told 503, instead of an older
            # command, whose caller still waits, being dropped in silence.
            self._stream(COMMANDS, "orc.commands.>", "workqueue", _HOUR, commands_bytes_max, discard="new"),
            # The oldest goes: the log has it, and the rescuer publishes work again that was lost.
            self._stream(EVENTS, "orc.events.>", "limits", 7 * 24 * _HOUR, events_bytes_max, is_kept=True),
            self._stream(WORK, "orc.work.>", "limits", _HOUR, work_bytes_max),
        )
        self._consumers = {HANDLERS: self._consumer(COMMANDS, HANDLERS, "orc.commands.>")}
        for pool in pools:
            self.add_pool(pool)

    @property
    def declared(self) -> tuple[Declared, ...]:
        """Everything, streams before their consumers."""
        return (*self.streams, *self._consumers.values())

    def add_pool(self, pool: str) -> bool:
        """Declare the consumer of an executor pool; False when it was declared already. `provision` makes it."""
        name = pool_consumer(pool)
        if name in self._consumers:
            return False
        self._consumers[name] = self._consumer(WORK, name, work_subject(pool))
        return True

    def _stream(
        self,
        name: str,
        subject: str,
        retention: str,
        max_age: int,
        max_bytes: int,
        *,
        discard: str = "old",
        is_kept: bool = False,
    ) -> Declared:
        settings = {
            "name": name,
            "subjects": [subject],
            "retention": retention,
            "storage": "file",
            "max_age": max_age,
            "max_bytes": max_bytes,
            "discard": discard,
            "num_replicas": self._replicas,
            "deny_delete": is_kept,
            "deny_purge": is_kept,
        }
        return Declared(name, None, settings)

    def _consumer(self, stream: str, name: str, subject: str) -> Declared:
        settings = {
            "durable_name": name,
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "replay_policy": "instant",
            "ack_wait": ACK_WAIT_SECONDS * _SECOND,
            "max_deliver": -1,
            "max_ack_pending": self._inflight_max,
            "max_waiting": 512,
            "filter_subject": subject,
        }
        return Declared(stream, name, settings)


def work_subject(pool: str) -> str:
    """Return the subject of a pool's work."""
    return f"orc.work.{pool}"


def pool_consumer(pool: str) -> str:
    """Return the name of the durable consumer that a pool's executors share."""
    return f"pool-{pool}"


async def provision(bus: Requester, topology: Topology) -> list[str]:
    """Create what is missing and correct what differs; return what was done. Idempotent. Raises BusUnavailable."""
    done = []
    for declared in topology.declared:
        found = await _find(bus, declared)
        if found is None:
            await _create(bus, declared)
            done.append(f"created {declared.path}")
        elif differing := _differences(declared, found):
            await _correct(bus, declared, found)
            done.append(f"corrected {declared.path}: {', '.join(differing)}")
    if done:
        _logger.info("jetstream provisioned", done=done)
    return done


async def verify(bus: Requester, declared: Iterable[Declared]) -> list[str]:
    """Return how JetStream differs from what is declared, empty when it does not. Raises BusUnavailable."""
    wrong = []
    for one in declared:
        found = await _find(bus, one)
        if found is None:
            wrong.append(f"{one.path} is missing")
        else:
            wrong += [f"{one.path}: {difference}" for difference in _differences(one, found)]
    return wrong


async def maintain(
    bus: Reconnecting, topology: Topology, *, every_seconds: float = MAINTAIN_SECONDS
) -> Never:
    """Provision now, after every reconnect and every few seconds, for ever."""
    reconnected = asyncio.Event()
    forget = bus.on_reconnected(reconnected.set)
    try:
        while True:
            reconnected.clear()
            pause = every_seconds
            try:
                await provision(bus, topology)
            except BusUnavailable as error:
                _logger.info("not provisioned yet", reason=str(error))
                pause = RETRY_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await reconnected.wait()
    finally:
        forget()


async def _find(bus: Requester, declared: Declared) -> dict[str, Any] | None:
    kind = "STREAM" if declared.consumer is None else "CONSUMER"
    try:
        answer = await call(bus, f"{kind}.INFO.{declared.path}")
    except JetStreamRefused as refused:
        if refused.err_code in (STREAM_NOT_FOUND, CONSUMER_NOT_FOUND):
            return None
        raise
    config: dict[str, Any] = answer["config"]
    return config


def _differences(declared: Declared, found: dict[str, Any]) -> list[str]:
    # The server leaves out what is false or zero.
    return [
        f"{key} is {found.get(key)!r}, not {wanted!r}"
        for key, wanted in declared.settings.items()
        if (found.get(key) or None) != (wanted or None)
    ]


async def _create(bus: Requester, declared: Declared) -> None:
    if declared.consumer is None:
        await call(bus, f"STREAM.CREATE.{declared.path}", declared.settings)
    else:
        await _put_consumer(bus, declared, declared.settings)


async def _correct(bus: Requester, declared: Declared, found: dict[str, Any]) -> None:
    kind = "STREAM" if declared.consumer is None else "CONSUMER"
    try:
        if declared.consumer is None:
            await call(bus, f"STREAM.UPDATE.{declared.path}", found | declared.settings)
        else:
            await _put_consumer(bus, declared, found | declared.settings)
    except JetStreamRefused as refused:
        _logger.warning("made anew", path=declared.path, reason=refused.description)
        await call(bus, f"{kind}.DELETE.{declared.path}")
        await _create(bus, declared)


async def _put_consumer(bus: Requester, declared: Declared, settings: dict[str, Any]) -> None:
    body = {"stream_name": declared.stream, "config": settings}
    await call(bus, f"CONSUMER.DURABLE.CREATE.{declared.path}", body)
