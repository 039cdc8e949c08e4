"""Who may ask for a backfill and for its end, and what is refused."""

from uuid import uuid4

import pytest
from scheduler.backfills import (
    DAILY,
    DAY,
    request,
    story,
    wish,
    work_off,
)
from scheduler.parts import NOW, intent

from orc_domain.backfill import (
    BackfillCancelled,
    BackfillCancelRequested,
    BackfillEnded,
    BackfillFinished,
    NothingToRun,
)
from orc_domain.job import OpenBackfills
from orc_domain.rejection import Invalid, NotFound
from orc_domain.wire import WireCancelBackfill, WireDeleteJob
from orc_events.errors import LogUnavailable, TypeNotAllowed
from orc_events.event import Append, StreamName, Version
from orc_events.log import PostgresLog
from orc_runtime.deciders import BACKFILLS
from orc_scheduler.backfill_requests import JobChangedMeanwhile

ROWS = "SELECT requested, succeeded, failed, cancelled, cancel_requested FROM backfills"


async def test_a_job_with_an_open_backfill_stays(parts, executor):
    """A job is not deleted while a backfill would go on asking for runs of it, between two of them either."""
    job_id = await parts.create(**DAILY)
    await request(parts, job_id, 1)
    async with parts.folding():
        with pytest.raises(OpenBackfills):
            await parts.perform(WireDeleteJob(job_id=job_id))
    await work_off(parts, executor)
    async with parts.folding():
        await parts.perform(WireDeleteJob(job_id=job_id))


async def test_a_request_is_judged(parts):
    """A backfill of no job, of another version of it, of nothing or of the future is refused, and nothing recorded."""
    job_id = await parts.create(**DAILY)
    for refused, error in (
        (wish(uuid4()), NotFound),
        (wish(job_id, job_version=2), JobChangedMeanwhile),
        (wish(job_id, instants=()), NothingToRun),
        (wish(job_id, end=NOW + DAY), Invalid),
    ):
        with pytest.raises(error):
            await parts.perform(refused)
    assert await parts.types() == ["job.created"]


async def test_requested_twice_is_once(parts):
    """The same command is one backfill, and answered as it was the first time."""
    job_id, given = await parts.create(**DAILY), intent()
    first = await parts.perform(wish(job_id), given)
    again = await parts.perform(wish(job_id), given)
    assert (first, (await parts.types()).count("backfill.requested")) == (again, 1)


async def test_cancelled_too_late(parts, executor):
    """What has finished cannot be cancelled, nor what never was; cancelling twice is once."""
    backfill_id = await request(parts, await parts.create(**DAILY), 1)
    await work_off(parts, executor)
    with pytest.raises(BackfillEnded):
        await parts.perform(WireCancelBackfill(backfill_id=backfill_id))
    with pytest.raises(NotFound):
        await parts.perform(WireCancelBackfill(backfill_id=uuid4()))
    other = await request(parts, await parts.create(**DAILY), 1)
    for _ in range(2):
        await parts.perform(WireCancelBackfill(backfill_id=other))
    assert len(await story(parts, other)) == 1


@pytest.mark.parametrize("role", ["orc_executor", "orc_gateway", "orc_auth"])
async def test_who_may_append(parts, connect, role):
    """Events of backfills are the scheduler's word alone; the gateway has no way into the log at all."""
    backfill_id = await request(parts, await parts.create(**DAILY))
    log = PostgresLog(await connect(role))
    for event in (
        BackfillCancelRequested(),
        BackfillFinished(succeeded=3, failed=0, cancelled=0, skipped=0),
        BackfillCancelled(succeeded=0, failed=0, cancelled=0, skipped=0, remaining=3),
    ):
        given = intent()
        item = Append(
            command_id=given.command_id, body_hash=given.body_hash, stream=StreamName(f"backfill-{backfill_id}"),
            expected_version=Version(1), events=(BACKFILLS.codec.encode(event),), actor=given.actor,
            correlation_id=given.correlation_id, occurred_at=given.occurred_at,
        )  # fmt: skip
        with pytest.raises((TypeNotAllowed, LogUnavailable), match=r"may not append|permission denied"):
            await log.append(item)
