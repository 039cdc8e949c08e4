"""The command handlers on a real log and a real bus: one command, one outcome, however often it comes."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from msgspec import structs
from scheduler.caller import REPLY_SECONDS_MAX, envelope
from scheduler.parts import NOW, intent, spec

from orc_domain.definitions import JobRun, JobWithTasks
from orc_domain.requests import RootTooOld, job_id_of_command, run_id_of_command
from orc_domain.run_messages import StartRun
from orc_domain.wire import (
    CommandEnvelope,
    Outcome,
    Problem,
    WireCancelRun,
    WireChangeJob,
    WireCreateJob,
    WireDeleteJob,
    WirePauseJob,
    WireRequestRun,
    WireResumeJob,
    WireRetryRun,
)


def outcome(wish: CommandEnvelope, position: int, version: int) -> Outcome:
    return Outcome(command_id=wish.command_id, kind="done", position=position, version=version)


async def test_create(parts, bus, caller):
    """A created job's id follows from the command, and the outcome holds the job as REST shows it."""
    wish = envelope(WireCreateJob(spec=spec()))
    done = await caller.send(wish)
    job = msgspec.json.decode(done.body, type=JobWithTasks)
    assert structs.replace(done, body=msgspec.Raw(b"null")) == outcome(wish, 1, 1)
    assert (job.job_id, job.job_name, job.version, job.created_at) == (
        job_id_of_command(wish.command_id),
        "flights",
        1,
        NOW,
    )
    (past,) = await parts.events()
    assert (past.actor, past.command_id, past.correlation_id) == (
        "user:ada",
        wish.command_id,
        wish.correlation_id,
    )


async def test_repeated(parts, caller):
    """A command given again is answered with what was recorded, word for word, and appends nothing."""
    create = envelope(WireCreateJob(spec=spec()))
    created = await caller.send(create)
    job_id = job_id_of_command(create.command_id)
    request, pause = envelope(WireRequestRun(job_id=job_id)), envelope(WirePauseJob(job_id=job_id))
    first = [created, await caller.send(request), await caller.send(pause)]
    again = [await caller.send(wish) for wish in (create, request, pause)]
    assert again == first
    assert await parts.types() == ["job.created", "run.requested", "job.paused"]


async def test_repeated_though_refused_now(parts, caller):
    """A repeat is answered with what was recorded also when what it led to would refuse it now."""
    job_id = job_id_of_command((await caller.give(WireCreateJob(spec=spec()))).command_id)
    request, delete = envelope(WireRequestRun(job_id=job_id)), envelope(WireDeleteJob(job_id=job_id))
    requested = await caller.send(request)
    await caller.give(WireCancelRun(run_id=run_id_of_command(request.command_id)))
    async with parts.folding():
        deleted = await caller.send(delete)
        assert [await caller.send(request), await caller.send(delete)] == [requested, deleted]
    assert (deleted.kind, deleted.body) == ("done", msgspec.Raw(b"null"))


async def test_key_reused(parts, caller):
    """The same command id with another body is told apart, for a new stream, an old one and a refused command."""
    create = envelope(WireCreateJob(spec=spec()))
    await caller.send(create)
    job_id = job_id_of_command(create.command_id)
    pause = envelope(WirePauseJob(job_id=job_id))
    await caller.send(pause)
    kinds = [
        (await caller.send(structs.replace(wish, body_hash="cd" * 32, command=command))).kind
        for wish, command in [
            (create, WireCreateJob(spec=spec(job_name="other"))),
            (pause, WireResumeJob(job_id=job_id)),
            (create, WirePauseJob(job_id=uuid4())),
        ]
    ]
    assert (kinds, await parts.types()) == (["key-reused"] * 3, ["job.created", "job.paused"])


async def test_expired(parts, caller):
    """A command past its deadline by the database's clock appends nothing, and may come again in time."""
    wish = envelope(WireCreateJob(spec=spec()), deadline=datetime.now(UTC) - timedelta(seconds=1))
    late = await caller.send(wish)
    known = await parts.log.command(wish.command_id)
    assert (late, known.state, await parts.events()) == (
        Outcome(command_id=wish.command_id, kind="expired"),
        "expired",
        [],
    )
    assert (
        await caller.send(structs.replace(wish, deadline=datetime.now(UTC) + timedelta(hours=1)))
    ).kind == "done"


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (
            WireCreateJob(spec=spec(schedule="61 * * * *")),
            Problem(
                kind="invalid",
                code="invalid",
                detail="it cannot be read: [61 * * * *] is not acceptable, out of range",
                field="schedule",
                valid="5 fields (minute first), 6 (second first), 7 (second first, year last), @hourly, @daily, "
                "@weekly, @monthly, @yearly or @manual",
            ),
        ),
        (
            WireRequestRun(job_id=UUID(int=1)),
            Problem(kind="not-found", code="job-not-found", detail="job of this id does not exist"),
        ),
        (
            WireRetryRun(run_id=UUID(int=1)),
            Problem(kind="not-found", code="run-not-found", detail="run of this id does not exist"),
        ),
    ],
)
async def test_rejected(parts, caller, command, problem):
    """A refused command says why, and appends nothing."""
    wish = envelope(command)
    rejected = Outcome(command_id=wish.command_id, kind="rejected", problem=problem)
    assert (await caller.send(wish), await parts.events()) == (rejected, [])


