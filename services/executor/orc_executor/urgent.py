"""
Urgent: runs of the pool that come before the one whose message is here.

A work message lets an executor claim one run of its pool. Messages come in the order of the requests; so before an
executor spends one on its own run it may ask for runs of a higher priority, and claims the first of those that is to
be had. It then gives the message back: the run that was passed over keeps its message and its place, and the message
of the run that was claimed early finds nothing left to do.

Where all priorities are alike nobody asks for each message, only

    heard     when somebody said that a more urgent run waits (`orc.poke.pool.<pool>`), or may have unheard by us
    looked    every 0.5 s while messages pile up, since what is said may be lost
    below 0   for a run of a negative priority: nobody says that ordinary ones wait

What is asked for is a fold, some events behind. A claim is an append: who tries a run that is gone loses a round trip.
"""

import time
from typing import Any
from uuid import UUID

import structlog

from orc_domain.job_spec import PRIORITY_MAX
from orc_events.statements import load as load_statement
from orc_executor.leases import TROUBLE

_logger = structlog.get_logger()

LOOK_SECONDS = 0.5
"""How long what we know of the pool is believed while messages wait."""
CANDIDATES_MAX = 8
"""Runs tried, one after the other, for one message; others may be faster at each."""
LOOKED_AT_MAX = 256
"""Rows that the log is asked about for them; those of claimed runs remain until they are folded."""


class Urgent:
    """The more urgent runs of one pool, for one executor process."""

    def __init__(self, database: Any, pool: str) -> None:
        self._database, self._pool = database, pool
        self._top = PRIORITY_MAX
        """No run above it waits, as far as we know; never below 0."""
        self._times_heard = 0
        self._looked_at = -LOOK_SECONDS
        self._tried: set[UUID] = set()
        """Runs that we are about to claim."""
        self._ask = load_statement("orc_executor", "urgent_runs", "queries")

    def hear(self, priority: int = PRIORITY_MAX) -> None:
        """Be told that a run of this priority waits, or that one may."""
        self._top = max(self._top, priority)
        self._times_heard += 1

    async def before(self, priority: int, pending: int = 0) -> list[UUID]:
        """Return runs to be tried before one of `priority`, whose message has so many behind it."""
        is_stale = pending > 0 and time.monotonic() - self._looked_at > LOOK_SECONDS
        if priority >= self._top and not is_stale:
            return []
        heard = self._times_heard
        self._looked_at = time.monotonic()
        try:
            rows = await self._database.fetch(self._ask, self._pool, priority, CANDIDATES_MAX, LOOKED_AT_MAX)
        except TROUBLE as error:
            # The order is lost for a while, the work is not.
            _logger.warning("urgent runs not asked for", reason=repr(error))
            return []
        if heard == self._times_heard:
            self._top = max(0, rows[0]["priority"] if rows else min(priority, self._top))
        # Another message of ours may be spent on the first already.
        return sorted((row["run_id"] for row in rows), key=self._tried.__contains__)

    def trying(self, run_id: UUID) -> None:
        """Note that a claim is under way; `tried` ends it."""
        self._tried.add(run_id)

    def tried(self, run_id: UUID) -> None:
        """Note that the claim is over."""
        self._tried.discard(run_id)
