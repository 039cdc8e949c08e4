"""Why, in one sentence: what became of an instant, of which events that follows, and what is to come."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from orc_domain.definitions import JobRun
from orc_domain.ticks import REASONS, SkipReason
from orc_domain.zones import zone_of
from orc_events.event import Recorded
from orc_gateway.job_history import JobHistory, Past
from orc_gateway.reads import Tick
from orc_gateway.why import Meant

POSITIONS_MAX = 20
"""Events of a run that are named."""
QUOTED_CHARACTERS_MAX = 300
"""Of a run's error, and of a schedule in words."""

_REASONS: dict[str, SkipReason] = {reason: reason for reason in get_args(SkipReason)} | {
    # As it was called once.
    "not_storable": "not-storable"
}


class Why(Struct, frozen=True, kw_only=True):
    """What is to be said of a time."""

    at: datetime
    due_at: datetime | None
    """The due instant that is meant; null when there is none."""
    outcome: Literal["requested", "skipped", "pending", "upcoming", "not-due", "no-job"]
    """`pending`: its time has come, and no event accounts for it yet."""
    sentence: str
    positions: tuple[int, ...]
    """Of the events that say so, in the order of the sentence."""
    run_id: UUID | None = None
    reason: str | None = None
    """Why it was let pass, or will be; one of the reasons of `tick.skipped`."""


class Asked(Struct, frozen=True, kw_only=True):
    """What is known of the time that is asked about."""

    job_id: UUID
    at: datetime
    now: datetime
    history: JobHistory
    meant: Meant
    run: JobRun | None = None
    """The run that was requested for the instant."""
    trail: Sequence[Recorded] = ()
    """Its events."""


def explain(asked: Asked) -> Why:
    """Say what became of the instant, or what will."""
    return _Words(asked).why()


