"""
Jobs as the log has them now, without reading their whole streams each time.

A fold is kept with the version it reached; each look asks the log for what came after. So nothing here is ever older
than the answer to that question, and a job that nobody changed costs an empty answer. Of two looks at one time the later
to finish is kept; should it know less, the next look reads the rest again.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from uuid import UUID

from msgspec import Struct

from orc_domain.job import Job
from orc_domain.streams import job_stream
from orc_events.event import StreamName, Version
from orc_events.log import EventLog
from orc_runtime.deciders import JOBS

BYTES_MAX = 64 * 1024 * 1024
"""Of event data folded into what is kept; the least recently used go first."""
_ENTRY_BYTES = 512


class _Kept(Struct, frozen=True):
    job: Job
    version: Version
    size_bytes: int


_NOTHING = _Kept(JOBS.initial, Version(0), 0)


class Jobs:
    """The current state of any job, for whoever asks for a run of it."""

    def __init__(self, log: EventLog, *, bytes_max: int = BYTES_MAX) -> None:
        self._log, self._bytes_max = log, bytes_max
        self._kept: OrderedDict[UUID, _Kept] = OrderedDict()
        self._size_bytes = 0

    async def current(self, job_id: UUID) -> Job:
        """Return the job as of now; `NO_JOB` when there is none. Raises LogUnavailable."""
        kept = self._kept.get(job_id, _NOTHING)
        recorded = await self._log.read_stream(StreamName(job_stream(job_id)), kept.version)
        if not recorded:
            if kept.version:
                self._use(job_id)
            return kept.job
        size_bytes = kept.size_bytes + sum(len(past.data) for past in recorded)
        newer = _Kept(JOBS.fold(kept.job, recorded), recorded[-1].version, size_bytes)
        self._keep(job_id, newer)
        return newer.job

    async def current_of(self, job_ids: Iterable[UUID]) -> dict[UUID, Job]:
        """Return several jobs as of now, read together."""
        wanted = list(dict.fromkeys(job_ids))
        return dict(zip(wanted, await asyncio.gather(*map(self.current, wanted)), strict=True))

    def _use(self, job_id: UUID) -> None:
        if job_id in self._kept:
            self._kept.move_to_end(job_id)

    def _keep(self, job_id: UUID, newer: _Kept) -> None:
        was = self._kept.get(job_id)
        if was is not None:
            self._size_bytes -= was.size_bytes + _ENTRY_BYTES
        self._kept[job_id] = newer
        self._kept.move_to_end(job_id)
        self._size_bytes += newer.size_bytes + _ENTRY_BYTES
        while self._size_bytes > self._bytes_max and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._size_bytes -= dropped.size_bytes + _ENTRY_BYTES
