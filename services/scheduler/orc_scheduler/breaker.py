"""
Breaker: pause a schedule whose runs have failed as often in a row as its job allows (`pause_after_failures`).

The calendar counts; this looks after each batch that held a failure, and now and then. The pause's id follows from the
run that failed last, so that one row of failures pauses once, whoever counts it again.
"""

from typing import Any, Never
from uuid import uuid5

import structlog

from orc_domain.job import PauseJob
from orc_domain.rejection import Rejected
from orc_domain.streams import job_stream
from orc_events.errors import VersionConflict
from orc_events.event import StreamName
from orc_events.follower import TROUBLE
from orc_events.handle import handle
from orc_events.log import EventLog
from orc_events.statements import load
from orc_events.wakeup import Wakeup
from orc_runtime.clock import Clock
from orc_runtime.deciders import JOBS
from orc_scheduler.intents import own_intent

LOOK_SECONDS = 5.0
BATCH_MAX = 100

_BROKEN, _JUDGED = load("orc_scheduler", "jobs_broken"), load("orc_scheduler", "jobs_judged")

_logger = structlog.get_logger()


class Breaker:
    """Pauses schedules; every replica may."""

    def __init__(self, pool: Any, log: EventLog, clock: Clock) -> None:
        self._pool, self._log, self._clock = pool, log, clock
        self._wakeup = Wakeup()

    def poke(self) -> None:
        """Say that runs have failed."""
        self._wakeup.poke()

    async def run(self) -> Never:
        """Look for ever."""
        while True:
            try:
                await self.look()
            except TROUBLE as error:
                _logger.warning("breaker looks again later", reason=repr(error))
            await self._wakeup.pause(LOOK_SECONDS)

    async def look(self) -> int:
        """Pause what is to be paused; returns how many rows were judged."""
        rows = await self._pool.fetch(_BROKEN, BATCH_MAX)
        for row in rows:
            job_id, run_id = row["job_id"], row["failed_run_id"]
            command = PauseJob(
                reason=f"{row['failures']} runs in a row have failed, the last is run {run_id}"
            )
            intent = own_intent(uuid5(job_id, f"broken/{run_id}"), self._clock.now())
            try:
                await handle(self._log, JOBS, StreamName(job_stream(job_id)), command, intent)
            except Rejected:
                pass  # The job was deleted meanwhile.
            except VersionConflict:
                continue
            await self._pool.execute(_JUDGED, job_id, run_id)
        return len(rows)