class _Words:
    def __init__(self, asked: Asked) -> None:
        self._asked, self._history = asked, asked.history
        self._spec = asked.history.spec_at(asked.at)
        table = asked.history.timetable_at(asked.at)
        self._zone: ZoneInfo = table.zone if table else zone_of("UTC")
        self._table = table

    def why(self) -> Why:
        meant, at = self._asked.meant, self._asked.at
        if meant.tick is not None and meant.due_at is not None:
            tick, due_at = meant.tick, meant.due_at
            return self._requested(tick) if tick.outcome == "requested" else self._skipped(tick, due_at)
        created, deleted = self._history.created, self._history.deleted
        if at < created.at:
            return self._say(
                "no-job",
                f"the job did not exist at {self._time(at)}: it was created {self._by(created)}",
                created,
            )
        if deleted is not None and at >= deleted.at:
            return self._say(
                "no-job",
                f"the job did not exist any more at {self._time(at)}: it was deleted {self._by(deleted)}",
                deleted,
            )
        if meant.due_at is None:
            return self._not_due()
        return self._upcoming(meant.due_at) if meant.due_at > self._asked.now else self._pending(meant.due_at)

    def _requested(self, tick: Tick) -> Why:
        run = self._asked.run
        trail = [recorded for recorded in self._asked.trail if recorded.type.startswith("run.")][
            :POSITIONS_MAX
        ]
        positions = tuple(recorded.position for recorded in trail) or (tick.position,)
        became = f"run {tick.run_id} was requested for it"
        if run is not None:
            became += f" at {self._time(run.created_at)} and {self._became(run)}"
        sentence = f"{self._subject(tick.due_at)}: {became} ({_events(positions)})"
        return Why(
            at=self._local(self._asked.at), due_at=self._local(tick.due_at), outcome="requested", sentence=sentence,
            positions=positions, run_id=tick.run_id,
        )  # fmt: skip

    def _became(self, run: JobRun) -> str:
        error = f": {_cut(run.error_message)}" if run.error_message else ""
        finished = f" at {self._time(run.finished_at)}" if run.finished_at else ""
        match run.status:
            case "success":
                return f"succeeded{finished}"
            case "failed":
                return f"failed{finished}{error}"
            case "cancelled":
                return f"was cancelled{finished}"
            case "running":
                return f"is running, attempt {run.attempt}"
            case "queued":
                again = (
                    f" for another attempt after{error}" if error else f" for an executor of pool {run.pool}"
                )
                return f"waits{again}"

    def _skipped(self, tick: Tick, due_at: datetime) -> Why:
        reason = _REASONS.get(tick.reason or "")
        words = REASONS[reason] if reason else f"the reason on record is {tick.reason}"
        paused = self._history.paused_at(due_at) if reason == "paused" else None
        span = (
            f", one of {tick.count} from {self._time(tick.due_at)} to {self._time(tick.last_due_at)}"
            if tick.count > 1
            else ""
        )
        sentence = f"{self._subject(due_at)}: it was let pass{span}: {words}"
        positions = [tick.position]
        if paused is not None:
            sentence += f" {self._by(paused)}"
            positions.append(paused.position)
        return Why(
            at=self._local(self._asked.at), due_at=self._local(due_at), outcome="skipped",
            sentence=f"{sentence} ({_events(positions)})", positions=tuple(positions), reason=reason or tick.reason,
        )  # fmt: skip

    def _pending(self, due_at: datetime) -> Why:
        paused = self._history.paused_at(due_at)
        if paused is None:
            words = (
                "no event accounts for it yet: the scheduler is behind or down, its share of the jitter has not "
                "passed, or the schedule was changed around that time"
            )
            return self._say("pending", f"{self._subject(due_at)}: {words}", due_at=due_at)
        words = (
            f"it is let pass, since the schedule was paused {self._by(paused)}; instants of a paused schedule are "
            "recorded together, at most an hour later, and this one is not yet"
        )
        return self._say(
            "pending", f"{self._subject(due_at)}: {words}", paused, due_at=due_at, reason="paused"
        )

    def _upcoming(self, due_at: datetime) -> Why:
        assert self._table is not None, "an instant to come has a timetable that names it"
        subject = self._subject(due_at)
        paused = self._history.paused_at(self._asked.now)
        if paused is not None:
            words = f"it is to come, and will be let pass unless the schedule is resumed before: it was paused {self._by(paused)}"
            return self._say("upcoming", f"{subject}: {words}", paused, due_at=due_at, reason="paused")
        instant = next(self._table.from_on(due_at))
        if instant.reason is not None:
            words = f"it is to come, and will be let pass: {REASONS[instant.reason]}"
            return self._say("upcoming", f"{subject}: {words}", due_at=due_at, reason=instant.reason)
        asked_at = self._table.asked_at(self._asked.job_id, due_at)
        when = (
            "at its time"
            if asked_at == due_at
            else f"at {self._time(asked_at)}, later by its share of the jitter"
        )
        words = f"it is to come: a run is asked for {when}"
        return self._say("upcoming", f"{subject}: {words}", due_at=due_at)

    def _not_due(self) -> Why:
        meant, time = self._asked.meant, self._time(self._asked.at)
        if self._table is None:
            return self._say(
                "not-due", f"{time} is not due: the schedule then in force cannot be read any more"
            )
        if meant.before is None and meant.after is None and self._table.is_manual:
            return self._say("not-due", f"{time} is not due: the job has no schedule, it runs by hand only")
        before = f"the one before is {self._time(meant.before)}" if meant.before else "there is none before"
        after = f"the one after is {self._time(meant.after)}" if meant.after else "there is none after"
        words = f"it is no instant of the schedule ({_cut(self._table.describe())}); {before}, {after}"
        return self._say("not-due", f"{time} is not due: {words}")

    def _say(
        self,
        outcome: Literal["pending", "upcoming", "not-due", "no-job"],
        sentence: str,
        *events: Past,
        due_at: datetime | None = None,
        reason: str | None = None,
    ) -> Why:
        positions = tuple(past.position for past in events)
        return Why(
            at=self._local(self._asked.at), due_at=None if due_at is None else self._local(due_at), outcome=outcome,
            sentence=f"{sentence} ({_events(positions)})" if positions else sentence, positions=positions, reason=reason,
        )  # fmt: skip

    def _subject(self, due_at: datetime) -> str:
        """Name the instant, and say so when it is not the time that was asked about."""
        at = self._asked.at
        if due_at == at:
            return self._time(at)
        return f"{self._time(at)} is no due instant, and the nearest is {self._time(due_at)}"

    def _by(self, past: Past) -> str:
        reason = f", saying “{past.reason}”" if past.reason else ""
        return f"at {self._time(past.at)} by {past.actor}{reason}"

    def _time(self, at: datetime) -> str:
        return self._local(at).isoformat()

    def _local(self, at: datetime) -> datetime:
        return at.astimezone(self._zone)


def _cut(text: str) -> str:
    return text if len(text) <= QUOTED_CHARACTERS_MAX else f"{text[: QUOTED_CHARACTERS_MAX - 1]}…"


def _events(positions: Sequence[int]) -> str:
    return f"event{'s' if len(positions) > 1 else ''} {', '.join(map(str, positions))}"
