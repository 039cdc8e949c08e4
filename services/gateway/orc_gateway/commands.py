"""
Commands: a wish becomes a message, and its outcome an answer.

    command → JetStream, with a reply subject in `Orc-Reply-To`   (its ack and its outcome race: the outcome proves both)
        outcome in time    wait up to 500 ms until the read tables show it, then answer with its body as it came
        none               ask the log once, past the command's deadline; what is not there is 503

The command id follows from the caller's `Idempotency-Key`, so a repeat finds what the first one did. Without a key one
is made up, and a 503 tells it: the same key resolves it.
"""

import asyncio
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4, uuid5

import msgspec
from msgspec import Raw, Struct
from prometheus_client import CollectorRegistry, Counter

from orc_domain.wire import CommandEnvelope, Outcome, WireCommand, subject_of
from orc_events.bus import Bus
from orc_events.errors import BusUnavailable, EventsError
from orc_events.event import Position
from orc_events.log import EventLog
from orc_gateway.problems import REJECTED_KINDS, Refusal, Unavailable, rejection
from orc_gateway.shown import Shown
from orc_runtime.clock import Clock
from orc_runtime.deadline import within
from orc_runtime.principal import Principal

DEADLINE_SECONDS = 1.6
"""Past it nothing is appended for the command any more, by the database's clock."""
OUTCOME_SECONDS_MAX = 1.75
"""How long the outcome is waited for: past the deadline, so that what was appended before it is in the log by then."""
LOOK_UP_SECONDS_MAX = 0.25
"""How long the log may take to say; with it the caller has an answer within 2 s."""
SHOWN_SECONDS_MAX = 0.5
UNDER_WAY_MAX = 2_000
"""Commands without an outcome yet; more callers are told to come again."""

KEY_HEADER = "Idempotency-Key"
REPLY_HEADER = "Orc-Reply-To"

_NAMESPACE = UUID("6f2d1f0e-7f0b-5b0b-9f6e-0d6b1f6c8a55")
"""Of command ids; never changes, or keys given before an update would no longer be known."""


_outcome = msgspec.json.Decoder(Outcome)
_canonical = msgspec.json.Encoder(order="deterministic")


class Caller(Struct, frozen=True):
    """Who asks, under which key, and what the request is called."""

    principal: Principal
    key: str | None = None
    # Looked up at the call: the simulation has chance of its own.
    request_id: UUID = msgspec.field(default_factory=lambda: uuid4())  # noqa: PLW0108
    """The `correlation_id` of all that follows."""


class Done(Struct, frozen=True):
    """A command that is committed."""

    body: bytes
    """JSON, exactly as the handler made it."""
    position: int
    version: int


