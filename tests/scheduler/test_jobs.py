"""Jobs kept in memory: never older than the log, bounded in size."""

import asyncio
from uuid import uuid4

from scheduler.parts import intent, spec

from orc_domain.job import NO_JOB, ChangeJob, CreateJob, PauseJob
from orc_events.event import StreamName
from orc_events.handle import handle
from orc_events.memory import MemoryLog
from orc_runtime.deciders import JOBS
from orc_scheduler.jobs import Jobs


class Counting(MemoryLog):
    """A log that counts the events it gave away."""

    given = 0

    async def read_stream(self, stream, after=0):
        recorded = await super().read_stream(stream, after)
        self.given += len(recorded)
        return recorded


async def say(log, job_id, command):
    return await handle(log, JOBS, StreamName(f"job-{job_id}"), command, intent())


async def created(log, **said):
    job_id = uuid4()
    await say(log, job_id, CreateJob(job_id, spec(**said)))
    return job_id


async def test_never_older_than_the_log():
    """Each look sees what was appended before it, and reads only that."""
    log = Counting()
    jobs, job_id = Jobs(log), await created(log)
    looks = [(await jobs.current(job_id)).version]
    await say(log, job_id, PauseJob())
    await say(log, job_id, ChangeJob(spec(job_name="other")))
    log.given = 0
    looks += [(await jobs.current(job_id)).version, (await jobs.current(job_id)).version]
    assert (looks, log.given) == ([1, 3, 3], 2)


async def test_no_such_job():
    """A job that was never created is none, however often one asks."""
    jobs, job_id = Jobs(MemoryLog()), uuid4()
    assert [await jobs.current(job_id), await jobs.current(job_id)] == [NO_JOB, NO_JOB]


async def test_asked_at_once():
    """Two looks at one time agree."""
    log = MemoryLog()
    jobs, job_id = Jobs(log), await created(log)
    first, second = await asyncio.gather(jobs.current(job_id), jobs.current(job_id))
    assert first == second


async def test_bounded():
    """The least recently used job is forgotten first when there is no more room, and read again when asked for."""
    log = Counting()
    jobs = Jobs(log, bytes_max=5_000)
    old, used, big = [await created(log, description="x" * 800) for _ in range(3)]
    for job_id in (old, used):
        await jobs.current(job_id)
    await jobs.current(old)
    await jobs.current(big)
    log.given = 0
    assert [(await jobs.current(job_id)).exists for job_id in (old, big)] == [True, True]
    unread = log.given
    await jobs.current(used)
    assert (unread, log.given) == (0, 1)
