"""
Rescuer: drive open runs on, from Postgres alone.

    lost        an attempt whose executor stopped renewing its lease is taken back (`run.attempt_failed`, kind lost)
    timed out   a run that nobody claimed within its queue timeout fails
    unsent      a queued run gets a new work message when one is due: 5 s unclaimed, a retry's time, a cancel to settle,
                its turn among the runs of its job

A round every 5 s, when the next message or queue timeout falls due, and when poked. With the broker's memory erased this alone brings all
work back. Whoever is given a message twice finds the run claimed, and drops it. So that a long queue is not told again
and again, messages for one run are spaced 5 s, 10 s, … 60 s, and a run that has one waits while its pool has others to
take; but not for ever, since that one may be lost.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Never, Protocol
from uuid import UUID, uuid5

import structlog

from orc_domain.run_messages import Command, LoseAttempt, TimeOutQueue
from orc_domain.streams import run_stream
from orc_events.cloudevents import Message, message
from orc_events.errors import BusUnavailable, VersionConflict
from orc_events.event import StreamName
from orc_events.follower import TROUBLE
from orc_events.handle import handle
from orc_events.jetstream import JetStreamRefused, Requester, call
from orc_events.log import EventLog
from orc_events.statements import load
from orc_events.topology import WORK, pool_consumer
from orc_events.wakeup import Wakeup
from orc_runtime.clock import Clock
from orc_runtime.deciders import RUNS
from orc_scheduler.intents import own_intent
from orc_scheduler.metrics import SchedulerMetrics
from orc_scheduler.open_runs import most_urgent
from orc_scheduler.work import work_again_of

ROUND_SECONDS = 5.0
PAUSE_SECONDS_MIN = 0.005
BATCH_MAX = 200
"""Runs driven on at once; one window of work messages."""
SPACING_SECONDS_MAX = 60.0
SENDS_HELD_BACK_MAX = 8
"""Messages in a row that a run with one waiting is spared while its pool has a backlog: for 5 to 9 minutes."""
AGAIN_SECONDS = 0.5
STEADY_SECONDS = 6.0
"""How long the database must have answered before leases are judged: while it was away nobody could renew one."""

_LOST, _UNCLAIMED = load("orc_scheduler", "lost"), load("orc_scheduler", "unclaimed")
_POOLS, _TAKE = load("orc_scheduler", "send_pools"), load("orc_scheduler", "send_take")
_AGAIN, _NEXT = load("orc_scheduler", "send_again"), load("orc_scheduler", "send_next")

_logger = structlog.get_logger()


def _nobody(_pool: str, _priority: int) -> None:
    """Need not be told."""


class RescuerBus(Requester, Protocol):
    """What the rescuer needs of the bus."""

    async def publish_window(self, messages: Sequence[Message]) -> int:
        """Publish in order, return how many from the front are acked."""


class Rescuer:
    """Drives open runs on; every replica may, the rows it takes are locked."""

    def __init__(
        self,
        pool: Any,
        log: EventLog,
        bus: RescuerBus,
        clock: Clock,
        metrics: SchedulerMetrics,
        *,
        lease_seconds: float,
        on_urgent: Callable[[str, int], None] = _nobody,
        steady_seconds: float = STEADY_SECONDS,
    ) -> None:
        """`on_urgent` is called with a pool and the highest priority above 0 of runs that were sent there."""
        self._on_urgent = on_urgent
        self._pool, self._log, self._bus = pool, log, bus
        self._clock, self._metrics = clock, metrics
        self._lease_seconds, self._steady_seconds = lease_seconds, steady_seconds
        self._steady_since: float | None = None
        self._wakeup = Wakeup()

    def poke(self) -> None:
        """Say that a run may want a work message."""
        self._wakeup.poke()

    async def run(self) -> Never:
        """Make rounds for ever."""
        while True:
            try:
                await self.rescue()
                pause = await self._pool.fetchval(_NEXT)
                await self._pause(ROUND_SECONDS if pause is None else pause)
            except BusUnavailable as error:
                _logger.info("rescuer waits for the bus", reason=str(error))
                await asyncio.sleep(AGAIN_SECONDS)
            except TROUBLE as error:
                self._steady_since = None
                _logger.warning("rescuer starts over", reason=repr(error))
                await asyncio.sleep(AGAIN_SECONDS)

    async def rescue(self) -> int:
        """Make one round; returns how many runs it drove on. Raises BusUnavailable when work could not be sent."""
        driven = await self._lose() + await self._time_out()
        while sent := await self._send():
            driven += sent
            if sent < BATCH_MAX:
                break
        return driven

    async def _pause(self, seconds: float) -> None:
        await self._wakeup.pause(min(max(seconds, PAUSE_SECONDS_MIN), ROUND_SECONDS))

    async def _lose(self) -> int:
        """Take attempts back from executors whose lease ran out."""
        now = asyncio.get_running_loop().time()
        self._steady_since = now if self._steady_since is None else self._steady_since
        if now < self._steady_since + self._steady_seconds:
            return 0
        rows = await self._pool.fetch(_LOST, float(self._lease_seconds), BATCH_MAX)
        lost = [
            self._decide(
                row["run_id"], LoseAttempt(row["attempt"], self._clock.now()), f"lose/{row['attempt']}"
            )
            for row in rows
        ]
        return self._count("lost", sum(await asyncio.gather(*lost)))

    async def _time_out(self) -> int:
        """Fail runs that nobody claimed in time."""
        rows = await self._pool.fetch(_UNCLAIMED, BATCH_MAX)
        given_up = [self._decide(row["run_id"], TimeOutQueue(), "queue-timeout") for row in rows]
        return self._count("timed_out", sum(await asyncio.gather(*given_up)))

    async def _decide(self, run_id: UUID, command: Command, cause: str) -> bool:
        """Give a command to the run's decider; False when it had nothing to add, or others were faster."""
        intent = own_intent(uuid5(run_id, cause), self._clock.now(), because_of=run_id)
        try:
            handled = await handle(self._log, RUNS, StreamName(run_stream(run_id)), command, intent)
        except VersionConflict:
            return False
        return bool(handled.events) and not handled.repeated

    async def _send(self) -> int:
        """Publish a batch of work messages that are due; returns how many runs it took."""
        congested = [
            row["pool"] for row in await self._pool.fetch(_POOLS) if await self._has_backlog(row["pool"])
        ]
        rows = await self._pool.fetch(_TAKE, BATCH_MAX, congested, SPACING_SECONDS_MAX, SENDS_HELD_BACK_MAX)
        sent = [row["run_id"] for row in rows if row["is_sent"]]
        window = await asyncio.gather(*map(self._work, sent))
        # Sent or not: it may be claimed before others from now on.
        for pool, priority in most_urgent((row["pool"], row["priority"]) for row in rows).items():
            self._on_urgent(pool, priority)
        acked = self._count("sent", await self._bus.publish_window(window))
        if unsent := sent[acked:]:
            await self._pool.execute(_AGAIN, unsent, AGAIN_SECONDS)
            raise BusUnavailable(f"{acked} of {len(window)} work messages acknowledged")
        return len(rows)

    async def _work(self, run_id: UUID) -> Message:
        """Return the run's work message, the same that the relay publishes or leaves to us."""
        requested = (await self._log.read_stream(StreamName(run_stream(run_id))))[0]
        return message(requested, work_again_of(requested))

    async def _has_backlog(self, pool: str) -> bool:
        """Say whether the pool's executors have messages that nobody was given yet."""
        try:
            info = await call(self._bus, f"CONSUMER.INFO.{WORK}.{pool_consumer(pool)}")
        except JetStreamRefused:
            # There is no such consumer now, so nothing waits in it.
            return False
        return bool(info["num_pending"])

    def _count(self, what: str, driven: int) -> int:
        if driven:
            self._metrics.rescued.labels(what).inc(driven)
        return driven
