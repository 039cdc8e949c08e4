"""A schedule whose runs fail as often in a row as its job allows is paused, once, saying why."""

from uuid import UUID, uuid4

from scheduler.parts import NOW, intent, spec

from orc_domain.job import JobPaused
from orc_domain.requests import request_run
from orc_domain.run_messages import FailAttempt, StartRun, SucceedTask, TaskResult
from orc_domain.wire import WireChangeJob, WireDeleteJob, WirePauseJob, WireResumeJob
from orc_events.event import StreamName
from orc_runtime.deciders import JOBS, RUNS
from orc_scheduler.breaker import Breaker
from orc_scheduler.commands import beginning


async def fail(parts, executor, job_id: UUID) -> UUID:
    run_id = await parts.request(job_id)
    await say_failure(executor, run_id)
    await parts.fold()
    return run_id


async def say_failure(executor, run_id: UUID) -> None:
    await executor.say(run_id, StartRun("e1", NOW))
    failure = FailAttempt(
        attempt=1, kind="wrong_shape", message="no rows", retryable=False, at=NOW, jitter=0.0
    )
    await executor.say(run_id, failure)


async def succeed(parts, executor, job_id: UUID) -> None:
    run_id = await parts.request(job_id)
    await executor.say(run_id, StartRun("e1", NOW))
    await executor.say(run_id, SucceedTask(1, 1, TaskResult(rows=1)))
    await parts.fold()


async def pauses(parts, job_id: UUID) -> list[str]:
    recorded = await parts.log.read_stream(StreamName(f"job-{job_id}"))
    events = [JOBS.codec.decode(past) for past in recorded]
    return [event.reason for event in events if isinstance(event, JobPaused)]


async def test_paused_after_failures(parts, executor):
    """Two failures in a row pause a job that allows two; one, and one after a success, do not."""
    job_id = await parts.create(schedule="@yearly", pause_after_failures=2)
    breaker = Breaker(parts.pool, parts.log, parts.clock)
    await fail(parts, executor, job_id)
    await succeed(parts, executor, job_id)
    await fail(parts, executor, job_id)
    assert (await breaker.look(), await pauses(parts, job_id)) == (0, [])
    last = await fail(parts, executor, job_id)
    assert await breaker.look() == 1
    assert await pauses(parts, job_id) == [f"2 runs in a row have failed, the last is run {last}"]


async def test_resumed_begins_anew(parts, executor):
    """After a resume the failures before it do not count, also for a calendar that counts them again."""
    job_id = await parts.create(schedule="@yearly", pause_after_failures=1)
    breaker = Breaker(parts.pool, parts.log, parts.clock)
    await fail(parts, executor, job_id)
    await breaker.look()
    await parts.perform(WireResumeJob(job_id=job_id))
    await parts.calendar.projector.rebuild()
    await parts.fold()
    await breaker.look()
    assert (len(await pauses(parts, job_id)), await breaker.look()) == (1, 0)
    await fail(parts, executor, job_id)
    await breaker.look()
    assert len(await pauses(parts, job_id)) == 2


async def test_failures_before_a_resume_in_one_batch(parts, executor):
    """Failures from before a resume or an edit do not count, also when they are folded in one batch with it."""
    asked = {"schedule": "@yearly", "pause_after_failures": 2}
    resumed, edited = await parts.create(**asked), await parts.create(**asked)
    asking = await parts.create(schedule="@yearly")
    for job_id in (resumed, edited, asking):
        await fail(parts, executor, job_id)
    await parts.perform(WirePauseJob(job_id=resumed))
    await parts.perform(WireResumeJob(job_id=resumed))
    await parts.perform(WireChangeJob(job_id=edited, spec=spec(**asked | {"schedule": "@monthly"})))
    await parts.perform(WireChangeJob(job_id=asking, spec=spec(**asked)))
    for job_id in (resumed, edited, asking):
        await fail(parts, executor, job_id)
    counted = await parts.rows("SELECT failures FROM jobs")
    await parts.calendar.projector.rebuild()
    await parts.fold()
    assert (counted, await parts.rows("SELECT failures FROM jobs")) == ([(1,)] * 3, [(1,)] * 3)


async def test_not_asked_for(parts, executor):
    """A job that says nothing of failures is never paused for them."""
    job_id = await parts.create(schedule="@yearly")
    for _ in range(3):
        await fail(parts, executor, job_id)
    assert (await Breaker(parts.pool, parts.log, parts.clock).look(), await pauses(parts, job_id)) == (0, [])


async def test_deleted_meanwhile(parts, executor):
    """A job that is gone by the time it would be paused stops nothing."""
    job_id = await parts.create(schedule="@yearly", pause_after_failures=1)
    await fail(parts, executor, job_id)

    async with parts.folding():
        await parts.perform(WireDeleteJob(job_id=job_id))
    await parts.pool.execute(
        "INSERT INTO jobs VALUES ($1, 1, 'default', '{}', true, NULL, NULL, NULL, 1, 1, $1)"
        " ON CONFLICT DO NOTHING",
        job_id,
    )
    breaker = Breaker(parts.pool, parts.log, parts.clock)
    assert (await breaker.look(), await breaker.look()) == (1, 0)


async def test_backfills_do_not_count(parts, executor):
    """A backfill that fails says nothing of the schedule, whether the fold saw its runs begin or not."""
    job_id = await parts.create(schedule="@yearly", pause_after_failures=1)
    job = await parts.jobs.current(job_id)
    for fold_between in (True, False):
        run_id, backfill_id = uuid4(), uuid4()
        request = request_run(job, run_id, "backfill", due_at=NOW, backfill_id=backfill_id)
        await parts.log.append(beginning(RUNS, f"run-{run_id}", request, intent()))
        if fold_between:
            await parts.fold()
            await parts.pool.execute(
                "INSERT INTO backfill_runs VALUES ($1, $2) ON CONFLICT DO NOTHING", run_id, backfill_id
            )
        await say_failure(executor, run_id)
        await parts.fold()
    assert await parts.rows("SELECT failures FROM jobs") == [(0,)]