class Commands:
    """Gives commands and waits for what becomes of them."""

    def __init__(
        self, bus: Bus, log: EventLog, shown: Shown, clock: Clock, registry: CollectorRegistry
    ) -> None:
        self._bus, self._log, self._shown, self._clock = bus, log, shown, clock
        self._publishing: set[asyncio.Task[None]] = set()
        self._under_way = 0
        self._counted = Counter(
            "orc_commands", "Commands given, by type and outcome.", ["type", "outcome"], registry=registry
        )

    async def give(self, command: WireCommand, caller: Caller, *, wish: Any = None) -> Done:
        """
        Return what became of a command, once it is committed; raises Refusal.

        `wish` stands for the command when it is told whether a key was used with another body: what was asked for,
        where the command holds more than that.
        """
        key = caller.key or str(uuid4())
        if self._under_way >= UNDER_WAY_MAX:
            raise Unavailable("too many commands are under way", code="busy", headers={KEY_HEADER: key})
        issued_at = self._clock.now()
        envelope = CommandEnvelope(
            command_id=command_id(caller.principal, command, key),
            body_hash=sha256(_canonical.encode(wish or command)).hexdigest(),
            actor=caller.principal.subject,
            correlation_id=caller.request_id,
            issued_at=issued_at,
            deadline=issued_at + timedelta(seconds=DEADLINE_SECONDS),
            command=command,
        )
        self._under_way += 1
        try:
            outcome = await self._outcome_of(envelope)
        finally:
            self._under_way -= 1
        name = str(type(command).__struct_config__.tag)
        self._counted.labels(name, outcome.kind if outcome else "unknown").inc()
        done = _done(outcome, key)
        await self._shown.passed(Position(done.position), SHOWN_SECONDS_MAX)
        return done

    async def _outcome_of(self, envelope: CommandEnvelope) -> Outcome | None:
        """Return the outcome, from its handler or from the log; None when neither tells."""
        try:
            async with asyncio.timeout(OUTCOME_SECONDS_MAX):
                reply, answer = self._bus.inbox().expect(envelope.command_id)
                publishing = asyncio.create_task(self._publish(envelope, reply, answer))
                self._publishing.add(publishing)
                publishing.add_done_callback(self._publishing.discard)
                return _outcome.decode(await answer)
        except (TimeoutError, BusUnavailable):
            # Not taken, or taken and not told: the log knows, also what an earlier try with this key has done.
            return await self._look_up(envelope)

    async def _publish(self, envelope: CommandEnvelope, reply: str, answer: asyncio.Future[bytes]) -> None:
        data = msgspec.json.encode(envelope)
        try:
            await self._bus.publish(subject_of(envelope.command), data, {REPLY_HEADER: reply})
        except EventsError as error:
            if not answer.done():
                answer.set_exception(error)

    async def _look_up(self, envelope: CommandEnvelope) -> Outcome | None:
        try:
            known = await within(LOOK_UP_SECONDS_MAX, self._log.command(envelope.command_id))
        except (TimeoutError, EventsError):
            return None
        if known is None:
            return None
        command_id = envelope.command_id
        if known.body_hash.hex() != envelope.body_hash:
            return Outcome(command_id=command_id, kind="key-reused")
        if known.position is None or known.version is None:
            return Outcome(command_id=command_id, kind="expired")
        body = Raw(b"null" if known.result is None else known.result.encode())
        return Outcome(
            command_id=command_id, kind="done", position=known.position, version=known.version, body=body
        )


def command_id(principal: Principal, command: WireCommand, key: str) -> UUID:
    """Return the id of a wish: the same caller, method, path and key are the same command (rule 3)."""
    # The type and what it is about are the method and the path, in whichever way the path spells a UUID.
    ids = (getattr(command, name, None) for name in ("job_id", "run_id", "backfill_id"))
    target = next(filter(None, ids), "")
    if (order := getattr(command, "task_order", None)) is not None:
        target = f"{target}/{order}"
    name = type(command).__struct_config__.tag
    return uuid5(_NAMESPACE, f"{principal.subject}\n{name}\n{target}\n{key}")


def _done(outcome: Outcome | None, key: str) -> Done:
    """Return what is committed; raises Refusal for every other outcome."""
    again = {KEY_HEADER: key}
    match outcome:
        case Outcome(kind="done", body=body, position=position, version=version):
            return Done(bytes(body), position, version)
        case Outcome(kind="rejected", problem=problem) if problem is not None:
            raise rejection(
                REJECTED_KINDS[problem.kind], problem.code, problem.detail, problem.field, problem.valid
            )
        case Outcome(kind="key-reused"):
            raise Refusal(409, "key-reused", f"this {KEY_HEADER} was used before with another body")
        case Outcome(kind="expired"):
            raise Unavailable("the command was not done in time", code="expired", headers=again)
        case Outcome(kind="contended"):
            raise Unavailable("others change the same thing all the time", code="contended", headers=again)
    raise Unavailable(
        f"it is not known yet whether this was done: ask again with the same {KEY_HEADER}",
        code="outcome-unknown",
        headers=again,
    )
