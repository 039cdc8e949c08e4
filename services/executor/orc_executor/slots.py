"""
Slots: how many runs of one job, or of one pool, are worked on at once.

    take         before the claim: a slot of each scope that has a limit, or HeldBack
    renewed      together with the run's lease, in the same statement (`leases.py`)
    given back   with the lease; and whatever became of us, a slot is free when its lease ran out or the log says that
                 its attempt is over

A run whose job has none free is left to the rescuer, which sends one only when its turn has come: then a slot is free,
and a run that finds none met a claim under way. Where the pool has none free nothing of the pool can start, so there
the first run in line waits here, and the others behind it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import structlog
from msgspec import Struct

from orc_domain.run_messages import RunRequested, RunStarted
from orc_events.statements import load as load_statement
from orc_executor.leases import MARGIN_SECONDS, TROUBLE

_logger = structlog.get_logger()

TRIES_MAX = 5
RETRY_SECONDS = 0.5
LOOK_SECONDS = 0.5
"""How often the first in line looks for a slot that another executor gave back; what we give back it sees at once."""


class HeldBack(Exception):
    """The run is not to be claimed now: no slot is free, or somebody else is about to claim it."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the run is held back: {why}")
        self.why = why


class Overtaken(Exception):
    """While the run waited in line a more urgent one came."""


async def never() -> bool:
    """Say that nothing more urgent waits."""
    return False


class Taken(Struct, frozen=True):
    """Slots that one claim holds."""

    holder: UUID | None
    """What they are held as; None when the run has no limit."""
    count: int
    asked_at: float
    """Monotonic; their lease counts from here at the earliest."""


NO_SLOTS = Taken(None, 0, 0.0)


class Slots:
    """The slots of one executor process; `end` gives back those of a holder, soon."""

    def __init__(
        self,
        pool: Any,
        executor: str,
        lease_seconds: float,
        *,
        pool_max: int = 0,
        end: Callable[[UUID], None],
    ) -> None:
        """`pool_max` is how many runs of the pool may be worked on at once, 0 for any number."""
        self._pool, self._executor, self._lease_seconds = pool, executor, lease_seconds
        self._pool_max, self._end = pool_max, end
        self._line = asyncio.Lock()
        self._freed = asyncio.Event()
        self._is_stopping = False
        self._take = load_statement("orc_executor", "take_slots", "queries")

    async def take(
        self,
        requested: RunRequested,
        started: RunStarted,
        claim_version: int,
        *,
        waits: bool,
        is_overtaken: Callable[[], Awaitable[bool]] = never,
    ) -> Taken:
        """
        Take what the claim needs, if it `waits` in line while the pool is full.

        Raises HeldBack, and Overtaken where it has waited and `is_overtaken` says that others come first by now.
        """
        scopes = self._scopes(requested, started)
        if not scopes:
            return NO_SLOTS
        if not waits or not self._pool_max:
            # Or it would be given the slot that the first in line waits for.
            if self._line.locked():
                raise HeldBack("others are in line")
            return await self._ask(scopes, requested, started, claim_version, None)
        has_waited = self._line.locked()
        async with self._line:
            if has_waited and await is_overtaken():
                raise Overtaken
            return await self._ask(scopes, requested, started, claim_version, is_overtaken)

    def look(self) -> None:
        """Have the first in line look around now."""
        self._freed.set()

    def give_back(self, taken: Taken) -> None:
        """Hold them no longer."""
        if taken.holder is not None:
            self._end(taken.holder)
            self._freed.set()

    def is_late(self, taken: Taken) -> bool:
        """Say whether others may have taken them for free before they were renewed once."""
        return (
            taken.holder is not None
            and time.monotonic() - taken.asked_at > self._lease_seconds - MARGIN_SECONDS
        )

    def stop(self) -> None:
        """Wait no more: this process is stopping."""
        self._is_stopping = True
        self._freed.set()

    def _scopes(self, requested: RunRequested, started: RunStarted) -> dict[str, int]:
        # A settle attempt loads nothing and closes a run that stands before others: those wait for its end, so it
        # must not wait for theirs.
        if started.settle:
            return {}
        scopes = {}
        if requested.concurrency_max is not None:
            scopes[f"job:{requested.job_id}"] = requested.concurrency_max
        if self._pool_max:
            scopes[f"pool:{requested.pool}"] = self._pool_max
        return scopes

    async def _ask(
        self,
        scopes: dict[str, int],
        requested: RunRequested,
        started: RunStarted,
        claim_version: int,
        is_overtaken: Callable[[], Awaitable[bool]] | None,
    ) -> Taken:
        """Ask until there is an answer, and where `is_overtaken` is given, until the pool is no longer full."""
        taken = Taken(uuid4(), len(scopes), time.monotonic())
        tries_left = TRIES_MAX
        while not self._is_stopping:
            self._freed.clear()
            taken = Taken(taken.holder, taken.count, time.monotonic())
            try:
                answer: str = await self._pool.fetchval(
                    self._take,
                    list(scopes),
                    list(scopes.values()),
                    taken.holder,
                    requested.run_id,
                    started.attempt,
                    claim_version,
                    self._executor,
                    float(self._lease_seconds),
                )
            except TROUBLE as error:
                # It may have been done unheard: the same holder asks again, and otherwise its lease runs out.
                tries_left -= 1
                if not tries_left:
                    raise HeldBack(repr(error)) from error
                _logger.warning("slots not taken", run_id=str(requested.run_id), reason=repr(error))
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if answer == "taken":
                return taken
            if is_overtaken is None or not answer.startswith("pool:"):
                raise HeldBack(answer)
            await self._wait()
            if await is_overtaken():
                raise Overtaken
        raise HeldBack("this executor is stopping")

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._freed.wait()
