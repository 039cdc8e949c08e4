"""
A command's way to its decider, and the answer that is recorded with it.

    job.create                             a new stream job-<id>, the id from the command's
    job.change, .pause, .resume, .delete   stream job-<id>
    job.set_cursor                         stream job-<id>
    run.request, run.retry                 a new stream run-<id>, the id from the command's
    run.cancel                             stream run-<id>
    backfill.request, backfill.cancel      stream backfill-<id>, the id from the command's that requests it

A stream whose name comes from the command's id can only have been begun by that command, so beginning one needs no look
at it: the log itself answers a repeat with what it recorded.
"""

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct

from orc_domain.backfill import CancelBackfill
from orc_domain.definitions import job_run, job_with_tasks
from orc_domain.job import ChangeJob, CreateJob, DeleteJob, Job, PauseJob, ResumeJob, SetCursor
from orc_domain.requests import check_age, job_id_of_command, request_run, retry_run, run_id_of_command
from orc_domain.run import Run
from orc_domain.run_messages import CancelRun, RequestRun
from orc_domain.streams import backfill_stream, job_stream, run_stream
from orc_domain.wire import (
    WireCancelBackfill,
    WireCancelRun,
    WireChangeJob,
    WireCommand,
    WireCreateJob,
    WireDeleteJob,
    WirePauseJob,
    WireRequestBackfill,
    WireRequestRun,
    WireResumeJob,
    WireRetryRun,
    WireSetCursor,
)
from orc_events.event import NO_STREAM, Append, Position, StreamName, Version
from orc_events.handle import Decider, Handled, Intent, handle, load
from orc_events.log import EventLog
from orc_runtime.deciders import BACKFILLS, JOBS, RUNS
from orc_scheduler.backfill_requests import backfill_answer, backfill_request
from orc_scheduler.calendar import Calendar
from orc_scheduler.jobs import Jobs

State = TypeVar("State")
Command = TypeVar("Command")
Event = TypeVar("Event")

_encoder = msgspec.json.Encoder()


class Done(Struct, frozen=True):
    """What became of a command that was accepted."""

    position: Position
    version: Version
    result: str | None
    """The JSON that REST answers with."""


class Commands:
    """Decides commands. Raises Rejected, and what the log raises."""

    def __init__(self, log: EventLog, jobs: Jobs, calendar: Calendar) -> None:
        self._log, self._jobs, self._calendar = log, jobs, calendar

    async def perform(self, command: WireCommand, intent: Intent) -> Done:
        """Decide the command and record what follows."""
        match command:
            case WireCreateJob(spec=spec):
                job_id = job_id_of_command(intent.command_id)
                create = CreateJob(job_id, spec)
                return await self._append(beginning(JOBS, job_stream(job_id), create, intent, job_answer))
            case WireChangeJob(job_id=job_id, spec=spec, expected_version=expected):
                return await self._change(job_id, ChangeJob(spec, expected), intent)
            case WirePauseJob(job_id=job_id, expected_version=expected, reason=reason):
                return await self._change(job_id, PauseJob(expected, reason), intent)
            case WireResumeJob(job_id=job_id, expected_version=expected):
                return await self._change(job_id, ResumeJob(expected), intent)
            case WireDeleteJob(job_id=job_id, expected_version=expected):
                # A run requested between this count and the append is not lost: it holds all it needs and ends by
                # itself; only its job is gone by then.
                open_runs = await self._calendar.open_runs_of(job_id)
                delete = DeleteJob(open_runs, expected, await self._calendar.open_backfills_of(job_id))
                return await self._change(job_id, delete, intent)
            case WireSetCursor(job_id=job_id, task_order=order, value=value, expected_version=expected):
                return await self._change(job_id, SetCursor(order, value, expected), intent)
            case WireRequestRun(job_id=job_id):
                job = await self._jobs.current(job_id)
                run_id = run_id_of_command(intent.command_id)
                return await self._request(request_run(job, run_id, "manual", at=intent.occurred_at), intent)
            case WireRetryRun(run_id=run_id):
                ended = await self._run(run_id)
                again = retry_run(ended, run_id_of_command(intent.command_id))
                root = ended if again.root_id == run_id else await self._run(again.root_id)
                check_age(root, intent.occurred_at)
                return await self._request(again, intent)
            case WireCancelRun(run_id=run_id, reason=reason):
                stream = StreamName(run_stream(run_id))
                return done(
                    await handle(self._log, RUNS, stream, CancelRun(reason), intent, answer=run_answer)
                )
            case WireRequestBackfill(job_id=job_id):
                wish = backfill_request(command, await self._jobs.current(job_id), intent)
                stream = StreamName(backfill_stream(wish.backfill_id))
                return await self._append(beginning(BACKFILLS, stream, wish, intent, backfill_answer))
            case WireCancelBackfill(backfill_id=backfill_id, reason=reason):
                stream = StreamName(backfill_stream(backfill_id))
                stop = CancelBackfill(reason)
                return done(await handle(self._log, BACKFILLS, stream, stop, intent, answer=backfill_answer))

    async def _change(
        self, job_id: UUID, change: ChangeJob | PauseJob | ResumeJob | DeleteJob | SetCursor, intent: Intent
    ) -> Done:
        stream = StreamName(job_stream(job_id))
        return done(await handle(self._log, JOBS, stream, change, intent, answer=job_answer))

    async def _run(self, run_id: UUID) -> Run:
        return (await load(self._log, RUNS, StreamName(run_stream(run_id)))).state

    async def _request(self, request: RequestRun, intent: Intent) -> Done:
        return await self._append(beginning(RUNS, run_stream(request.run_id), request, intent, run_answer))

    async def _append(self, item: Append) -> Done:
        appended = await self._log.append(item)
        return Done(appended.position, appended.version, appended.result)


def beginning(
    decider: Decider[State, Command, Event],
    stream: str,
    command: Command,
    intent: Intent,
    answer: Callable[[State], str] | None = None,
) -> Append:
    """
    Return what begins the stream that this command's id names.

    Raises what `decide` rejects with, and NotStorable.
    """
    state, events = decider.initial, decider.decide(command, decider.initial)
    for event in events:
        state = decider.evolve(state, event, intent.occurred_at)
    return Append(
        command_id=intent.command_id,
        body_hash=intent.body_hash,
        stream=StreamName(stream),
        expected_version=NO_STREAM,
        events=tuple(decider.codec.encode(event) for event in events),
        actor=intent.actor,
        correlation_id=intent.correlation_id,
        occurred_at=intent.occurred_at,
        result=answer(state) if answer else None,
        deadline=intent.deadline,
    )


def done(handled: Handled[State, Event]) -> Done:
    """Return what REST needs of a handled command."""
    return Done(handled.position, handled.version, handled.result)


def job_answer(job: Job) -> str:
    """Return a JobWithTasks, or null for a deleted job."""
    return _encoder.encode(job_with_tasks(job) if job.exists else None).decode()


def run_answer(run: Run) -> str:
    """Return a JobRun."""
    return _encoder.encode(job_run(run)).decode()
