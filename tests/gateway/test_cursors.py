"""Where a task is, and where its next run begins, over REST."""

from datetime import datetime

import pytest

from orc_domain.run_messages import StartRun, SucceedTask, TableLoad, TaskResult
from orc_runtime.clock import SystemClock

KEEPS = {"type": "duckdb", "db_path": "a.db", "table_name": "t", "write_disposition": "append"}
GOES_ON = {
    "extractor_config": {"type": "csv", "path": "b.csv", "incremental": {"cursor": "id"}},
    "loader_config": KEEPS,
}
PLAIN = {"extractor_config": {"type": "csv", "path": "b.csv"}, "loader_config": KEEPS}


@pytest.fixture
async def path(client, body):
    """Make a job whose first task goes on, and return where its tasks are."""
    made = await client.post("/jobs", json=body(tasks=[GOES_ON, PLAIN]))
    return f"/jobs/{made.json()['job_id']}"


async def load(client, gateway, path, *results):
    """Run the job as an executor would and return the run."""
    run = (await client.post(f"{path}/run")).json()
    await gateway.say(run["run_id"], StartRun("test", SystemClock().now()))
    for order, result in enumerate(results, start=1):
        await gateway.say(run["run_id"], SucceedTask(1, order, result))
    return run["run_id"]


def at(value):
    return TaskResult(rows=1, cursor={"column": "id", "value": value})


async def test_a_cursor_is_set_until_a_run_began_there(client, gateway, path):
    """Nothing at first; then what was set; after a run that was told of it, that run's own cursor alone."""
    assert (await client.get(f"{path}/tasks/1/cursor")).json() == {"cursor": None, "set": None}
    await load(client, gateway, path, at("3"), TaskResult(rows=1))
    done = await client.post(f"{path}/tasks/1/cursor", json={"value": "9"})
    assert (done.status_code, done.json()["version"], done.headers["ETag"]) == (200, 2, '"2"')
    shown = (await client.get(f"{path}/tasks/1/cursor")).json()
    assert datetime.fromisoformat(shown["set"].pop("at")).utcoffset() is not None
    assert shown == {"cursor": {"column": "id", "value": "3"}, "set": {"value": "9", "version": 2}}
    await load(client, gateway, path, at("12"), TaskResult(rows=1))
    assert (await client.get(f"{path}/tasks/1/cursor")).json() == {
        "cursor": {"column": "id", "value": "12"}, "set": None,
    }  # fmt: skip


async def test_a_run_that_was_requested_before_does_not_count(client, gateway, path):
    """A cursor set while a run is open is for the next one, however late that run ends."""
    run = (await client.post(f"{path}/run")).json()
    await client.post(f"{path}/tasks/1/cursor", json={"value": None})
    await gateway.say(run["run_id"], StartRun("test", SystemClock().now()))
    await gateway.say(run["run_id"], SucceedTask(1, 1, at("3")))
    shown = (await client.get(f"{path}/tasks/1/cursor")).json()
    assert (shown["cursor"]["value"], shown["set"]["value"], shown["set"]["version"]) == ("3", None, 2)


@pytest.mark.parametrize(
    ("where", "said", "refusal"),
    [
        ("/tasks/2/cursor", {"value": "9"}, (409, "no-cursor")),
        ("/tasks/3/cursor", {"value": "9"}, (404, "task-not-found")),
        ("/tasks/1/cursor", {}, (400, "invalid")),
        ("/tasks/1/cursor", {"value": 9}, (400, "invalid")),
        ("/tasks/0/cursor", {"value": "9"}, (400, "invalid")),
        ("/tasks/x/cursor", {"value": "9"}, (404, "not-found")),
    ],
)
async def test_a_cursor_that_cannot_be_set(client, path, where, said, refusal):
    """What is not a task with a cursor, or no cursor, is refused with its reason, and nothing changes."""
    refused = await client.post(path + where, json=said)
    assert (refused.status_code, refused.json()["code"]) == refusal
    assert (await client.get(path)).json()["version"] == 1


async def test_a_cursor_of_a_version(client, path):
    """With If-Match, a job that changed since is left as it is; the same key is done once."""
    stale = await client.post(f"{path}/tasks/1/cursor", json={"value": "9"}, headers={"If-Match": '"7"'})
    keyed = [
        await client.post(f"{path}/tasks/1/cursor", json={"value": value}, headers={"Idempotency-Key": "k"})
        for value in ("9", "9", "8")
    ]
    assert (stale.status_code, [one.status_code for one in keyed]) == (412, [200, 200, 409])
    assert keyed[1].content == keyed[0].content
    assert (await client.get(path)).json()["version"] == 2


async def test_a_key_is_of_one_task(client, body):
    """The same key for two tasks is two wishes, since their paths are not the same."""
    job_id = (await client.post("/jobs", json=body(tasks=[GOES_ON, GOES_ON]))).json()["job_id"]
    done = [
        await client.post(
            f"/jobs/{job_id}/tasks/{order}/cursor", json={"value": "9"}, headers={"Idempotency-Key": "k"}
        )
        for order in (1, 2)
    ]
    assert [one.json().get("version") for one in done] == [2, 3]


async def test_a_cursor_changes_no_schedule(client, path):
    """A paused job stays paused, an active one active, and its version moves on."""
    seen = []
    for then in ("pause", "resume"):
        await client.post(f"{path}/tasks/1/cursor", json={"value": "9"})
        job = (await client.get(path)).json()
        seen.append((job["is_active"], job["version"]))
        await client.post(f"{path}/{then}")
    assert seen == [(True, 2), (False, 4)]


async def test_no_cursor_of_no_job(client, path):
    """A job or task that is not there has none."""
    unknown = await client.get("/jobs/00000000-0000-0000-0000-000000000001/tasks/1/cursor")
    assert (unknown.status_code, (await client.get(f"{path}/tasks/3/cursor")).status_code) == (404, 404)


async def test_all_that_a_task_told(client, gateway, path):
    """Tables, bad rows, warnings and columns of a result are shown with the task; one that told none has none."""
    told = TaskResult(
        rows=5, tables=(TableLoad(table="t", rows=5, inserted=3, updated=2),), bad_rows=4,
        warnings=("a check was not met",), columns={"id": "BIGINT"},
    )  # fmt: skip
    run_id = await load(client, gateway, path, told, TaskResult(rows=1))
    names = ("tables", "bad_rows", "warnings", "columns")
    shown = [
        tuple(task[name] for name in names) for task in (await client.get(f"/runs/{run_id}/tasks")).json()
    ]
    assert shown == [
        ([{"table": "t", "rows": 5, "inserted": 3, "updated": 2}], 4, ["a check was not met"], {"id": "BIGINT"}),
        ([], 0, [], None),
    ]  # fmt: skip
