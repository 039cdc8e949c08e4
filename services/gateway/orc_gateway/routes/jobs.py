"""Jobs: define, look, change, pause, run."""

from typing import Annotated
from uuid import UUID

from litestar import Response, delete, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import structs

from orc_domain.definitions import JobDefinition, JobRun, JobWithTasks
from orc_domain.egress import EgressPolicy
from orc_domain.job_spec import JobSpec
from orc_domain.rejection import NotFound
from orc_domain.wire import (
    WireChangeJob,
    WireCreateJob,
    WireDeleteJob,
    WirePauseJob,
    WireRequestRun,
    WireResumeJob,
)
from orc_gateway.answers import done_answer, json_answer, page_answer, position_headers
from orc_gateway.bodies import NoBody, PauseBody, check_job, read_body
from orc_gateway.commands import Commands
from orc_gateway.guards import ACCESS
from orc_gateway.reads import Reads
from orc_gateway.requests import AnyRequest, caller_of, expected_version
from orc_gateway.sql_rights import SqlRights, sql_of_job
from orc_runtime.access import Access
from orc_runtime.clock import Clock

JOBS_MAX = 10_000

Limit = Annotated[int, QueryParameter(ge=1, le=JOBS_MAX, description="At most so many.")]


def job_routes(
    commands: Commands, reads: Reads, egress: EgressPolicy, clock: Clock, sql_rights: SqlRights
) -> list[HTTPRouteHandler]:
    """Return the handlers of /jobs."""

    @post(
        "/jobs",
        status_code=200,
        operation_id="createJob",
        tags=["jobs"],
        summary="Create a job",
        opt={ACCESS: Access("operator", "jobs:write")},
    )
    async def create_job(request: AnyRequest) -> Response[JobWithTasks]:
        spec = await read_body(request, JobSpec)
        check_job(spec, egress, clock.now())
        sql_rights.check(request, sql_of_job(spec))
        done = await commands.give(WireCreateJob(spec=spec), caller_of(request))
        return done_answer(done, etag=True)

    @get(
        "/jobs",
        operation_id="listJobs",
        tags=["jobs"],
        summary="List jobs, the newest first",
        opt={ACCESS: Access("viewer", "jobs:read")},
    )
    async def list_jobs(
        limit: Limit = JOBS_MAX, after: FromQuery[UUID | None] = None
    ) -> Response[list[JobDefinition]]:
        page = await reads.jobs(limit, after)
        return page_answer(page, "/jobs", page.items[-1].job_id if page.items else None, limit=limit)

    @get(
        "/jobs/{job_id:str}",
        operation_id="getJob",
        tags=["jobs"],
        summary="Show a job with its tasks",
        opt={ACCESS: Access("viewer", "jobs:read")},
    )
    async def get_job(job_id: FromPath[UUID]) -> Response[JobWithTasks]:
        job = await reads.job(job_id, clock.now())
        if job is None:
            raise NotFound("job", job_id)
        return json_answer(job, {"ETag": f'"{job.version}"'})

    @put(
        "/jobs/{job_id:str}",
        operation_id="changeJob",
        tags=["jobs"],
        summary="Replace a job's definition",
        opt={ACCESS: Access("operator", "jobs:write")},
    )
    async def change_job(request: AnyRequest, job_id: FromPath[UUID]) -> Response[JobWithTasks]:
        version = expected_version(request, required=True)
        spec = await read_body(request, JobSpec)
        check_job(spec, egress, clock.now())
        wish = command = WireChangeJob(job_id=job_id, spec=spec, expected_version=version)
        if sql_rights.are_limited(request) and (sql := sql_of_job(spec)):
            before = await reads.job(job_id, clock.now())
            sql_rights.check(request, sql, before)
            if before is not None:
                # What was looked at must be what is changed: another version may not have had that SQL.
                command = structs.replace(command, expected_version=version or before.version)
        return done_answer(await commands.give(command, caller_of(request), wish=wish), etag=True)

    @delete(
        "/jobs/{job_id:str}",
        operation_id="deleteJob",
        tags=["jobs"],
        summary="Delete a job; its runs stay",
        opt={ACCESS: Access("operator", "jobs:write")},
    )
    async def delete_job(request: AnyRequest, job_id: FromPath[UUID]) -> Response[None]:
        version = expected_version(request, required=False)
        done = await commands.give(WireDeleteJob(job_id=job_id, expected_version=version), caller_of(request))
        return Response(None, status_code=204, headers=position_headers(done))

    @post(
        "/jobs/{job_id:str}/pause",
        status_code=200,
        operation_id="pauseJob",
        tags=["jobs"],
        summary="Stop the schedule",
        opt={ACCESS: Access("operator", "jobs:write")},
    )
    async def pause_job(request: AnyRequest, job_id: FromPath[UUID]) -> Response[JobWithTasks]:
        version = expected_version(request, required=False)
        body = await read_body(request, PauseBody, required=False)
        command = WirePauseJob(job_id=job_id, expected_version=version, reason=body.reason)
        return done_answer(await commands.give(command, caller_of(request)), etag=True)

    @post(
        "/jobs/{job_id:str}/resume",
        status_code=200,
        operation_id="resumeJob",
        tags=["jobs"],
        summary="Let the schedule go on",
        opt={ACCESS: Access("operator", "jobs:write")},
    )
    async def resume_job(request: AnyRequest, job_id: FromPath[UUID]) -> Response[JobWithTasks]:
        version = expected_version(request, required=False)
        await read_body(request, NoBody, required=False)
        command = WireResumeJob(job_id=job_id, expected_version=version)
        return done_answer(await commands.give(command, caller_of(request)), etag=True)

    @post(
        "/jobs/{job_id:str}/run",
        status_code=200,
        operation_id="runJob",
        tags=["jobs"],
        summary="Run a job now",
        opt={ACCESS: Access("operator", "runs:write")},
    )
    async def run_job(request: AnyRequest, job_id: FromPath[UUID]) -> Response[JobRun]:
        await read_body(request, NoBody, required=False)
        return done_answer(await commands.give(WireRequestRun(job_id=job_id), caller_of(request)))

    return [create_job, list_jobs, get_job, change_job, delete_job, pause_job, resume_job, run_job]
