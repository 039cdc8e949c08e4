"""
Consumer: from work messages to finished runs.

    a message comes    read it; admitted? else give it back
    choose             its own run, or one of a higher priority that waits; then the message is given back
    claim              take a slot where there is a limit, append run.started; refused means that the run is not to be
                       had, and the message is done; so it is for want of a slot, and the rescuer sends another
    perform            the attempt, in a worker
    leave              the slot is free: what is left to say waits for the log alone, and shares its transactions
    say                append the last result
    ack                after the append: a crash between the two repeats a message, the other order would lose a run

An acked message is never needed again, and one that is not acked comes again and finds a run that cannot be claimed:
whether a run is done is told by the log. Results that wait for the log are bounded, since what could add to them is
itself waiting, behind them, for its claim.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Never

import msgspec
import structlog
from msgspec import Struct

from orc_domain.rejection import Rejected
from orc_events.bus import Bus
from orc_events.delivery import Delivery
from orc_events.errors import NotStorable, UnknownEvent
from orc_events.subscription import Subscription
from orc_events.topology import WORK, pool_consumer
from orc_executor.admission import Admission, Ticket
from orc_executor.attempt import Attempt, Surroundings
from orc_executor.claim import OwnedRun, Voice, Work, claim, find_work, read_work
from orc_executor.closing import Closing
from orc_executor.leases import Leases
from orc_executor.metrics import ExecutorMetrics
from orc_executor.progress import Reporter
from orc_executor.slots import HeldBack, Overtaken, Slots
from orc_executor.urgent import Urgent

_logger = structlog.get_logger()

PING_SECONDS = 2.0
PINGS_PER_PROGRESS = 4
"""Every 8 s JetStream hears that a message is being worked on; it would deliver it again after 30 s."""
UNKNOWN_DELAY_SECONDS = 5.0
"""Before a message that a newer version wrote is offered again, to an executor that may know it."""
LAST_WORDS_SECONDS = 1.0
"""How long results may wait for the log once the process is told to stop and its workers are gone."""


class Limits(Struct, frozen=True, kw_only=True):
    """What bounds the consumer."""

    pool: str
    slots: int
    drain_seconds: float
    silence_seconds_max: float
    """A worker that answers no ping for so long is taken for dead."""


class Consumer:
    """Takes runs of one pool and performs them."""

    def __init__(
        self,
        bus: Bus,
        voice: Voice,
        leases: Leases,
        slots: Slots,
        around: Surroundings,
        *,
        urgent: Urgent,
        metrics: ExecutorMetrics,
        limits: Limits,
    ) -> None:
        self._bus, self._voice, self._leases, self._around = bus, voice, leases, around
        self._slots, self._urgent = slots, urgent
        self._metrics, self._limits = metrics, limits
        self._active: dict[Attempt, Delivery | None] = {}
        """Runs that are ours, with their message where we were given it."""
        self._claiming: set[Delivery] = set()
        """Messages whose run we are about to claim, which takes long while the pool is full."""
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def active(self) -> int:
        """Runs that are ours and have not ended."""
        return len(self._active)

    def hear(self, *priority: int) -> None:
        """Be told that a run of this priority waits in the pool, or that one may."""
        self._urgent.hear(*priority)
        self._slots.look()

    async def run(self, stopping: asyncio.Event) -> None:
        """Take work until told to stop; then give what is under way its time, and end the rest."""
        capacity = Admission.capacity(self._limits.slots)
        subscription = await self._bus.pull(WORK, pool_consumer(self._limits.pool), slots=capacity)
        admission = Admission(self._limits.slots, subscription.release)
        async with asyncio.TaskGroup() as group:

            def begin(work: Coroutine[Any, Any, None]) -> None:
                task = group.create_task(work)
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

            group.create_task(_close_on(stopping, subscription))
            async for delivery in subscription:
                if stopping.is_set():
                    # It came before the subscription was closed; somebody else shall have it at once.
                    begin(delivery.nak())
                else:
                    self._receive(delivery, subscription, admission, begin)
            await self._drain()

    async def beat(self) -> Never:
        """Ask the workers whether they live, and tell JetStream of those that do, for ever."""
        pings = 0
        while True:
            await asyncio.sleep(PING_SECONDS)
            pings += 1
            for attempt, delivery in list(self._active.items()):
                is_alive = attempt.check(self._limits.silence_seconds_max)
                if delivery is not None and is_alive and pings % PINGS_PER_PROGRESS == 0:
                    await delivery.in_progress()
            if pings % PINGS_PER_PROGRESS == 0:
                for delivery in list(self._claiming):
                    await delivery.in_progress()

    def _receive(
        self,
        delivery: Delivery,
        subscription: Subscription,
        admission: Admission,
        begin: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        try:
            work = read_work(delivery.headers, delivery.data)
        except UnknownEvent as error:
            _logger.warning("work of a newer version", reason=str(error))
            subscription.release()
            begin(delivery.nak(UNKNOWN_DELAY_SECONDS))
            return
        except (KeyError, ValueError, msgspec.DecodeError) as error:
            # The rescuer publishes a run's work from the log, so nothing is lost with a message that is not one.
            _logger.error("a message that is no work", subject=delivery.subject, reason=repr(error))  # noqa: TRY400
            subscription.release()
            begin(delivery.ack())
            return
        ticket = admission.admit(work.requested.job_id)
        if ticket is None:
            begin(delivery.nak())
        else:
            begin(self._handle(delivery, work, admission, ticket))

    async def _handle(self, delivery: Delivery, work: Work, admission: Admission, ticket: Ticket) -> None:
        try:
            owned = await self._choose(delivery, work)
            if owned is not None and owned.run_id != work.requested.run_id:
                admission.turn(ticket, owned.requested.job_id)
                # Its own run is still to be had.
                await delivery.nak()
                await self._perform(owned, None, ticket)
            elif owned is None or await self._perform(owned, delivery, ticket):
                await delivery.ack()
        except Exception:
            # Nothing was said that is not true; the rescuer takes the run up when its lease has run out.
            _logger.exception("a run is left to the rescuer", run_id=str(work.requested.run_id))
        finally:
            ticket.leave()

    async def _choose(self, delivery: Delivery, work: Work) -> OwnedRun | None:
        """Claim the most urgent run that the message may be spent on."""
        self._claiming.add(delivery)
        try:
            while True:
                with suppress(Overtaken):
                    return await self._claim_ahead(delivery, work) or await self._claim(work)
        finally:
            self._claiming.discard(delivery)

    async def _claim_ahead(self, delivery: Delivery, work: Work) -> OwnedRun | None:
        for run_id in await self._urgent.before(work.requested.priority, delivery.pending):
            self._urgent.trying(run_id)
            try:
                other = await find_work(self._voice, run_id)
                if other is not None and (owned := await self._claim(other)) is not None:
                    return owned
            finally:
                self._urgent.tried(run_id)
        return None

    async def _claim(self, work: Work) -> OwnedRun | None:
        async def is_overtaken() -> bool:
            return bool(await self._urgent.before(work.requested.priority))

        try:
            owned = await claim(self._voice, work, self._slots, is_overtaken)
        except HeldBack as held:
            # Given back it would come again at once, and again, before those that could start.
            self._metrics.claims.labels("held").inc()
            _logger.info("held back", run_id=str(work.requested.run_id), reason=held.why)
            return None
        self._metrics.claims.labels("refused" if owned is None else "claimed").inc()
        return owned

    async def _perform(self, owned: OwnedRun, delivery: Delivery | None, ticket: Ticket) -> bool:
        """Perform the attempt and say how it ended; False when this process stopped before it knew."""
        reporter = Reporter(self._bus, self._voice.clock, owned.run_id, owned.attempt)
        attempt = Attempt(owned, self._around, reporter)
        self._active[attempt] = delivery
        self._leases.hold(attempt)
        keeps_lease = False
        try:
            closing = await attempt.perform()
            ticket.leave(attempt.worker_seconds)
            if closing is None:
                keeps_lease = attempt.is_silenced
                return not attempt.is_silenced
            await self._say(attempt, closing)
        except Rejected as error:
            self._metrics.attempts.labels("stale").inc()
            _logger.info("too late", run_id=str(owned.run_id), attempt=owned.attempt, reason=str(error))
        finally:
            del self._active[attempt]
            if not keeps_lease:
                self._leases.let_go(attempt)
                self._slots.give_back(owned.slots)
        return True

    async def _say(self, attempt: Attempt, closing: Closing) -> None:
        try:
            await attempt.owned.say(closing.command, closing.what)
        except NotStorable as error:
            closing = attempt.unsayable(error)
            await attempt.owned.say(closing.command, closing.what)
        self._metrics.attempts.labels(type(closing.command).__name__).inc()

    async def _drain(self) -> None:
        """Give what is under way its time, then end the workers; what they did the next attempt will see."""
        self._slots.stop()
        await _wait(self._tasks, self._limits.drain_seconds)
        for attempt in self._active:
            attempt.abandon()
        await _wait(self._tasks, LAST_WORDS_SECONDS)
        for task in self._tasks:
            task.cancel()


async def _wait(tasks: set[asyncio.Task[None]], seconds: float) -> None:
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)


async def _close_on(stopping: asyncio.Event, subscription: Subscription) -> None:
    await stopping.wait()
    await subscription.close()
