"""`python -m orc_gateway.replay` proves that the read tables are what the log says."""

import json
import os
import subprocess
import sys

import asyncpg
import pytest

from orc_domain.run_messages import StartRun
from orc_gateway.replay import replay, told
from orc_runtime.clock import SystemClock


@pytest.fixture
async def history(gateway, client, body):
    """Make a job and three runs of it, in different states."""
    job = (await client.post("/jobs", json=body())).json()
    runs = [(await client.post(f"/jobs/{job['job_id']}/run")).json() for _ in range(3)]
    await client.post(f"/runs/{runs[0]['run_id']}/cancel")
    await gateway.say(runs[1]["run_id"], StartRun("test", SystemClock().now()))
    return runs


async def superuser(database, statement, *values):
    connection = await asyncpg.connect(database.superuser_url)
    try:
        return await connection.fetch(statement, *values)
    finally:
        await connection.close()


async def test_untouched_tables_are_equal(database, history):
    """Tables nobody touched are equal, row counts and position are told, and nothing is left behind."""
    report = await replay(database.url("orc_auditor"))
    assert (report.equal, report.position, report.head) == (True, 7, 7)
    assert {table.table: table.rows for table in report.tables} == {
        "jobs": 1, "tasks": 1, "backfills": 0, "runs": 3, "run_tasks": 0, "run_counts": 3, "ticks": 0,
    }  # fmt: skip
    assert told(report).startswith("equal at position 7: 7 events folded")
    assert await superuser(database, "SELECT 1 FROM pg_namespace WHERE nspname LIKE 'replay%'") == []


async def test_state_that_no_run_is_in_any_more(database, client, body):
    """A count that went back to nothing is equal to one that never was."""
    job = (await client.post("/jobs", json=body())).json()
    run = (await client.post(f"/jobs/{job['job_id']}/run")).json()
    await client.post(f"/runs/{run['run_id']}/cancel")
    live = await superuser(database, "SELECT status, runs FROM read.run_counts ORDER BY status")
    report = await replay(database.url("orc_auditor"))
    assert [tuple(row) for row in live] == [("cancelled", 1), ("queued", 0)]
    assert (report.equal, report.tables[-2].rows) == (True, 1)


@pytest.mark.parametrize(
    ("change", "table", "columns"),
    [
        ("UPDATE read.runs SET status = 'success' WHERE run_id = $1", "runs", {"status": ("success", "queued")}),
        ("UPDATE read.jobs SET job_name = $1::uuid::text", "jobs", {"job_name": ("{run}", "planes")}),
        ("DELETE FROM read.runs WHERE run_id = $1", "runs", None),
        ("UPDATE read.tasks SET loader_config = json_build_object('x', $1::uuid)", "tasks", None),
        ("UPDATE read.run_counts SET runs = 9 WHERE status = 'queued' AND $1::uuid IS NOT NULL", "run_counts", {"runs": (9, 1)}),
    ],
)  # fmt: skip
async def test_changed_tables_are_named(database, history, change, table, columns):
    """A row that was changed or removed behind the log's back is named, with what differs."""
    run_id = history[2]["run_id"]
    await superuser(database, change, run_id)
    report = await replay(database.url("orc_auditor"))
    found = [one for one in report.tables if one.differing]
    assert not report.equal
    assert [(one.table, one.differing) for one in found] == [(table, 1)]
    if columns is not None:
        wanted = {name: (run_id if live == "{run}" else live, then) for name, (live, then) in columns.items()}
        assert found[0].differences[0].columns == wanted
    assert told(report).startswith("DIFFERENT at position 7")


async def test_added_row_is_named(database, history):
    """A row the log knows nothing of is found too."""
    await superuser(
        database,
        "INSERT INTO read.runs SELECT gen_random_uuid(), job_id, status, triggered_by, started_at, finished_at,"
        " error_message, attempt, cancel_requested, due_at, retry_of, retry_at, pool, created_at, updated_at, 99,"
        " backfill_id, priority"
        " FROM read.runs WHERE run_id = $1",
        history[2]["run_id"],
    )
    report = await replay(database.url("orc_auditor"))
    assert {table.table: table.differing for table in report.tables if table.differing} == {"runs": 1}


async def test_schema_of_a_killed_replay_is_removed(database, history):
    """What a replay that was killed left behind goes with the next one; what another is using stays."""
    auditor = await asyncpg.connect(database.url("orc_auditor"))
    try:
        await auditor.execute("CREATE SCHEMA replay_1; CREATE SCHEMA replay_2")
        await auditor.execute("SELECT pg_advisory_lock(hashtext('orc_gateway.replay'), 2)")
        assert (await replay(database.url("orc_auditor"))).equal
        left = await superuser(database, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'replay%'")
        assert [row["nspname"] for row in left] == ["replay_2"]
    finally:
        await auditor.close()


async def test_rebuild_gives_the_same_tables(gateway, client, database, history):
    """Emptied and folded anew by the running projector, the tables are what they were."""
    before = [(await client.get(path)).json() for path in ("/jobs", "/runs")]
    await gateway.projector.rebuild()
    # Written after the rebuild, so that passing it means that all before was folded again.
    await client.post(f"/runs/{history[2]['run_id']}/cancel")
    assert (await replay(database.url("orc_auditor"))).equal
    after = [(await client.get(path)).json() for path in ("/jobs", "/runs")]
    assert after[0] == before[0]
    assert after[1][1:] == before[1][1:]


async def test_command(database, history):
    """As a command it prints the verdict, as words or JSON, and its exit code is the verdict."""
    environment = {**os.environ, "ORC_AUDITOR_DATABASE_URL": database.url("orc_auditor")}
    command = [sys.executable, "-m", "orc_gateway.replay"]

    def run(*arguments, **changes):
        return subprocess.run(
            [*command, *arguments], env=environment | changes, capture_output=True, text=True, check=False
        )

    words, as_json = run(), run("--json")
    assert (words.returncode, words.stdout.split()[0]) == (0, "equal")
    assert json.loads(as_json.stdout)["equal"] is True
    await superuser(database, "DELETE FROM read.jobs")
    assert run("--json").returncode == 1
    nowhere = run(ORC_AUDITOR_DATABASE_URL="postgresql://nobody@127.0.0.1:1/x")
    assert (nowhere.returncode, nowhere.stdout) == (2, "")
