"""
Claim: how a run becomes ours, and how we speak for it afterwards.

    claim       fold the run, decide StartRun, take the slots it needs, append `run.started` at the expected version;
                accepted means ours
    OwnedRun    the run as we know it; `say` decides on that, appends, and decides anew when somebody else wrote

Work comes as the run's first event, and the run is folded from that alone at first: the append at version 1 proves
that nothing has happened since. Whatever the log does not answer is asked again with the same command id, so that an
append whose commit we did not hear of is recognised and not made twice.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID, uuid4, uuid5

import msgspec
import structlog
from msgspec import Struct

from orc_domain.run import NO_RUN, Run, RunNotClaimable
from orc_domain.run_messages import Command, Event, RunRequested, RunStarted, StartRun
from orc_events.cloudevents import envelope
from orc_events.errors import LogUnavailable, VersionConflict
from orc_events.event import Append, Appended, Recorded, StreamName, Version
from orc_events.log import EventLog
from orc_executor.slots import NO_SLOTS, HeldBack, Slots, Taken, never
from orc_runtime.clock import Clock
from orc_runtime.deciders import RUNS

_logger = structlog.get_logger()

CONFLICT_RETRIES_MAX = 5
RETRY_SECONDS_MIN, RETRY_SECONDS_MAX = 0.05, 2.0
ASK_SECONDS_MAX = 600.0
"""How long the log is asked for one answer; after it the run is left to the rescuer."""


class Voice:
    """What this executor appends with."""

    def __init__(self, log: EventLog, clock: Clock, executor: str) -> None:
        self.log, self.clock, self.executor = log, clock, executor
        self.actor = f"executor:{executor}"

    async def append(
        self, run: Run, command: Command, command_id: UUID, events: Sequence[Event], correlation_id: UUID
    ) -> tuple[Appended, datetime]:
        """Append at the run's version, asking until there is an answer; raises VersionConflict, LogUnavailable late."""
        assert run.requested is not None
        at = self.clock.now()
        item = Append(
            command_id=command_id,
            body_hash=hashlib.sha256(type(command).__name__.encode() + msgspec.json.encode(command)).digest(),
            stream=stream_of(run.requested.run_id),
            expected_version=Version(run.version),
            events=tuple(RUNS.codec.encode(event) for event in events),
            actor=self.actor,
            correlation_id=correlation_id,
            occurred_at=at,
        )
        deadline, pause = time.monotonic() + ASK_SECONDS_MAX, RETRY_SECONDS_MIN
        while True:
            try:
                return await self.log.append(item), at
            except LogUnavailable as error:
                if time.monotonic() > deadline:
                    raise
                _logger.warning("the log does not answer", stream=item.stream, reason=str(error))
            await asyncio.sleep(pause)
            pause = min(2 * pause, RETRY_SECONDS_MAX)

    async def read(self, stream: StreamName) -> Run:
        """Fold a run from the log, asking until there is an answer; raises LogUnavailable late."""
        return RUNS.fold(NO_RUN, await self.recorded(stream))

    async def recorded(self, stream: StreamName) -> list[Recorded]:
        """Read a run's events, asking until there is an answer; raises LogUnavailable late."""
        deadline, pause = time.monotonic() + ASK_SECONDS_MAX, RETRY_SECONDS_MIN
        while True:
            try:
                return await self.log.read_stream(stream)
            except LogUnavailable as error:
                if time.monotonic() > deadline:
                    raise
                _logger.warning("the log does not answer", stream=stream, reason=str(error))
            await asyncio.sleep(pause)
            pause = min(2 * pause, RETRY_SECONDS_MAX)


class OwnedRun:
    """A run whose current attempt is ours, as far as we know."""

    def __init__(self, voice: Voice, run: Run, correlation_id: UUID, slots: Taken = NO_SLOTS) -> None:
        assert run.requested is not None
        self.requested: RunRequested = run.requested
        self.run_id = run.requested.run_id
        self.attempt = run.attempt
        self.claim_version = run.version
        """The stream's version with our claim; what the log says of our attempt comes after it."""
        self.slots = slots
        self.run = run
        self._voice, self._correlation_id = voice, correlation_id

    async def say(self, command: Command, what: str) -> None:
        """
        Append what follows from `command`; `what` names it within the attempt.

        Raises Rejected when it may not be said (StaleAttempt: the run is no longer ours), VersionConflict when
        others keep writing, LogUnavailable when the log is away for too long.
        """
        command_id = uuid5(self.run_id, f"{self.attempt}/{what}")
        for tries_left in reversed(range(CONFLICT_RETRIES_MAX)):
            events = RUNS.decide(command, self.run)
            if not events:
                return
            try:
                appended, at = await self._voice.append(
                    self.run, command, command_id, events, self._correlation_id
                )
            except VersionConflict:
                if not tries_left:
                    raise
                await self.look()
            else:
                self.run = _after(self.run, events, at)
                if appended.version != self.run.version:
                    await self.look()
                return

    async def look(self) -> None:
        """Learn from the log what others have said of the run."""
        self.run = await self._voice.read(stream_of(self.run_id))


