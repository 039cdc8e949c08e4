"""Who may set SQL: where tokens are required an admin, elsewhere anybody."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from gateway.people import first_admin, person

QUERY = "SELECT id FROM orders WHERE day = '{{ due_at:%Y-%m-%d }}'"
NEW, NEWER = "SELECT 1", "SELECT 2"
CHECK = "SELECT id FROM t WHERE id < 0"


def extract(query=QUERY, connection="shop"):
    return {"type": "sql", "connection": {"secret": connection}, "query": query}


def load(*queries, db_path="shop.duckdb"):
    checks = [{"type": "row_count", "min": 0}, *({"type": "sql", "query": query} for query in queries)]
    return {"type": "duckdb", "db_path": db_path, "table_name": "t", "checks": checks}


def task(extractor=None, loader=None):
    return {"extractor_config": extractor or extract(), "loader_config": loader or load(CHECK)}


PLAIN = {"extractor_config": {"type": "inline", "rows": [{"n": 1}]}, "loader_config": {"type": "discard"}}


@pytest.fixture
async def required(start_gateway):
    gateway = await start_gateway(auth=True, mode="required")
    async with gateway.client() as client:
        yield client


@pytest.fixture
async def tokens(required, start_gateway):
    admin = await first_admin(required, start_gateway.bootstrap)
    _, operator = await person(required, admin, "olga", "operator")
    return {"admin": admin, "operator": operator}


@pytest.fixture
async def job(required, tokens, body):
    """Have a job with SQL, which an admin made."""
    return (await required.post("/jobs", json=body(tasks=[task(), PLAIN]), headers=tokens["admin"])).json()


@pytest.fixture
def change(required, tokens, body, job):
    """Change the job as an operator, at the version it has."""

    async def put(*tasks, version=None, key=None, role="operator", **more):
        headers = tokens[role] | {"If-Match": version or f'"{job["version"]}"'}
        headers |= {"Idempotency-Key": key} if key else {}
        return await required.put(
            f"/jobs/{job['job_id']}", json=body(tasks=list(tasks), **more), headers=headers
        )

    return put


def refused(answer):
    """Return the fields that a 403 names."""
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    said = answer.json()
    assert said["code"] == "forbidden"
    assert {one["detail"] for one in said["errors"]} == {"only an admin may set SQL"}
    return [one["field"] for one in said["errors"]]


async def test_creating_a_job(required, tokens, body):
    """An operator may not, whichever field it is, and is told each; an admin may; without SQL both may."""
    tasks = [PLAIN, task(loader=load(CHECK, NEW)), task(PLAIN["extractor_config"])]
    answer = await required.post("/jobs", json=body(tasks=tasks), headers=tokens["operator"])
    assert refused(answer) == [
        "tasks[1].extractor_config.query",
        "tasks[1].loader_config.checks[1].query",
        "tasks[1].loader_config.checks[2].query",
        "tasks[2].loader_config.checks[1].query",
    ]
    table = extract() | {"table": "orders"}
    del table["query"]
    without = body(tasks=[task(table, load())])
    made = [
        (await required.post("/jobs", json=body(tasks=tasks), headers=tokens["admin"])).status_code,
        (await required.post("/jobs", json=without, headers=tokens["operator"])).status_code,
    ]
    assert made == [200, 200]
    assert len((await required.get("/jobs", headers=tokens["admin"])).json()) == 2


async def test_what_a_job_has_already_stays(change):
    """An operator changes all else of it, moves its tasks and drops some."""
    answer = await change(PLAIN, task(), description="other", schedule="@daily", timezone="Europe/Berlin")
    assert (answer.status_code, answer.json()["description"]) == (200, "other")
    again = await change(PLAIN, version=f'"{answer.json()["version"]}"')
    assert again.status_code == 200
    # Once it is gone it is new.
    assert refused(await change(task(), version=f'"{again.json()["version"]}"'))


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        (task(extract(QUERY + " ")), ["extractor_config.query"]),
        (task(extract(connection="payroll")), ["extractor_config.query"]),
        (task(loader=load(CHECK.lower())), ["loader_config.checks[1].query"]),
        (task(loader=load(CHECK, CHECK + ";")), ["loader_config.checks[2].query"]),
        (task(loader=load(CHECK, db_path="payroll.duckdb")), ["loader_config.checks[1].query"]),
        (task(extract(CHECK), load(QUERY)), ["extractor_config.query", "loader_config.checks[1].query"]),
    ],
)
async def test_what_is_new_in_a_job(change, changed, fields):
    """Another text, and the same text on another connection, file or side, is an admin's to set."""
    answer = await change(changed)
    assert refused(answer) == [f"tasks[0].{field}" for field in fields]
    assert (await change(changed, role="admin")).status_code == 200


