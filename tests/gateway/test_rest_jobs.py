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


TERMS = {
    "schedules": ["0 0 12 * * *"],
    "timezone": "Europe/Paris",
    "dst": {"gap": "skip", "overlap": "both"},
    "exclude": ["2098-12-25", "0 0 0 1 1 *"],
    "starts_at": "2090-01-01T00:00:00+01:00",
    "ends_at": "2098-01-01T00:00:00Z",
    "jitter_seconds": 1.5,
    "catch_up": {"mode": "last", "window_seconds": 3600, "max": 7},
    "start_deadline_seconds": 90.0,
    "overlap": {"mode": "queue", "max": 2},
    "retry": {"attempts_max": 5, "initial_seconds": 0.5, "max_seconds": 9.0},
    "timeouts": {"queue_seconds": 60.0, "run_seconds": 50.0, "task_seconds": 40.0},
    "pause_after_failures": 3,
    "priority": 9,
    "concurrency_max": 4,
}


async def test_every_field_is_kept_and_shown(client, body):
    """What a definition says is what POST, GET, the list and PUT show, next instants included."""
    job = await create(client, body(schedule="0 0 9 * * *", **TERMS))
    assert {name: job[name] for name in TERMS} == TERMS
    assert job["next_due_at"] == [
        "2090-01-01T09:00:00+01:00",
        "2090-01-01T12:00:00+01:00",
        "2090-01-02T09:00:00+01:00",
        "2090-01-02T12:00:00+01:00",
        "2090-01-03T09:00:00+01:00",
    ]
    path = f"/jobs/{job['job_id']}"
    assert (await client.get(path)).json() == job
    (listed,) = (await client.get("/jobs")).json()
    assert {name: listed[name] for name in TERMS} == TERMS
    changed = await client.put(path, json=body(priority=-9, schedule="@manual"), headers={"If-Match": "*"})
    assert (changed.json()["priority"], changed.json()["dst"], changed.json()["next_due_at"]) == (
        -9,
        {"gap": "shift", "overlap": "first"},
        [],
    )
    assert (await client.get(path)).json() == changed.json()


async def test_repeated_create_gets_the_first_answer(client, gateway, body):
    """The same key is answered with the very same bytes, though the next instants have moved on since."""
    wish, key = body(schedule="* * * * * *"), {"Idempotency-Key": "once"}
    first = await client.post("/jobs", json=wish, headers=key)
    shown = await client.get(f"/jobs/{first.json()['job_id']}")
    while shown.json()["next_due_at"] == first.json()["next_due_at"]:
        shown = await client.get(f"/jobs/{first.json()['job_id']}")
    again = await client.post("/jobs", json=wish, headers=key)
    assert again.content == first.content
    assert len(first.json()["next_due_at"]) == 5


async def test_run_shows_its_priority(client, body):
    """A run shows what ranks it, and no backfill."""
    job = await create(client, body(priority=9))
    run = (await client.post(f"/jobs/{job['job_id']}/run")).json()
    assert (run["priority"], run["backfill_id"]) == (9, None)
    assert (await client.get(f"/runs/{run['run_id']}")).json() == run


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


async def test_pause_says_why(client, body):
    """A pause's reason is shown while the schedule is paused, in the log for ever; without one it is empty."""
    job = await create(client, body(schedule="0 0 9 * * *"))
    path = f"/jobs/{job['job_id']}"
    paused = (await client.post(f"{path}/pause", json={"reason": "moving house"})).json()
    assert (paused["is_active"], paused["pause_reason"], paused["next_due_at"]) == (False, "moving house", [])
    assert (await client.get(path)).json() == paused
    resumed = (await client.post(f"{path}/resume")).json()
    assert (resumed["pause_reason"], len(resumed["next_due_at"])) == (None, 5)
    again = (await client.post(f"{path}/pause")).json()
    assert (again["pause_reason"], (await client.get(path)).json()) == ("", again)
    events = (await client.get(f"/events?stream=job-{job['job_id']}&type=job.paused")).json()
    assert [event["data"]["reason"] for event in events] == ["moving house", ""]


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