class Work(Struct, frozen=True):
    """A run to be had, as its message tells."""

    requested: RunRequested
    run: Run
    """Folded from its first event alone, or from the log."""
    correlation_id: UUID


def read_work(headers: Mapping[str, str], data: bytes) -> Work:
    """
    Read a work message: a run's first event.

    Raises KeyError, ValueError or msgspec.DecodeError for what is none of ours, UnknownEvent for what a newer
    version wrote.
    """
    event = recorded_of(headers, data)
    requested = RUNS.codec.decode(event)
    if not isinstance(requested, RunRequested) or event.stream != stream_of(requested.run_id):
        raise ValueError(f"{event.type} of {event.stream} is no work")
    return Work(requested, RUNS.evolve(NO_RUN, requested, event.occurred_at), event.correlation_id)


async def find_work(voice: Voice, run_id: UUID) -> Work | None:
    """Read a run that no message told of; None when the log does not know it. Raises LogUnavailable late."""
    recorded = await voice.recorded(stream_of(run_id))
    run = RUNS.fold(NO_RUN, recorded)
    return Work(run.requested, run, recorded[0].correlation_id) if run.requested else None


async def claim(
    voice: Voice, work: Work, slots: Slots, is_overtaken: Callable[[], Awaitable[bool]] = never
) -> OwnedRun | None:
    """
    Make the run ours, or return None when it is not to be had.

    Raises HeldBack when no slot is free for it, Overtaken when it waited for one and `is_overtaken` then said that
    others come first, LogUnavailable, late.
    """
    run_id, run = work.requested.run_id, work.run
    # A claim is asked for under a name of its own: an executor of our name that died, or we ourselves an attempt
    # ago, may have claimed this run, and the log would answer with that claim.
    asked = uuid4()
    has_read = False
    for _ in range(CONFLICT_RETRIES_MAX):
        command = StartRun(voice.executor, voice.clock.now())
        try:
            events = RUNS.decide(command, run)
        except RunNotClaimable:
            return None
        (started,) = events
        assert isinstance(started, RunStarted)
        command_id = uuid5(run_id, f"{run.attempt + 1}/started/{voice.executor}/{asked}")
        try:
            # Before the claim, so that no run is ever owned that may not be worked on.
            taken = await slots.take(
                work.requested, started, run.version + 1, waits=has_read, is_overtaken=is_overtaken
            )
        except HeldBack:
            if has_read:
                raise
            # Its first event alone does not tell that the run is no longer to be had, or needs no slot to be settled.
            run, has_read = await voice.read(stream_of(run_id)), True
            if run.requested is None:
                return None
            continue
        owned = None
        try:
            appended, at = await voice.append(run, command, command_id, events, work.correlation_id)
            if slots.is_late(taken):
                _logger.warning("claimed too late to begin: left to the rescuer", run_id=str(run_id))
                return None
            owned = OwnedRun(voice, _after(run, events, at), work.correlation_id, taken)
            if appended.repeated:
                # The answer came late; the lease may have run out since.
                await owned.look()
                if owned.run.status != "running" or owned.run.attempt != owned.attempt:
                    owned = None
        except VersionConflict:
            run, has_read = await voice.read(stream_of(run_id)), True
            if run.requested is None:
                _logger.error("work for a run that the log does not know", run_id=str(run_id))  # noqa: TRY400
                return None
        else:
            return owned
        finally:
            if owned is None:
                slots.give_back(taken)
    return None


def stream_of(run_id: UUID) -> StreamName:
    """Return the stream of a run."""
    return StreamName(f"run-{run_id}")


def recorded_of(headers: Mapping[str, str], data: bytes) -> Recorded:
    """Read a message back into the event it carries; its hash is not carried."""
    about = envelope(headers)
    occurred_at = datetime.fromisoformat(headers["ce-time"])
    return Recorded(
        position=about.position,
        stream=about.stream,
        version=about.version,
        type=about.type,
        schema_version=int(headers["orc-schema-version"]),
        data=data.decode(),
        actor=headers["orc-actor"],
        command_id=UUID(headers["orc-command-id"]),
        correlation_id=UUID(headers["orc-correlation-id"]),
        occurred_at=occurred_at,
        recorded_at=occurred_at,
        hash=b"",
    )


def _after(run: Run, events: Sequence[Event], at: datetime) -> Run:
    for event in events:
        run = RUNS.evolve(run, event, at)
    return run
