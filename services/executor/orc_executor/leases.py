"""
Leases: how others know that this process still works on its runs, and how it learns that it should not.

    keep      every 2 s, and at once for a poked run: one statement renews the leases of all running attempts, with the
              slots they hold, and tells of each whether it is still ours and whether its run should stop
    expire    every second, also while the database hangs: an attempt that could not be renewed for the time of a
              lease, less a margin, is lost, because the rescuer may give its run to another
    close     let what is still held run out now; only after its workers are gone

An attempt gets its row with its first renewal, 2 s after it began: short runs never touch the table. Until then its
lease counts from `run.started`.
"""

import asyncio
import time
from contextlib import suppress
from typing import Any, Never, Protocol
from uuid import UUID

import asyncpg
import structlog

from orc_events.statements import load as load_statement

_logger = structlog.get_logger()

RENEW_SECONDS = 2.0
RENEWAL_SECONDS_MAX = 4.0
"""How long one renewal may take before it is given up and tried again."""
MARGIN_SECONDS = 5.0
"""How much earlier than the rescuer we take a lease for lost; both clocks and the kill need time."""
EXPIRE_SECONDS = 1.0
TROUBLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # What asyncpg raises for a statement that crosses the server's goodbye.
    asyncpg.InternalClientError,
)


class Holder(Protocol):
    """An attempt that holds a lease."""

    run_id: UUID
    attempt: int
    claim_version: int
    slots_holder: UUID | None
    """What it holds slots as; None when it holds none."""
    slots_count: int
    kept_at: float
    """Monotonic; the slots' lease counts from here at the earliest."""

    def cancel(self) -> None:
        """Somebody wishes the run to stop; called again at every renewal."""

    def lose(self, why: str) -> None:
        """Stop at once and say nothing more: the run is no longer ours."""


class _Held:
    __slots__ = ("has_row", "holder", "kept_at", "since")

    def __init__(self, holder: Holder, now: float) -> None:
        self.holder, self.since, self.has_row = holder, now, False
        self.kept_at = now if holder.slots_holder is None else holder.kept_at


class Leases:
    """The leases of one executor process."""

    def __init__(self, pool: asyncpg.Pool, executor: str, lease_seconds: float) -> None:
        self._pool, self._executor, self._lease_seconds = pool, executor, lease_seconds
        self._held: dict[tuple[UUID, int], _Held] = {}
        self._ended: set[tuple[UUID, int]] = set()
        self._given_back: set[UUID] = set()
        self._poked: set[UUID] = set()
        self._look = asyncio.Event()
        self._renew, self._end, self._yield = (
            load_statement("orc_executor", name, "queries")
            for name in ("renew_leases", "end_leases", "yield_leases")
        )

    def hold(self, holder: Holder) -> None:
        """Renew from now on; call it right after the claim."""
        self._held[holder.run_id, holder.attempt] = _Held(holder, time.monotonic())

    def let_go(self, holder: Holder) -> None:
        """Renew no more: the attempt is over, in the log as well."""
        held = self._held.pop((holder.run_id, holder.attempt), None)
        if held is not None and held.has_row:
            self._ended.add((holder.run_id, holder.attempt))

    def end_slots(self, holder: UUID) -> None:
        """Give back what is held as `holder`, now."""
        self._given_back.add(holder)
        self._look.set()

    def poke(self, run_id: UUID) -> None:
        """Look at this run now, if it is one of ours."""
        if any(key[0] == run_id for key in self._held):
            self._poked.add(run_id)
            self._look.set()

    async def keep(self) -> Never:
        """Renew for ever."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(RENEW_SECONDS):
                    await self._look.wait()
            self._look.clear()
            try:
                async with asyncio.timeout(RENEWAL_SECONDS_MAX):
                    await self.renew()
            except TROUBLE as error:
                _logger.warning("leases not renewed", held=len(self._held), reason=repr(error))

    async def expire(self) -> Never:
        """Give up what could not be renewed, for ever; needs no database."""
        while True:
            await asyncio.sleep(EXPIRE_SECONDS)
            self.give_up(time.monotonic())

    def give_up(self, now: float) -> None:
        """Lose every attempt whose lease nearly ran out by `now`, monotonic."""
        for key, held in list(self._held.items()):
            if now - held.kept_at > self._lease_seconds - MARGIN_SECONDS:
                self._lose(key, held, "its lease could not be renewed")

    async def renew(self) -> None:
        """Renew once what has run for long enough or was poked, and clear what ended."""
        asked_at = time.monotonic()
        poked, self._poked = self._poked, set()
        due = {
            key: held
            for key, held in self._held.items()
            if asked_at - held.since >= RENEW_SECONDS or key[0] in poked
        }
        if due:
            for held in due.values():
                # Even a renewal whose answer is lost may have made the row.
                held.has_row = True
            rows = await self._pool.fetch(
                self._renew,
                [run_id for run_id, _ in due],
                [attempt for _, attempt in due],
                [held.holder.claim_version for held in due.values()],
                self._executor,
                float(self._lease_seconds),
                [held.holder.slots_holder for held in due.values()],
                [held.holder.slots_count for held in due.values()],
            )
            self._apply(rows, due, asked_at)
        if self._ended or self._given_back:
            ended, self._ended = self._ended, set()
            given_back, self._given_back = self._given_back, set()
            try:
                await self._pool.execute(self._end, *_columns(ended), self._executor, sorted(given_back))
            except TROUBLE:
                self._ended |= ended
                self._given_back |= given_back
                raise

    async def close(self) -> None:
        """Let what is still held run out now, so that others need not wait; call it when no worker lives."""
        left = set(self._held)
        slots = {held.holder.slots_holder for held in self._held.values()} - {None}
        given_back = [holder for holder in slots | self._given_back if holder is not None]
        self._held.clear()
        try:
            async with asyncio.timeout(RENEWAL_SECONDS_MAX):
                if left:
                    await self._pool.execute(self._yield, *_columns(left), self._executor)
                if self._ended or given_back:
                    await self._pool.execute(self._end, *_columns(self._ended), self._executor, given_back)
        except TROUBLE as error:
            _logger.warning("leases left to run out", held=len(left), reason=repr(error))

    def _apply(self, rows: list[Any], due: dict[tuple[UUID, int], _Held], asked_at: float) -> None:
        for row in rows:
            key = (row["run_id"], row["attempt"])
            held = due[key]
            if not row["is_ours"]:
                self._lose(key, held, "the log or another executor has it")
                continue
            held.kept_at = asked_at
            if row["cancel_requested"] and key in self._held:
                held.holder.cancel()

    def _lose(self, key: tuple[UUID, int], held: _Held, why: str) -> None:
        # It may have ended by itself while the renewal was under way.
        if self._held.pop(key, None) is not None:
            if held.has_row:
                self._ended.add(key)
            held.holder.lose(why)


def _columns(keys: set[tuple[UUID, int]]) -> tuple[list[UUID], list[int]]:
    pairs = sorted(keys)
    return [run_id for run_id, _ in pairs], [attempt for _, attempt in pairs]
