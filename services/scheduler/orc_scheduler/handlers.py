"""
Command handlers: from ORC_COMMANDS to the log, and the outcome back to whoever waits for it.

    delivery ──▶ envelope ──▶ decide and append ──▶ outcome to `Orc-Reply-To` ──▶ ack

The ack comes after the append: a crash between the two repeats the command, and the log answers a repeat with what it
recorded; the other order would lose it. The reply is best effort: who misses it asks the log by the command's id.
Deliveries are handled side by side, as many as there are slots, so that their reads and appends share round trips.
"""

import asyncio
from typing import Literal, Protocol

import msgspec
import structlog

from orc_domain.rejection import Conflict, Invalid, NotFound, Rejected, Stale
from orc_domain.wire import CommandEnvelope, Outcome, Problem, WireCancelRun
from orc_events.delivery import Delivery
from orc_events.errors import CommandConflict, CommandExpired, LogUnavailable, NotStorable, VersionConflict
from orc_events.event import CommandRecord
from orc_events.handle import Intent
from orc_events.inbox import is_inbox
from orc_events.log import EventLog
from orc_events.subscription import Subscription
from orc_events.topology import COMMANDS, HANDLERS
from orc_runtime.clock import Clock
from orc_scheduler.commands import Commands, Done
from orc_scheduler.metrics import SchedulerMetrics

REPLY_TO = "Orc-Reply-To"
AGAIN_SECONDS = 0.2
"""Until a command is tried again that the log could not be reached for."""
FAILED_AGAIN_SECONDS = 2.0
FAILURES_MAX = 5
"""Deliveries after which a command that always fails by a fault of ours is dropped."""

_logger = structlog.get_logger()
_decoder = msgspec.json.Decoder(CommandEnvelope)
_encoder = msgspec.json.Encoder()


class HandlersBus(Protocol):
    """What the handlers need of the bus."""

    async def pull(self, stream: str, durable: str, *, slots: int) -> Subscription:
        """Ask continuously for as many messages as slots are free."""

    async def tell(self, subject: str, data: bytes = b"", headers: dict[str, str] | None = None) -> None:
        """Publish without ack; never raises."""

    def poke(self, subject: str, data: bytes = b"") -> None:
        """Publish soon, without ack; never raises."""


class Handlers:
    """Handles commands until told to stop, and finishes what it began."""

    def __init__(
        self,
        bus: HandlersBus,
        log: EventLog,
        commands: Commands,
        clock: Clock,
        metrics: SchedulerMetrics,
        *,
        slots: int,
    ) -> None:
        self._bus, self._log, self._commands = bus, log, commands
        self._clock, self._metrics, self._slots = clock, metrics, slots

    async def run(self, stopping: asyncio.Event) -> None:
        """Handle what is delivered; once `stopping` is set, take nothing more and end what is under way."""
        async with (
            await self._bus.pull(COMMANDS, HANDLERS, slots=self._slots) as subscription,
            asyncio.TaskGroup() as group,
        ):
            taking = group.create_task(self._take(subscription, group))
            await stopping.wait()
            taking.cancel()

    async def _take(self, subscription: Subscription, group: asyncio.TaskGroup) -> None:
        async for delivery in subscription:
            group.create_task(self._work(subscription, delivery))

    async def _work(self, subscription: Subscription, delivery: Delivery) -> None:
        try:
            await self.handle(delivery)
        except Exception:
            # A fault of ours must not take the other commands along, nor come again for ever.
            _logger.exception("command failed", subject=delivery.subject, deliveries=delivery.deliveries)
            if delivery.deliveries < FAILURES_MAX:
                await delivery.nak(FAILED_AGAIN_SECONDS)
            else:
                await delivery.ack()
        finally:
            subscription.release()

    async def handle(self, delivery: Delivery) -> None:
        """Handle one delivery to its end."""
        started = asyncio.get_running_loop().time()
        try:
            envelope = _decoder.decode(delivery.data)
            body_hash = bytes.fromhex(envelope.body_hash)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            # No later version of this process will read it either: an ack ends it, anything else repeats it.
            _logger.warning("undecodable command dropped", subject=delivery.subject, reason=str(error))
            await delivery.ack()
            return
        outcome = await self._outcome(envelope, body_hash)
        kind = outcome.kind if outcome else "unavailable"
        self._metrics.commands.labels(type(envelope.command).__struct_config__.tag, kind).inc()
        if outcome is None:
            await delivery.nak(AGAIN_SECONDS)
            return
        if is_inbox(reply_to := delivery.headers.get(REPLY_TO, "")):
            await self._bus.tell(reply_to, _encoder.encode(outcome))
        await delivery.ack()
        self._metrics.command_seconds.observe(asyncio.get_running_loop().time() - started)
        if isinstance(envelope.command, WireCancelRun) and outcome.kind == "done":
            self._bus.poke(f"orc.poke.run.{envelope.command.run_id}")

    async def _outcome(self, envelope: CommandEnvelope, body_hash: bytes) -> Outcome | None:
        """Perform the command and say what became of it; None when the log could not be reached."""
        command_id = envelope.command_id
        intent = Intent(
            command_id=command_id,
            body_hash=body_hash,
            actor=envelope.actor,
            correlation_id=envelope.correlation_id,
            occurred_at=self._clock.now(),
            deadline=envelope.deadline,
        )
        try:
            try:
                return _accepted(envelope, await self._commands.perform(envelope.command, intent))
            except Rejected as rejection:
                # What it led to may be why it is refused now: a repeat is answered with what was recorded.
                known = await self._log.command(command_id)
                return _recalled(envelope, body_hash, known) or _rejected(envelope, rejection)
        except CommandExpired:
            return Outcome(command_id=command_id, kind="expired")
        except CommandConflict:
            return Outcome(command_id=command_id, kind="key-reused")
        except VersionConflict:
            return Outcome(command_id=command_id, kind="contended")
        except NotStorable as error:
            return _rejected(envelope, Invalid("body", str(error), code="not-storable"))
        except LogUnavailable as error:
            _logger.info("command waits for the log", command_id=str(command_id), reason=str(error))
            return None


def _accepted(envelope: CommandEnvelope, done: Done) -> Outcome:
    return Outcome(
        command_id=envelope.command_id,
        kind="done",
        position=done.position,
        version=done.version,
        body=msgspec.Raw(b"null" if done.result is None else done.result.encode()),
    )


def _recalled(envelope: CommandEnvelope, body_hash: bytes, known: CommandRecord | None) -> Outcome | None:
    if known is None or known.position is None or known.version is None:
        return None
    if known.body_hash != body_hash:
        return Outcome(command_id=envelope.command_id, kind="key-reused")
    return _accepted(envelope, Done(known.position, known.version, known.result))


def _rejected(envelope: CommandEnvelope, rejection: Rejected) -> Outcome:
    problem = Problem(
        kind=_kind(rejection),
        code=rejection.code,
        detail=rejection.detail,
        field=rejection.field,
        valid=rejection.valid,
    )
    return Outcome(command_id=envelope.command_id, kind="rejected", problem=problem)


def _kind(rejection: Rejected) -> Literal["invalid", "not-found", "conflict", "stale"]:
    match rejection:
        case Invalid():
            return "invalid"
        case NotFound():
            return "not-found"
        case Stale():
            return "stale"
        case Conflict():
            return "conflict"
    raise AssertionError(rejection)