async def test_a_change_of_any_version(change, required, tokens, job):
    """Where no version is named, it is the one that was looked at; asked again with the key, it is the same change."""
    first = await change(task(), version="*", key="k", description="other")
    again = await change(task(), version="*", key="k", description="other")
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["version"] == again.json()["version"]
    stale = await change(task(), description="older")
    assert stale.status_code == 412
    missing = await required.put(
        f"/jobs/{UUID(int=9)}", json={"job_name": "x", "schedule": "@manual", "tasks": [task()]},
        headers=tokens["operator"] | {"If-Match": "*"},
    )  # fmt: skip
    assert refused(missing)


async def test_a_preview(required, tokens):
    """It runs the source's SQL, so an operator may preview none; what else may be previewed goes on to an executor."""
    answer = await required.post("/tasks/preview", json=task(), headers=tokens["operator"])
    assert refused(answer) == ["extractor_config.query", "loader_config.checks[1].query"]
    only = {"extractor_config": extract(NEWER)}
    assert refused(await required.post("/tasks/preview", json=only, headers=tokens["operator"]))
    statuses = [
        (await required.post("/tasks/preview", json=task(), headers=tokens["admin"])).status_code,
        (await required.post("/tasks/preview", json=PLAIN, headers=tokens["operator"])).status_code,
    ]
    assert statuses == [503, 503]


async def test_invalid_is_told_first(required, tokens, body):
    """A definition that nobody may have is 400 for an operator, too."""
    wrong = body(tasks=[task(extract("  "))])
    assert (await required.post("/jobs", json=wrong, headers=tokens["operator"])).status_code == 400


async def test_optional_mode(start_gateway, body, tokens):
    """Everybody may, with a token or without one."""
    gateway = await start_gateway(auth=True)
    async with gateway.client() as client:
        for headers in ({}, tokens["operator"]):
            made = await client.post("/jobs", json=body(tasks=[task()]), headers=headers)
            changed = await client.put(
                f"/jobs/{made.json()['job_id']}", json=body(tasks=[task(extract(NEW))]),
                headers=headers | {"If-Match": "*"},
            )  # fmt: skip
            looked = await client.post("/tasks/preview", json=task(extract(NEW)), headers=headers)
            assert [made.status_code, changed.status_code, looked.status_code] == [200, 200, 503]


async def test_sql_that_was_just_taken_away(start_gateway, tokens, body, monkeypatch):
    """Where the read tables are behind and still show it, a change of any version is 412: it is not what was looked at."""
    gateway = await start_gateway(auth=True, mode="required")
    async with gateway.client() as client:
        made = (await client.post("/jobs", json=body(tasks=[task()]), headers=tokens["admin"])).json()
        path, anyone = f"/jobs/{made['job_id']}", {"If-Match": "*"}
        before = await gateway.reads.job(UUID(made["job_id"]), datetime.now(UTC))
        await client.put(path, json=body(tasks=[PLAIN]), headers=tokens["admin"] | anyone)

        async def behind(*_):
            return before

        monkeypatch.setattr(gateway.reads, "job", behind)
        answer = await client.put(path, json=body(tasks=[task()]), headers=tokens["operator"] | anyone)
    assert answer.status_code == 412
