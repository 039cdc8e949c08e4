"""A cursor that somebody sets is a fact of the job, and the runs requested after it are told."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from msgspec import structs

from orc_domain.job import (
    NO_JOB,
    ChangeJob,
    JobChanged,
    JobCreated,
    JobCursorSet,
    JobDeleted,
    NoCursor,
    SetCursor,
    evolve,
)
from orc_domain.job_spec import JobSpec, TaskSpec
from orc_domain.rejection import Invalid, NotFound, Stale
from orc_domain.requests import request_run, retry_run
from orc_domain.run import Run
from orc_domain.run_messages import CursorSet, RunRequested, RunWindow
from orc_events.scenario import Scenario
from orc_runtime.deciders import JOBS

JOB, RUN, BACKFILL = UUID(int=1), UUID(int=2), UUID(int=3)
AT = datetime(2026, 5, 4, 9, tzinfo=UTC)
KEEPS = {"type": "duckdb", "db_path": "a.db", "table_name": "t", "write_disposition": "append"}
PLAIN = TaskSpec({"type": "csv", "path": "b.csv"}, {"type": "discard"})
GOES_ON = TaskSpec({"type": "csv", "path": "b.csv", "incremental": {"cursor": "id"}}, KEEPS)
NEW_FILES = TaskSpec({"type": "csv", "path": "*.csv", "files": "new"}, KEEPS)
SPEC = JobSpec(job_name="orders", schedule="0 0 9 * * *", tasks=(PLAIN, GOES_ON, NEW_FILES))
CREATED = JobCreated(JOB, SPEC)


def job(*events):
    return Scenario(JOBS).given(CREATED, *events)


def told(*events, **more):
    """Return what each task of a run requested after these events is told of where to begin."""
    state = NO_JOB
    for event in (CREATED, *events):
        state = evolve(state, event, AT)
    wish = request_run(state, RUN, "backfill" if more else "scheduler", due_at=AT, **more)
    return [(task.cursor_set, task.window) for task in wish.tasks]


def test_a_cursor_is_set():
    """The job remembers the value under the version it had since, per task; the last one counts."""
    state = job(JobCursorSet(JOB, 2, "7")).when(SetCursor(2, "9")).then(JobCursorSet(JOB, 2, "9"))
    assert (state.version, state.cursors) == (3, {2: CursorSet(3, "9")})


def test_the_same_cursor_again_is_another_wish():
    """A target may have gone on in between, so saying it again is recorded again."""
    job(JobCursorSet(JOB, 2, "9")).when(SetCursor(2, "9")).then(JobCursorSet(JOB, 2, "9"))


def test_a_cursor_is_reset():
    """No value begins anew, which is all that can be said to a task that remembers files."""
    job().when(SetCursor(3, None)).then(JobCursorSet(JOB, 3, None))
    assert job().when(SetCursor(3, "a.csv")).rejected(Invalid).field == "value"


@pytest.mark.parametrize("order", [0, 4])
def test_a_task_that_is_not_there(order):
    """A cursor is set of a task that exists."""
    assert job().when(SetCursor(order, "9")).rejected(NotFound).code == "task-not-found"


def test_a_task_that_keeps_nothing():
    """A task that extracts everything each time has no cursor to set."""
    assert job().when(SetCursor(1, "9")).rejected(NoCursor).code == "no-cursor"


def test_a_stale_or_late_wish_is_refused():
    """Whoever looked at an older version is told to look again; a deleted job has no cursors."""
    job(JobChanged(JOB, SPEC)).when(SetCursor(2, "9", expected_version=1)).rejected(Stale)
    job(JobDeleted(JOB)).when(SetCursor(2, "9")).rejected(NotFound)


def test_runs_are_told():
    """A run holds the cursor of each task that has one; a run without any is told nothing."""
    assert told() == [(None, None)] * 3
    assert told(JobCursorSet(JOB, 2, "9"), JobCursorSet(JOB, 3, None)) == [
        (None, None),
        (CursorSet(2, "9"), None),
        (CursorSet(3, None), None),
    ]


def test_a_cursor_outlives_a_change():
    """A change of the job keeps what was set, for tasks that still keep a cursor."""
    without = structs.replace(SPEC, tasks=(PLAIN, PLAIN))
    events = JobCursorSet(JOB, 2, "9"), JobChanged(JOB, structs.replace(SPEC, job_name="other"))
    assert told(*events)[1] == (CursorSet(2, "9"), None)
    assert told(*events, JobChanged(JOB, without)) == [(None, None)] * 2
    job(*events).when(ChangeJob(without)).then(JobChanged(JOB, without))


def test_a_backfill_has_a_window():
    """A backfill's run extracts the span that ends with its instant, and no cursor is set for it."""
    window = RunWindow(datetime(2026, 5, 3, 9, tzinfo=UTC), AT)
    assert told(JobCursorSet(JOB, 2, "9"), backfill_id=BACKFILL) == [
        (None, None), (None, window), (None, None),
    ]  # fmt: skip


def test_a_retry_begins_where_its_run_did():
    """A retry of a run is told what that run was told."""
    state = evolve(evolve(NO_JOB, CREATED, AT), JobCursorSet(JOB, 2, "9"), AT)
    wish = request_run(state, RUN, "manual", at=AT)
    again = retry_run(Run(requested=RunRequested(**structs.asdict(wish)), status="failed"), UUID(int=9))
    assert again.tasks == wish.tasks
