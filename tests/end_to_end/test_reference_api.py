"""Every call of the reference's API page, its bodies verbatim, answered as that page says."""

from uuid import UUID, uuid4

JOB_FIELDS = {"job_id", "job_name", "description", "schedule", "is_active", "created_at", "updated_at"}
RUN_FIELDS = {
    "run_id", "job_id", "status", "triggered_by", "started_at", "finished_at", "error_message", "created_at", "updated_at",
}  # fmt: skip
EXAMPLE_TASKS = [
    {
        "extractor_config": {"type": "api", "url": "https://api.example.com/data"},
        "loader_config": {"type": "duckdb", "db_path": "data.db", "table_name": "my_table"},
    },
    {
        "extractor_config": {"type": "csv", "path": "/path/to/data.csv"},
        "loader_config": {"type": "duckdb", "db_path": "data.db", "table_name": "my_table"},
    },
    {
        "extractor_config": {"type": "parquet", "path": "/path/to/data.parquet"},
        "loader_config": {"type": "duckdb", "db_path": "data.db", "table_name": "my_table"},
    },
]


def example(**changes: object) -> dict[str, object]:
    body = {
        "job_name": "string",
        "description": "string",
        "schedule": "0 0 9 * * *",
        "is_active": True,
        "tasks": EXAMPLE_TASKS,
    }
    return body | changes


def test_health(rest):
    """GET /health answers 200."""
    assert rest.http.get("/health").status_code == 200


def test_register_and_login_with_the_example_bodies(rest):
    """The page's own user can be registered and logs in with a token; a second registration is a conflict."""
    body = {"username": "myuser", "password": "mypassword"}
    registered = rest.http.post("/auth/register", json=body)
    assert registered.status_code == 200, registered.text
    assert set(registered.json()) >= {"user_id", "username", "created_at", "updated_at"}
    assert "password" not in registered.text
    logged_in = rest.http.post("/auth/login", json=body)
    assert logged_in.status_code == 200
    assert set(logged_in.json()) == {"token", "expires_at", "refresh_token"}
    assert rest.http.post("/auth/register", json=body).status_code == 409
    assert rest.http.post("/auth/login", json=body | {"password": "wrong"}).status_code == 401
    me = rest.http.get("/jobs", headers={"Authorization": f"Bearer {logged_in.json()['token']}"})
    assert me.status_code == 200


def test_create_read_and_list_a_job_with_the_example_body(rest):
    """A job of the page's three extractors is created, found by id with its tasks, and listed."""
    created = rest.http.post("/jobs", json=example())
    assert created.status_code == 200, created.text
    job = created.json()
    assert set(job) >= JOB_FIELDS
    found = rest.http.get(f"/jobs/{job['job_id']}")
    assert found.status_code == 200
    assert found.json() == job
    assert [t["extractor_config"] for t in found.json()["tasks"]] == [
        t["extractor_config"] for t in EXAMPLE_TASKS
    ]
    assert [t["task_order"] for t in found.json()["tasks"]] == [1, 2, 3]
    listed = rest.http.get("/jobs")
    assert listed.status_code == 200
    assert job["job_id"] in [entry["job_id"] for entry in listed.json()]
    assert rest.http.delete(f"/jobs/{job['job_id']}").status_code == 204


def test_description_may_be_null_and_schedule_manual(rest):
    """The page's other spellings, a null description and @manual, are taken too."""
    created = rest.http.post("/jobs", json=example(description=None, schedule="@manual"))
    assert created.status_code == 200
    assert created.json()["description"] is None


def test_trigger_and_follow_a_run(rest):
    """A job is triggered by hand; the run is listed, read by id, and carries the page's fields."""
    job = rest.http.post("/jobs", json=example(schedule="@manual", tasks=EXAMPLE_TASKS[1:2])).json()
    triggered = rest.http.post(f"/jobs/{job['job_id']}/run")
    assert triggered.status_code == 200
    run = triggered.json()
    assert set(run) >= RUN_FIELDS
    assert (run["status"], run["triggered_by"], run["started_at"]) == ("queued", "manual", None)
    assert UUID(run["run_id"])
    assert run["run_id"] in [entry["run_id"] for entry in rest.http.get("/runs").json()]
    ended = rest.finished(run)
    assert set(ended) >= RUN_FIELDS
    assert ended["status"] == "failed"
    assert "data.csv" in ended["error_message"]


def test_unknown_ids_are_404(rest):
    """A job or run that does not exist is 404, for reading and for triggering."""
    for call in (
        rest.http.get(f"/jobs/{uuid4()}"),
        rest.http.get(f"/runs/{uuid4()}"),
        rest.http.post(f"/jobs/{uuid4()}/run"),
    ):
        assert call.status_code == 404
        assert call.headers["content-type"].startswith("application/problem+json")
