"""Claims and what is said after them, on a real log."""

import asyncio
from datetime import UTC, datetime

import pytest
from msgspec import structs
from support.executor_world import DISCARD, INLINE, types

from orc_domain.run import StaleAttempt
from orc_domain.run_messages import FailAttempt, RunStarted, SucceedTask, TaskResult
from orc_events.errors import LogUnavailable, UnknownEvent
from orc_events.log import PostgresLog
from orc_executor.claim import Voice, claim, read_work
from orc_executor.slots import Slots
from orc_runtime.clock import SystemClock

RESULT = TaskResult(rows=2)


class Listened(PostgresLog):
    """The log, and how often it was read; its next answers may be lost on the way."""

    def __init__(self, pool):
        super().__init__(pool)
        self.reads = 0
        self.lost_answers = 0
        self.when_lost = None

    async def read_stream(self, *args):
        self.reads += 1
        return await super().read_stream(*args)

    async def append(self, item):
        appended = await super().append(item)
        if self.lost_answers:
            self.lost_answers -= 1
            if self.when_lost is not None:
                await self.when_lost()
            raise LogUnavailable("the connection was lost")
        return appended


@pytest.fixture
def log(pool):
    return Listened(pool)


@pytest.fixture
def slots(pool):
    return Slots(pool, "east", 30, end=lambda _: None)


@pytest.fixture
def voice(log):
    return Voice(log, SystemClock(), "east")


async def work_of(scheduler, run_id):
    offered = await scheduler.work(run_id)
    return read_work(offered.headers, offered.data)


async def test_a_fresh_run_is_claimed_without_reading(scheduler, log, voice, slots):
    """The message holds the run's first event, and the append at version 1 proves that there is no other."""
    wish = await scheduler.request()
    owned = await claim(voice, await work_of(scheduler, wish.run_id), slots)
    assert (owned.run, owned.attempt, log.reads) == (await scheduler.run(wish.run_id), 1, 0)
    assert (await scheduler.events(wish.run_id))[1:] == [RunStarted(attempt=1, executor="east")]


async def test_of_two_executors_one_gets_the_run(scheduler, log, voice, slots):
    """Both append at the same version; the log takes one."""
    wish = await scheduler.request()
    work = await work_of(scheduler, wish.run_id)
    owners = await asyncio.gather(
        claim(voice, work, slots), claim(Voice(log, SystemClock(), "west"), work, slots)
    )
    assert [owned is None for owned in owners].count(True) == 1
    assert types(await scheduler.events(wish.run_id)) == ["run.requested", "run.started"]


async def test_a_redelivery_claims_nothing(scheduler, voice, slots):
    """The message of a running run and that of an ended one lead to nothing."""
    wish = await scheduler.request()
    work = await work_of(scheduler, wish.run_id)
    owned = await claim(voice, work, slots)
    assert await claim(voice, work, slots) is None
    await owned.say(SucceedTask(1, 1, RESULT), "done")
    assert await claim(voice, work, slots) is None
    assert types(await scheduler.events(wish.run_id)) == [
        "run.requested",
        "run.started",
        "task.succeeded",
        "run.succeeded",
    ]


async def test_our_own_earlier_claim_is_not_taken_for_a_new_one(scheduler, voice, slots):
    """After a failed attempt the same executor, offered the same message, begins the next attempt."""
    wish = await scheduler.request()
    work = await work_of(scheduler, wish.run_id)
    await claim(voice, work, slots)
    await scheduler.lose(wish.run_id, 1)
    owned = await claim(voice, work, slots)
    assert owned.attempt == 2


async def test_a_namesake_does_not_inherit_a_claim(scheduler, log, voice, slots):
    """An executor started anew under its old name does not own what its predecessor claimed."""
    wish = await scheduler.request()
    work = await work_of(scheduler, wish.run_id)
    await claim(voice, work, slots)
    assert await claim(Voice(log, SystemClock(), "east"), work, slots) is None


