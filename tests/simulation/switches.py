"""
Negative controls: the product with one guard taken out, to see the seeds notice.

Each switch is (place, name, value) replaced while a seed runs; the product's files have none of it. A suite that passes
without the guard proves nothing about it.
"""

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Raw, structs

import orc_scheduler.app
from orc_domain.run import Run
from orc_domain.run_messages import FailAttempt, SettleRun, StartRun, StopRun, SucceedTask
from orc_domain.wire import Outcome
from orc_events.jetstream import last_sequence
from orc_events.relay import Place, Relay
from orc_events.topology import EVENTS
from orc_executor.attempt import Attempt
from orc_executor.closing import Closing
from orc_executor.receipts import Ledger
from orc_executor.slots import Slots
from orc_runtime.deciders import RUNS
from orc_scheduler.handlers import Handlers
from orc_scheduler.work import REQUESTED, work_again_of

Switch = Callable[[Any], Iterator[tuple[Any, str, Any]]]


def receipt_removed(_world: Any) -> Iterator[tuple[Any, str, Any]]:
    """Let no load look whether another was before it."""
    begin = Ledger.__init__

    def blind(self: Ledger, engine: Any, order: Any) -> None:
        begin(self, engine, order)
        self.receipt = None

    yield Ledger, "__init__", blind


def fence_removed(_world: Any) -> Iterator[tuple[Any, str, Any]]:
    """Let an attempt that slept load after a later one has looked."""
    yield Ledger, "hold_back_earlier", lambda _self: None


def relay_rewind_removed(_world: Any) -> Iterator[tuple[Any, str, Any]]:
    """Have the relay go on from its checkpoint whatever the stream has."""
    compare = Relay._compare

    async def never_back(self: Relay, connection: Any) -> None:
        place = self._place
        await compare(self, connection)
        if self._place.position < place.position:
            sequence = await last_sequence(self._bus, EVENTS)
            self._place = Place(place.position, place.position, sequence, place.work_after)

    yield Relay, "_compare", never_back


def ack_before_append(_world: Any) -> Iterator[tuple[Any, str, Any]]:
    """Acknowledge commands as they come."""
    handle = Handlers.handle

    async def hasty(self: Handlers, delivery: Any) -> None:
        await delivery.ack()
        await handle(self, delivery)

    yield Handlers, "handle", hasty


def answer_before_append(_world: Any) -> Iterator[tuple[Any, str, Any]]:
    """Tell a caller `done` of what is only about to be recorded."""
    outcome_of = Handlers._outcome

    async def eager(self: Handlers, envelope: Any, body_hash: bytes) -> Any:
        outcome = await outcome_of(self, envelope, body_hash)
        return outcome or Outcome(command_id=envelope.command_id, kind="done", body=Raw(_NOBODY))

    yield Handlers, "_outcome", eager


def attempt_unchecked(_world: Any) -> Iterator[tuple[Any, str, Any]]:
    """Believe whoever speaks of a run, whichever attempt it was."""
    decide = RUNS.decide

    def gullible(command: Any, run: Run) -> Any:
        if isinstance(command, SucceedTask | FailAttempt | StopRun | SettleRun):
            command, run = (
                structs.replace(command, attempt=run.attempt),
                structs.replace(run, status="running"),
            )
        return decide(command, run)

    yield RUNS, "decide", gullible


def settling_removed(_world: Any) -> Iterator[tuple[Any, str, Any]]:
    """Close what is to be settled without a look at its receipt."""

    async def unseen(_self: Attempt, _worker: Any, _task: Any, unless_loaded: Closing) -> Closing:
        return unless_loaded

    yield Attempt, "_look", unseen


def claim_by_hope(_world: Any) -> Iterator[tuple[Any, str, Any]]:
    """Claim again what others were faster with, at the version they left, whatever they said."""

    def hopeful(command: Any, run: Run) -> Any:
        if isinstance(command, StartRun) and run.status == "running":
            run = structs.replace(run, status="queued")
        return decide(command, run)

    decide = RUNS.decide
    yield RUNS, "decide", hopeful


def limits_removed(_world: Any) -> Iterator[tuple[Any, str, Any]]:
    """Have every run sent when it is requested, and claimed without a slot."""
    yield Slots, "_scopes", lambda _self, _requested, _started: {}
    yield (
        orc_scheduler.app,
        "work_of",
        lambda event: work_again_of(event) if event.type == REQUESTED else None,
    )


_NOBODY = b'{"job_id": "00000000-0000-0000-0000-000000000000"}'

CONTROLS: dict[Switch, str] = {
    receipt_removed: "files",
    fence_removed: "not loaded",
    relay_rewind_removed: "stream",
    ack_before_append: "taken",
    answer_before_append: "answered",
    attempt_unchecked: "attempts",
    settling_removed: "not loaded",
    claim_by_hope: "attempts",
    limits_removed: "limits",
}
"""Each switch and the invariant that it breaks."""
