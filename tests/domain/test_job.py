"""The life of a job, and what its definition may say."""

from uuid import UUID

import pytest
from msgspec import structs

from orc_domain.job import (
    ChangeJob,
    CreateJob,
    DeleteJob,
    JobChanged,
    JobCreated,
    JobDeleted,
    JobPaused,
    JobResumed,
    OpenBackfills,
    OpenRuns,
    PauseJob,
    ResumeJob,
)
from orc_domain.job_spec import SPEC_BYTES_MAX, JobSpec, TaskSpec
from orc_domain.rejection import Conflict, Invalid, NotFound, Stale
from orc_events.scenario import LONG_AGO, Scenario
from orc_runtime.deciders import JOBS

JOB = UUID(int=1)
SPEC = JobSpec(
    job_name="flights",
    schedule="0 0 9 * * *",
    tasks=(TaskSpec({"type": "inline", "rows": [{"n": 1}]}, {"type": "discard"}),),
)
CREATED = JobCreated(JOB, SPEC)
OTHER = structs.replace(SPEC, job_name="trains")


def job(*events):
    return Scenario(JOBS).given(*events)


def rows(*values):
    task = TaskSpec({"type": "inline", "rows": [{"n": value} for value in values]}, {"type": "discard"})
    return structs.replace(SPEC, tasks=(task,))


def test_a_job_is_created():
    """A job begins with its whole definition."""
    state = job().when(CreateJob(JOB, SPEC)).then(CREATED)
    assert (state.exists, state.spec, state.created_at, state.version) == (True, SPEC, LONG_AGO, 1)


def test_a_job_is_created_once():
    """An id is used once, even after the job was deleted."""
    assert job(CREATED).when(CreateJob(JOB, OTHER)).rejected(Conflict).code == "job-exists"
    job(CREATED, JobDeleted(JOB)).when(CreateJob(JOB, SPEC)).rejected(Conflict)


def test_a_job_is_changed():
    """A change replaces the whole definition; the same one again changes nothing."""
    state = job(CREATED).when(ChangeJob(OTHER)).then(JobChanged(JOB, OTHER))
    assert (state.spec, state.version) == (OTHER, 2)
    job(CREATED).when(ChangeJob(SPEC)).then()


@pytest.mark.parametrize(("before", "after"), [(1, True), (1, 1.0), (0, False)])
def test_a_change_of_type_alone_is_a_change(before, after):
    """What JSON tells apart is told apart, though to Python it is equal."""
    job(JobCreated(JOB, rows(before))).when(ChangeJob(rows(after))).then(JobChanged(JOB, rows(after)))


def test_a_schedule_is_paused_and_resumed():
    """Pausing and resuming say something only when they change something."""
    paused = job(CREATED).when(PauseJob()).then(JobPaused(JOB))
    assert paused.spec == structs.replace(SPEC, is_active=False)
    job(CREATED, JobPaused(JOB)).when(PauseJob()).then()
    assert job(CREATED, JobPaused(JOB)).when(ResumeJob()).then(JobResumed(JOB)).spec == SPEC
    job(CREATED).when(ResumeJob()).then()


def test_a_job_is_deleted():
    """A deleted job takes no further wish."""
    assert not job(CREATED).when(DeleteJob(0)).then(JobDeleted(JOB)).exists
    for command in (ChangeJob(OTHER), PauseJob(), ResumeJob(), DeleteJob(0)):
        job(CREATED, JobDeleted(JOB)).when(command).rejected(NotFound)
        job().when(command).rejected(NotFound)


def test_a_job_with_open_runs_stays():
    """A job is not deleted under its runs."""
    job(CREATED).when(DeleteJob(2)).rejected(OpenRuns)


def test_a_job_with_open_backfills_stays():
    """Nor is one that a backfill would go on asking for runs of."""
    job(CREATED).when(DeleteJob(0, open_backfills=1)).rejected(OpenBackfills)


@pytest.mark.parametrize("wish", [ChangeJob(OTHER, 1), PauseJob(1), ResumeJob(1), DeleteJob(0, 1)])
def test_a_stale_wish_is_refused(wish):
    """Whoever looked at an older version is told to look again."""
    job(CREATED, JobChanged(JOB, SPEC)).when(wish).rejected(Stale)


def test_a_wish_at_the_current_version_is_taken():
    """The version that was looked at is the current one."""
    job(CREATED).when(ChangeJob(OTHER, 1)).then(JobChanged(JOB, OTHER))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"job_name": "  "}, "job_name"),
        ({"job_name": "a\x7f"}, "job_name"),
        ({"job_name": "a\ud800"}, "job_name"),
        ({"pool": "Default"}, "pool"),
        ({"pool": "default\n"}, "pool"),
        ({"pool": "orc.work"}, "pool"),
        ({"schedule": "every day"}, "schedule"),
        ({"timezone": "Europe/Atlantis"}, "timezone"),
        ({"tasks": (*SPEC.tasks, TaskSpec({"type": "csv"}, {}))}, "tasks[1].extractor_config.path"),
        (
            {"tasks": (TaskSpec({"type": "csv", "path": "a"}, {"type": "x"}),)},
            "tasks[0].loader_config.type",
        ),
    ],
)
def test_a_definition_is_judged(changes, field):
    """A definition that cannot be meant is refused at create and at change, naming the field."""
    spec = structs.replace(SPEC, **changes)
    assert Scenario(JOBS).when(CreateJob(JOB, spec)).rejected(Invalid).field == field
    assert job(CREATED).when(ChangeJob(spec)).rejected(Invalid).field == field


def test_a_definition_fits_its_runs():
    """A definition too large for the event of a run is refused before it is one of a job."""
    spec = rows("a" * SPEC_BYTES_MAX)
    assert job().when(CreateJob(JOB, spec)).rejected(Invalid).field == "tasks"