async def test_stale(caller):
    """A change of a version that is not the current one is refused as stale."""
    job_id = job_id_of_command((await caller.give(WireCreateJob(spec=spec()))).command_id)
    await caller.give(WirePauseJob(job_id=job_id, expected_version=1))
    stale = await caller.give(WireResumeJob(job_id=job_id, expected_version=1))
    assert stale.problem == Problem(
        kind="stale", code="stale", detail="the job is at version 2, not 1: read it again", valid='"2"'
    )


async def test_true_already(parts, caller):
    """Saying what is true already is done, and records nothing."""
    wish = envelope(WireCreateJob(spec=spec()))
    await caller.send(wish)
    job_id = job_id_of_command(wish.command_id)
    done = await caller.give(WireResumeJob(job_id=job_id))
    assert (done.kind, done.position, done.version, await parts.types()) == ("done", 1, 1, ["job.created"])


async def test_request_of_a_changed_job(parts, caller):
    """A run holds the job as it stands when it is requested, however often it was read before."""
    job_id = job_id_of_command((await caller.give(WireCreateJob(spec=spec()))).command_id)
    await caller.give(WireRequestRun(job_id=job_id))
    await caller.give(WireChangeJob(job_id=job_id, spec=spec(job_name="weather", pool="big")))
    run = msgspec.json.decode((await caller.give(WireRequestRun(job_id=job_id))).body, type=JobRun)
    assert (run.pool, run.status, run.triggered_by) == ("big", "queued", "manual")
    (first, second) = [past for past in await parts.events() if past.type == "run.requested"]
    assert ['"job_name":"flights"' in first.data, '"job_name":"weather"' in second.data] == [True, True]


async def test_delete_with_open_runs(parts, caller):
    """A job with runs that have not ended is not deleted; once they have, it is."""
    job_id = job_id_of_command((await caller.give(WireCreateJob(spec=spec()))).command_id)
    run_id = run_id_of_command((await caller.give(WireRequestRun(job_id=job_id))).command_id)
    async with parts.folding():
        refused = await caller.give(WireDeleteJob(job_id=job_id))
        await caller.give(WireCancelRun(run_id=run_id))
        deleted = await caller.give(WireDeleteJob(job_id=job_id))
    assert (refused.problem.code, deleted.kind, (await parts.types())[-1]) == (
        "open-runs",
        "done",
        "job.deleted",
    )


async def test_retry_of_an_ended_run(parts, caller):
    """A cancelled run is requested again in the same root; one that is open is not."""
    job_id = job_id_of_command((await caller.give(WireCreateJob(spec=spec()))).command_id)
    run_id = run_id_of_command((await caller.give(WireRequestRun(job_id=job_id))).command_id)
    refused = await caller.give(WireRetryRun(run_id=run_id))
    await caller.give(WireCancelRun(run_id=run_id))
    retried = msgspec.json.decode((await caller.give(WireRetryRun(run_id=run_id))).body, type=JobRun)
    assert (refused.problem.code, retried.retry_of, retried.triggered_by) == (
        "run-not-retryable",
        run_id,
        "retry",
    )


async def test_retry_after_receipts_may_be_forgotten(parts):
    """A retry is refused once the root is so old that its loads might be repeated, however young the last run is."""
    later = NOW + timedelta(days=200)
    first = await parts.request(await parts.create())
    await parts.cancel(first)
    retried = await parts.perform(WireRetryRun(run_id=first), intent(occurred_at=later))
    second = msgspec.json.decode(retried.result, type=JobRun).run_id
    await parts.perform(WireCancelRun(run_id=second), intent(occurred_at=later))
    for run_id in (first, second):
        with pytest.raises(RootTooOld):
            await parts.perform(WireRetryRun(run_id=run_id), intent(occurred_at=NOW + timedelta(days=301)))


async def test_cancel_pokes_the_executor(bus, caller, parts, executor):
    """Whoever runs a run hears at once that it should stop."""
    job_id = job_id_of_command((await caller.give(WireCreateJob(spec=spec()))).command_id)
    run_id = run_id_of_command((await caller.give(WireRequestRun(job_id=job_id))).command_id)
    await executor.say(run_id, StartRun("e1", NOW))
    heard = asyncio.Event()
    await bus.listen(f"orc.poke.run.{run_id}", lambda _subject, _data: heard.set())
    run = msgspec.json.decode((await caller.give(WireCancelRun(run_id=run_id))).body, type=JobRun)
    async with asyncio.timeout(REPLY_SECONDS_MAX):
        await heard.wait()
    assert (run.status, run.cancel_requested) == ("running", True)