async def test_a_claim_whose_answer_was_lost_is_recognised(scheduler, log, voice, slots):
    """An append that committed unheard is asked for again under the same id, and is ours."""
    wish = await scheduler.request()
    log.lost_answers = 1
    owned = await claim(voice, await work_of(scheduler, wish.run_id), slots)
    assert (owned.attempt, types(await scheduler.events(wish.run_id))) == (
        1,
        ["run.requested", "run.started"],
    )


async def test_a_claim_that_was_lost_while_nobody_answered_is_not_ours(scheduler, log, voice, slots):
    """When the rescuer took the run back before we heard of our claim, we do not begin."""
    wish = await scheduler.request()
    log.lost_answers, log.when_lost = 1, lambda: scheduler.lose(wish.run_id, 1)
    assert await claim(voice, await work_of(scheduler, wish.run_id), slots) is None


async def test_work_for_a_run_that_the_log_does_not_know_is_refused(scheduler, voice, slots):
    """A message can be forged, or come from another database: its stream must hold what it says."""
    wish = await scheduler.request()
    offered = await scheduler.work(wish.run_id)
    other = "00000000-0000-4000-8000-000000000000"
    headers = offered.headers | {"ce-subject": f"run-{other}"}
    forged = offered.data.replace(str(wish.run_id).encode(), other.encode())
    work = read_work(headers, forged)
    # Version 1 of a stream that does not exist is not there to be followed.
    assert await claim(voice, work, slots) is None


async def test_what_is_no_work_is_refused(scheduler):
    """Headers that are missing, another event type, a stream that is not the run's, a newer version's event."""
    wish = await scheduler.request()
    offered = await scheduler.work(wish.run_id)
    for headers, error in (
        ({}, KeyError),
        (offered.headers | {"ce-subject": "run-1"}, ValueError),
        (offered.headers | {"orc-schema-version": "999"}, UnknownEvent),
        (offered.headers | {"ce-id": "x"}, ValueError),
    ):
        with pytest.raises(error):
            read_work(headers, offered.data)


async def test_a_result_is_decided_anew_when_somebody_wrote_meanwhile(scheduler, voice, slots):
    """A cancel that came first turns the end of a middle task into the end of the run."""
    wish = await scheduler.request((INLINE, DISCARD), (INLINE, DISCARD))
    owned = await claim(voice, await work_of(scheduler, wish.run_id), slots)
    await scheduler.cancel(wish.run_id)
    await owned.say(SucceedTask(1, 1, RESULT), "task-1-succeeded")
    assert (owned.run.status, types(await scheduler.events(wish.run_id))) == (
        "cancelled",
        ["run.requested", "run.started", "run.cancel_requested", "task.succeeded", "run.cancelled"],
    )


async def test_a_stale_attempt_is_refused(scheduler, voice, slots):
    """After the run was taken back, nothing its old attempt says is recorded."""
    wish = await scheduler.request()
    owned = await claim(voice, await work_of(scheduler, wish.run_id), slots)
    await scheduler.lose(wish.run_id, 1)
    past = await scheduler.events(wish.run_id)
    failure = FailAttempt(
        attempt=1, kind="internal", message="no", retryable=False, at=datetime.now(UTC), jitter=0.0
    )
    for command in (SucceedTask(1, 1, RESULT), failure):
        with pytest.raises(StaleAttempt):
            await unaware(owned).say(command, "anything")
    assert await scheduler.events(wish.run_id) == past


def unaware(owned):
    """Return an attempt that has not looked since its claim."""
    copy = object.__new__(type(owned))
    copy.__dict__.update(owned.__dict__)
    return copy


async def test_a_result_whose_answer_was_lost_is_said_once(scheduler, log, voice, slots):
    """An append that committed unheard is asked for again and recognised."""
    wish = await scheduler.request()
    owned = await claim(voice, await work_of(scheduler, wish.run_id), slots)
    log.lost_answers = 1
    await owned.say(SucceedTask(1, 1, RESULT), "task-1-succeeded")
    assert (owned.run.status, owned.run.version) == ("success", 4)
    assert owned.run == structs.replace(
        await scheduler.run(wish.run_id), updated_at=owned.run.updated_at, finished_at=owned.run.finished_at
    )
