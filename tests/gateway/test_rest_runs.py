"""Runs over REST: trigger, list, follow up, cancel, retry."""

from datetime import UTC, datetime

import pytest

from orc_domain.run_messages import FailAttempt, StartRun, SucceedTask, TaskResult

AT = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
async def job(client, body):
    two = body()["tasks"] * 2
    return (await client.post("/jobs", json=body(tasks=two))).json()


@pytest.fixture
async def run(client, job):
    return (await client.post(f"/jobs/{job['job_id']}/run")).json()


async def test_triggered_run_is_shown_and_listed(client, job):
    """What POST answers is what GET shows at once, and what the list holds."""
    answer = await client.post(f"/jobs/{job['job_id']}/run", json={})
    run = answer.json()
    assert answer.status_code == 200
    assert (run["status"], run["triggered_by"], run["job_id"]) == ("queued", "manual", job["job_id"])
    assert (await client.get(f"/runs/{run['run_id']}")).json() == run
    assert (await client.get("/runs")).json() == [run]


async def test_lists_are_filtered_counted_and_paged(client, gateway, job, body):
    """Filters, totals and pages agree, for every combination of job and state."""
    other = (await client.post("/jobs", json=body())).json()
    runs = [
        (await client.post(f"/jobs/{one['job_id']}/run")).json()["run_id"] for one in [job, job, job, other]
    ]
    await client.post(f"/runs/{runs[0]}/cancel")
    await gateway.say(runs[1], StartRun("test", AT))
    await gateway.say(runs[3], StartRun("test", AT))
    await gateway.say(runs[3], SucceedTask(1, 1, TaskResult(rows=1)))

    async def listed(query):
        answer = await client.get(f"/runs?{query}")
        return [run["run_id"] for run in answer.json()], int(answer.headers["x-total-count"])

    mine = f"job_id={job['job_id']}"
    assert await listed("") == (runs[::-1], 4)
    assert await listed(mine) == (runs[2::-1], 3)
    assert await listed("status=cancelled") == ([runs[0]], 1)
    assert await listed("status=success") == ([runs[3]], 1)
    assert await listed(f"status=running&{mine}") == ([runs[1]], 1)
    assert await listed(f"status=success&{mine}") == ([], 0)
    first = await client.get(f"/runs?limit=2&{mine}")
    rest = await client.get(first.links["next"]["url"])
    assert [run["run_id"] for run in first.json() + rest.json()] == runs[2::-1]
    assert rest.headers["x-total-count"] == "3"
    assert "next" not in rest.links


async def test_tasks_tell_what_became_of_them(client, gateway, run):
    """A task is queued, running, failed or done as the run goes on, and skipped when its turn never came."""
    path = f"/runs/{run['run_id']}/tasks"

    async def statuses():
        return [task["status"] for task in (await client.get(path)).json()]

    seen = [await statuses()]
    await gateway.say(run["run_id"], StartRun("test", AT))
    seen.append(await statuses())
    result = TaskResult(
        rows=3, bytes=9, seconds=0.5, receipt="r", cursor={"page": 2}, schema_changes=("+ a",)
    )
    await gateway.say(run["run_id"], SucceedTask(1, 1, result))
    seen.append(await statuses())
    failed = FailAttempt(
        attempt=1, kind="wrong_shape", message="no array", retryable=False, at=AT, jitter=0.0, task_order=2
    )
    await gateway.say(run["run_id"], failed)
    seen.append(await statuses())
    assert seen == [
        ["queued", "queued"],
        ["running", "queued"],
        ["success", "running"],
        ["success", "failed"],
    ]
    done, broken = (await client.get(path)).json()
    facts = ("rows", "bytes", "seconds", "receipt", "cursor", "schema_changes", "error_kind", "error_message")
    assert [done[name] for name in facts] == [3, 9, 0.5, "r", {"page": 2}, ["+ a"], None, None]
    assert [broken[name] for name in facts] == [None, None, None, None, None, [], "wrong_shape", "no array"]
    assert (await client.get(f"/runs/{run['run_id']}")).json()["error_message"] == "no array"


async def test_tasks_of_a_run_that_was_cancelled_early(client, run):
    """The task whose turn it was is cancelled, those after it were skipped."""
    await client.post(f"/runs/{run['run_id']}/cancel")
    tasks = (await client.get(f"/runs/{run['run_id']}/tasks")).json()
    assert [task["status"] for task in tasks] == ["cancelled", "skipped"]


async def test_cancel_and_retry(client, gateway, run):
    """A cancel is recorded with its reason and may be repeated; only an ended run is run again, as a new one."""
    path = f"/runs/{run['run_id']}"
    too_early = await client.post(f"{path}/retry")
    cancelled = [await client.post(f"{path}/cancel", json={"reason": "wrong file"}) for _ in range(2)]
    again = await client.post(f"{path}/retry")
    trail = (await client.get(f"{path}/events")).json()
    assert (too_early.status_code, too_early.json()["code"]) == (409, "run-not-retryable")
    assert [(one.status_code, one.json()["status"]) for one in cancelled] == [(200, "cancelled")] * 2
    assert [event["type"] for event in trail] == ["run.requested", "run.cancel_requested", "run.cancelled"]
    assert trail[1]["data"]["reason"] == "wrong file"
    assert (again.json()["retry_of"], again.json()["triggered_by"]) == (run["run_id"], "retry")


async def test_events_are_read_in_order(client, run):
    """/events goes through the log by position, filtered by type and stream, a page at a time."""
    whole = (await client.get("/events")).json()
    assert [event["position"] for event in whole] == [1, 2]
    first = await client.get("/events?limit=1")
    assert first.json() + (await client.get(first.links["next"]["url"])).json() == whole
    assert (await client.get("/events?type=run.requested")).json() == whole[1:]
    assert (await client.get(f"/events?stream=run-{run['run_id']}&after=0")).json() == whole[1:]
    assert (await client.get("/events?stream=run-nothing")).json() == []
    assert whole[1]["data"]["run_id"] == run["run_id"]
    assert set(whole[0]) == {
        "position", "stream", "version", "type", "schema_version", "data", "actor", "command_id", "correlation_id",
        "occurred_at", "recorded_at", "hash",
    }  # fmt: skip
