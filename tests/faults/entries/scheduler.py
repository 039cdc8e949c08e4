"""`python -m orc_scheduler` for fault tests: leases of 3 s judged quickly, and the guards a negative control removes."""

import asyncio
import os
import sys
from typing import Annotated, Any
from uuid import uuid4

from orc_events import log, relay
from orc_events.event import Appended
from orc_runtime.lifecycle import run_service
from orc_runtime.settings import setting
from orc_scheduler import app, rescuer, tick_appends, ticker
from orc_scheduler.settings import SchedulerSettings

BREAKS = set(filter(None, os.environ.get("FAULTS_BREAKS", "").split(",")))
PROMISED_SECONDS = 5.0
rescuer.ROUND_SECONDS = 1.0
rescuer.Rescuer.__init__.__kwdefaults__["steady_seconds"] = 1.5


class ShortLease(SchedulerSettings, frozen=True, kw_only=True):
    """The scheduler's settings with a lease the product would refuse."""

    lease_seconds: Annotated[int, setting("As in the product, but shorter.", ge=1)] = 3


async def compare_without_rewind(self: Any, _connection: Any) -> None:
    """Take the stream as it is, and never go back."""
    place = self._place
    sequence = await relay.last_sequence(self._bus, relay.EVENTS)
    self._place = relay.Place(place.position, place.position, sequence, place.position)


_append = log.PostgresLog.append
promised: set[asyncio.Task[Any]] = set()


async def append_later(self: Any, item: Any) -> Any:
    """Say that a run is requested, and append it afterwards."""
    if item.events[0].type != "run.requested":
        return await _append(self, item)

    async def later() -> None:
        await asyncio.sleep(PROMISED_SECONDS)
        await _append(self, item)

    task = asyncio.create_task(later())
    promised.add(task)
    task.add_done_callback(promised.discard)
    return Appended(
        command_id=item.command_id,
        position=await self.head() + 1,
        version=1,
        result=item.result,
        repeated=False,
    )


async def rescue_nothing(_self: Any) -> int:
    """Leave open runs to the messages that were sent for them."""
    return 0


if "tick-identity" in BREAKS:
    defaults = ticker.Ticker._account.__kwdefaults__
    defaults["lock"] = defaults["lock"].replace("FOR UPDATE SKIP LOCKED", "")
    tick_appends.tick_id = lambda *_: uuid4()
if "rescuer" in BREAKS:
    rescuer.Rescuer.rescue = rescue_nothing  # type: ignore[method-assign]
if "rewind" in BREAKS:
    relay.Relay._compare = compare_without_rewind  # type: ignore[method-assign]
if "answer-before-append" in BREAKS:
    log.PostgresLog.append = append_later  # type: ignore[method-assign,assignment]
sys.exit(run_service(ShortLease, app.serve))
