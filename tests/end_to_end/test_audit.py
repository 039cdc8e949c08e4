"""The log can be replayed and verified by anyone, and says so when it was tampered with."""

import json
import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from support.rest import task

ORC = Path(sys.executable).parent / "orc"


def orc(stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"ORC_HOME": str(stack.home)}
    return subprocess.run(
        [ORC, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture
def history(rest):
    """Make some jobs and runs, one of them failed."""
    job = rest.create_job("audited", task({"type": "inline", "rows": [{"n": 1}]}))
    broken = rest.create_job("broken", task({"type": "csv", "path": "nowhere.csv"}))
    for run in [rest.run(job), rest.run(job), rest.run(broken)]:
        rest.finished(run)
    return job


def test_replay_says_equal(stack, history):
    """Rebuilding the read tables from the log gives what is there."""
    result = orc(stack, "replay")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "equal" in result.stdout


async def test_replay_names_a_table_that_was_changed(stack, rest, history):
    """A row of a read table changed behind the log's back is found."""
    connection = await asyncpg.connect(stack.env["ORC_POSTGRES_SUPERUSER_URL"])
    try:
        await connection.execute(
            "UPDATE read.jobs SET job_name = 'forged' WHERE job_id = $1", history["job_id"]
        )
        assert orc(stack, "replay").returncode == 1
        await connection.execute(
            "UPDATE read.jobs SET job_name = 'audited' WHERE job_id = $1", history["job_id"]
        )
        assert orc(stack, "replay").returncode == 0
    finally:
        await connection.close()


async def test_verify_names_the_position_of_one_changed_byte(stack, history):
    """After one byte of one event is changed as superuser, `orc audit verify` names its position."""
    assert orc(stack, "audit", "verify").returncode == 0
    connection = await asyncpg.connect(stack.env["ORC_POSTGRES_SUPERUSER_URL"])
    try:
        await connection.execute("SET session_replication_role = replica")
        position, data = await connection.fetchrow(
            "SELECT position, data::text FROM log.events WHERE type = 'job.created' AND data::text LIKE '%audited%' LIMIT 1"
        )
        change = "UPDATE log.events SET data = $2::text::json WHERE position = $1"
        await connection.execute(change, position, data.replace("audited", "audifed"))
        result = orc(stack, "audit", "verify", "--json")
        await connection.execute(change, position, data)
        assert result.returncode == 1
        assert json.loads(result.stdout)["first_bad_position"] == position
        assert orc(stack, "audit", "verify").returncode == 0
    finally:
        await connection.close()
