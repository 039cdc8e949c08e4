"""The command handlers on a real log and a real bus: one command, one outcome, however often it comes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from msgspec import structs
from scheduler_parts import NOW, spec

from orc_domain.definitions import JobRun, JobWithTasks
from orc_domain.requests import job_id_of_command, run_id_of_command
from orc_domain.run_messages import StartRun, SucceedTask, TaskResult
from orc_domain.wire import (
    CommandEnvelope,
    Outcome,
    Problem,
    WireCancelRun,
    WireChangeJob,
    WireCommand,
    WireCreateJob,
    WireDeleteJob,
    WirePauseJob,
    WireRequestRun,
    WireResumeJob,
    WireRetryRun,
    subject_of,
)
from orc_events.errors import LogUnavailable, VersionConflict
from orc_events.jetstream import call
from orc_scheduler.handlers import REPLY_TO, Handlers

REPLY_SECONDS_MAX = 10.0


def envelope(command: WireCommand, **said) -> CommandEnvelope:
    values = {
        "command_id": uuid4(),
        "body_hash": "ab" * 32,
        "actor": "user:ada",
        "correlation_id": uuid4(),
        "issued_at": NOW,
        "deadline": datetime.now(UTC) + timedelta(seconds=60),
        "command": command,
    }
    return CommandEnvelope(**(values | said))


class Caller:
    """Gives commands and waits for their outcomes, as the gateway does."""

    def __init__(self, bus):
        self.bus = bus

    async def give(self, command: WireCommand, **said) -> Outcome:
        return await self.send(envelope(command, **said))

    async def send(self, wish: CommandEnvelope) -> Outcome:
        return await self.send_bytes(subject_of(wish.command), msgspec.json.encode(wish))

    async def send_bytes(self, subject: str, data: bytes) -> Outcome:
        reply_to, outcome = self.bus.inbox().expect()
        await self.bus.publish(subject, data, {REPLY_TO: reply_to})
        async with asyncio.timeout(REPLY_SECONDS_MAX):
            return msgspec.json.decode(await outcome, type=Outcome)


@asynccontextmanager
async def handling(parts, bus, log=None) -> AsyncIterator[None]:
    handlers = Handlers(bus, log or parts.log, parts.commands, parts.clock, parts.metrics, slots=16)
    stopping = asyncio.Event()
    running = asyncio.create_task(handlers.run(stopping))
    try:
        yield
    finally:
        stopping.set()
        await running


@pytest.fixture
async def caller(parts, bus) -> AsyncIterator[Caller]:
    async with handling(parts, bus):
        yield Caller(bus)


async def waiting_commands(bus) -> int:
    """Give how many commands are not done: a work queue keeps what is not acked."""
    return (await call(bus, "STREAM.INFO.ORC_COMMANDS"))["state"]["messages"]


def outcome(wish: CommandEnvelope, position: int, version: int) -> Outcome:
    return Outcome(command_id=wish.command_id, kind="done", position=position, version=version)


async def test_create(parts, bus, caller):
    """A created job's id follows from the command, and the outcome holds the job as REST shows it."""
    wish = envelope(WireCreateJob(spec=spec()))
    done = await caller.send(wish)
    job = msgspec.json.decode(done.body, type=JobWithTasks)
    assert structs.replace(done, body=None) == outcome(wish, 1, 1)
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
    await executor.say(run_id, SucceedTask(1, 1, TaskResult(rows=1)))
    assert (await caller.give(WireCancelRun(run_id=run_id))).problem.code == "run-ended"


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"\xff\xfe", b"[" * 20_000, b'{"command": {"type": "job.explode"}}']
)
async def test_undecodable(bus, caller, data):
    """What is no command is dropped, and the next one is handled."""
    await bus.publish("orc.commands.job.create", data)
    done = await caller.give(WireCreateJob(spec=spec()))
    assert done.kind == "done"
    await all_done(bus)


async def test_many_at_once(parts, bus, caller):
    """More commands than slots are all answered, each once."""
    wishes = [envelope(WireCreateJob(spec=spec(job_name=f"job {n}"))) for n in range(100)]
    done = await asyncio.gather(*map(caller.send, wishes))
    assert sorted(one.position for one in done) == list(range(1, 101))
    await all_done(bus)


class Ailing:
    """A log whose next appends fail in a given way."""

    def __init__(self, log, failures):
        self._log, self._failures = log, failures

    def __getattr__(self, name):
        return getattr(self._log, name)

    async def append(self, item):
        if self._failures:
            raise self._failures.pop()
        return await self._log.append(item)


async def test_log_unavailable(parts, bus):
    """A command that the log could not be reached for is tried again until it is answered."""
    ailing = Ailing(parts.log, [LogUnavailable("away"), LogUnavailable("still away")])
    parts.commands._log = ailing
    async with handling(parts, bus, ailing):
        assert (await Caller(bus).give(WireCreateJob(spec=spec()))).kind == "done"
    assert await parts.types() == ["job.created"]


async def test_contended(parts, bus):
    """A command that lost every race is told so, and has appended nothing."""
    job_id = await parts.create()
    parts.commands._log = Ailing(parts.log, [VersionConflict("job-x", 1, 2)] * 5)
    async with handling(parts, bus):
        outcome = await Caller(bus).give(WirePauseJob(job_id=job_id))
    assert (outcome.kind, await parts.types()) == ("contended", ["job.created"])


async def test_a_fault_of_ours(parts, bus, monkeypatch):
    """A command that fails by a fault of ours is tried again, then dropped, and others go on meanwhile."""
    monkeypatch.setattr("orc_scheduler.handlers.FAILED_AGAIN_SECONDS", 0.01)
    parts.commands._log = Ailing(parts.log, [RuntimeError("bug")] * 5)
    async with handling(parts, bus):
        await bus.publish(
            "orc.commands.job.create", msgspec.json.encode(envelope(WireCreateJob(spec=spec(job_name="bad"))))
        )
        await all_done(bus)
        assert (await Caller(bus).give(WireCreateJob(spec=spec()))).kind == "done"
    assert ['"job_name":"flights"' in past.data for past in await parts.events()] == [True]


async def all_done(bus) -> None:
    """Wait until every command is acked."""
    async with asyncio.timeout(REPLY_SECONDS_MAX):
        while await waiting_commands(bus):
            await asyncio.sleep(0.01)
