"""Runs of a job with a limit, and an executor's way to them without its loops."""

from typing import Any
from uuid import UUID

import pytest
from support.executor_world import Scheduler

from orc_events.log import PostgresLog
from orc_executor.claim import OwnedRun, Voice, claim, read_work
from orc_executor.leases import Leases
from orc_executor.slots import HeldBack, Slots
from orc_runtime.clock import SystemClock

JOB = UUID(int=7)


class Claimant:
    """Claims runs, with the slots and leases of one executor."""

    def __init__(self, pool: Any, scheduler: Scheduler, name: str = "east", *, pool_max: int = 0) -> None:
        self.pool, self.scheduler = pool, scheduler
        self.leases = Leases(pool, name, 30.0)
        self.slots = Slots(pool, name, 30.0, pool_max=pool_max, end=self.leases.end_slots)
        self.voice = Voice(PostgresLog(pool), SystemClock(), name)

    async def claim(self, run_id: UUID) -> OwnedRun | None:
        """Claim a run by its message; raises HeldBack."""
        work = await self.scheduler.work(run_id)
        return await claim(self.voice, read_work(work.headers, work.data), self.slots)

    async def held_back(self, run_id: UUID) -> str:
        """Ask for a run and return what is in its way."""
        with pytest.raises(HeldBack) as caught:
            await self.claim(run_id)
        return caught.value.why


class Holder:
    """An attempt that writes down what it is told."""

    def __init__(self, owned: OwnedRun, *, asked_earlier: float = 0.0) -> None:
        self.run_id, self.attempt, self.claim_version = owned.run_id, owned.attempt, owned.claim_version
        self.slots_holder, self.slots_count = owned.slots.holder, owned.slots.count
        self.kept_at = owned.slots.asked_at - asked_earlier
        self.told: list[str] = []

    def cancel(self) -> None:
        self.told.append("cancel")

    def lose(self, why: str) -> None:
        self.told.append(why)
