"""Jobs over REST: every answer's code, body and headers."""

from uuid import uuid4

import pytest


async def create(client, body):
    answer = await client.post("/jobs", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_created_job_is_shown_and_listed(client, body):
    """What POST answers is what GET shows, and lists hold it without its tasks."""
    answer = await client.post("/jobs", json=body(description="x", schedule="0 0 9 * * *"))
    job = answer.json()
    shown = await client.get(f"/jobs/{job['job_id']}")
    listed = await client.get("/jobs")
    assert (answer.status_code, answer.headers["etag"], answer.headers["orc-position"]) == (200, '"1"', "1")
    assert (shown.status_code, shown.json(), shown.headers["etag"]) == (200, job, '"1"')
    assert listed.json() == [
        {name: value for name, value in job.items() if name not in {"next_due_at", "tasks"}}
    ]
    assert listed.headers["x-total-count"] == "1"
    assert [task["task_order"] for task in job["tasks"]] == [1]


async def test_change_needs_the_version(client, body):
    """PUT without If-Match is 428, with a stale one 412, with the right one or * it replaces the definition."""
    job = await create(client, body())
    path, wished = f"/jobs/{job['job_id']}", body(job_name="other")
    missing = await client.put(path, json=wished)
    stale = await client.put(path, json=wished, headers={"If-Match": '"7"'})
    odd = await client.put(path, json=wished, headers={"If-Match": "7"})
    done = await client.put(path, json=wished, headers={"If-Match": '"1"'})
    any_version = await client.put(path, json=body(job_name="third"), headers={"If-Match": "*"})
    assert [missing.status_code, stale.status_code, odd.status_code] == [428, 412, 400]
    assert (done.status_code, done.json()["job_name"], done.headers["etag"]) == (200, "other", '"2"')
    assert any_version.headers["etag"] == '"3"'
    assert (await client.get(path)).json() == any_version.json()


async def test_pause_and_resume(client, body):
    """Pausing and resuming show in the job; doing it twice changes nothing more."""
    job = await create(client, body(schedule="0 0 9 * * *"))
    path = f"/jobs/{job['job_id']}"
    paused = [await client.post(f"{path}/pause") for _ in range(2)]
    resumed = await client.post(f"{path}/resume")
    stale = await client.post(f"{path}/pause", headers={"If-Match": '"1"'})
    assert [(one.status_code, one.json()["is_active"], one.json()["version"]) for one in [*paused, resumed]] == [
        (200, False, 2), (200, False, 2), (200, True, 3),
    ]  # fmt: skip
    assert stale.status_code == 412


async def test_deleted_job_is_gone_and_its_runs_stay(client, gateway, body):
    """A job with an open run is not deleted; once deleted it is 404 everywhere, and its runs are still listed."""
    job = await create(client, body())
    path = f"/jobs/{job['job_id']}"
    run = (await client.post(f"{path}/run")).json()
    refused = await client.delete(path)
    await client.post(f"/runs/{run['run_id']}/cancel")
    stale = await client.delete(path, headers={"If-Match": '"9"'})
    deleted = await client.delete(path, headers={"If-Match": '"1"'})
    assert [refused.status_code, stale.status_code] == [409, 412]
    assert (deleted.status_code, deleted.content) == (204, b"")
    gone = [await client.get(path), await client.delete(path), await client.post(f"{path}/run")]
    assert [one.status_code for one in gone] == [404] * 3
    assert (await client.get("/jobs")).json() == []
    assert [one["run_id"] for one in (await client.get("/runs")).json()] == [run["run_id"]]


async def test_jobs_are_paged_newest_first(client, body):
    """Following the Link headers gives every job once, the newest first."""
    made = [(await create(client, body(job_name=f"job {n}")))["job_id"] for n in range(5)]
    found, url = [], "/jobs?limit=2"
    while url:
        page = await client.get(url)
        assert page.headers["x-total-count"] == "5"
        found.append([job["job_id"] for job in page.json()])
        url = page.links.get("next", {}).get("url")
    assert found == [made[:2:-1], made[2:0:-1], made[:1]]


@pytest.mark.parametrize("path", ["/jobs/{}", "/runs/{}", "/runs/{}/tasks", "/runs/{}/events"])
async def test_unknown_ids_are_404(client, path):
    """What does not exist is 404, as a problem that says what was looked for."""
    unknown = str(uuid4())
    answer = await client.get(path.format(unknown))
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert unknown in problem["detail"]
    assert problem["code"] in {"job-not-found", "run-not-found"}


async def test_other_words_of_http(client):
    """An unknown path is 404, a method that is not there 405 naming those that are."""
    nowhere, method = await client.get("/nowhere"), await client.patch(f"/jobs/{uuid4()}")
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "not-found")
    assert (method.status_code, method.json()["code"]) == (405, "method-not-allowed")
    assert {"GET", "PUT", "DELETE"} <= set(method.headers["allow"].split(", "))
