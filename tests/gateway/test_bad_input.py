"""Bad input is refused with the right code, names the field, echoes no secret, and leaves no trace in the log."""

import json

import pytest

TASK = {"extractor_config": {"type": "inline", "rows": []}, "loader_config": {"type": "discard"}}
JOB = {"job_name": "planes", "schedule": "@manual", "tasks": [TASK]}
DAILY = JOB | {"schedule": "@daily"}
PLACE = "tasks[0].extractor_config"
SECRET = "hunter2hunter2"
JANUARY = "2026-01-01T00:00:00Z"
JOB_ID = "00000000-0000-0000-0000-000000000001"


def extract(**config):
    return JOB | {"tasks": [TASK | {"extractor_config": config}]}


def load(**config):
    return JOB | {"tasks": [TASK | {"loader_config": config}]}


def api(url="https://api.example.com/data", **more):
    return extract(type="api", url=url, **more)


def without(name):
    return {key: value for key, value in JOB.items() if key != name}


METADATA = "http://169.254.169.254/latest"
OAUTH = {
    "type": "oauth2_client_credentials",
    "token_url": METADATA,
    "client_id": "me",
    "client_secret": {"secret": "a"},
}

FIELDS = {
    "unknown field": (JOB | {"job_nam": 1}, "job_nam"),
    "missing field": (without("schedule"), "schedule"),
    "wrong type": (JOB | {"is_active": "yes"}, "is_active"),
    "empty name": (JOB | {"job_name": ""}, "job_name"),
    "blank name": (JOB | {"job_name": "  "}, "job_name"),
    "NUL in a name": (JOB | {"job_name": "a\0b"}, "job_name"),
    "no tasks": (JOB | {"tasks": []}, "tasks"),
    "too many tasks": (JOB | {"tasks": [TASK] * 101}, "tasks"),
    "unknown field of a task": (JOB | {"tasks": [TASK | {"x": 1}]}, "tasks[0].x"),
    "bad pool": (JOB | {"pool": "A pool"}, "pool"),
    "bad cron": (JOB | {"schedule": "99 * * * *"}, "schedule"),
    "cron that never fires": (JOB | {"schedule": "0 0 30 2 *"}, "schedule"),
    "unknown zone": (JOB | {"timezone": "Mars/Base"}, "timezone"),
    "schedule that is over": (JOB | {"schedule": "0 0 9 * * * 2020"}, "schedule"),
    "end in the past": (DAILY | {"ends_at": "2020-01-01T00:00:00Z"}, "ends_at"),
    "all that is left is excluded": (
        JOB | {"schedule": "0 0 9 1 1 * 2098", "exclude": ["2098-01-01"]},
        "exclude",
    ),
    "end before start": (
        DAILY | {"starts_at": "2090-01-02T00:00:00Z", "ends_at": "2090-01-01T00:00:00Z"},
        "ends_at",
    ),
    "start without an offset": (DAILY | {"starts_at": "2090-01-02T00:00:00"}, "starts_at"),
    "start before all years": (
        DAILY | {"starts_at": "0001-01-01T00:00:00Z", "ends_at": "2090-01-01T00:00:00Z"},
        "starts_at",
    ),
    "end after all years": (DAILY | {"ends_at": "9999-12-31T23:59:59Z", "timezone": "Asia/Tokyo"}, "ends_at"),
    "bad further schedule": (DAILY | {"schedules": ["@hourly", "x"]}, "schedules[1]"),
    "bad exclusion": (DAILY | {"exclude": ["2026-02-30"]}, "exclude[0]"),
    "jitter longer than the period": (
        JOB | {"schedule": "* * * * *", "jitter_seconds": 60},
        "jitter_seconds",
    ),
    "unknown gap rule": (DAILY | {"dst": {"gap": "fire"}}, "dst.gap"),
    "unknown catch_up": (DAILY | {"catch_up": {"mode": "some"}}, "catch_up.mode"),
    "too many caught up": (DAILY | {"catch_up": {"max": 10_001}}, "catch_up.max"),
    "unknown overlap": (DAILY | {"overlap": {"mode": "wait"}}, "overlap.mode"),
    "negative deadline": (DAILY | {"start_deadline_seconds": -1}, "start_deadline_seconds"),
    "no attempts": (JOB | {"retry": {"attempts_max": 0}}, "retry.attempts_max"),
    "retry delays the wrong way": (
        JOB | {"retry": {"initial_seconds": 9, "max_seconds": 3}},
        "retry.max_seconds",
    ),
    "no time to run": (JOB | {"timeouts": {"run_seconds": 0}}, "timeouts.run_seconds"),
    "no failures to pause after": (JOB | {"pause_after_failures": 0}, "pause_after_failures"),
    "priority out of range": (JOB | {"priority": 101}, "priority"),
    "no runs at once": (JOB | {"concurrency_max": 0}, "concurrency_max"),
    "unknown extractor": (extract(type="ftp"), f"{PLACE}.type"),
    "no extractor type": (extract(path="a.csv"), f"{PLACE}.type"),
    "unknown loader": (load(type="excel"), "tasks[0].loader_config.type"),
    "missing key": (extract(type="csv"), f"{PLACE}.path"),
    "unknown key": (extract(type="csv", path="a.csv", sep=";"), f"{PLACE}.sep"),
    "climbing path": (extract(type="csv", path="../../etc/passwd"), f"{PLACE}.path"),
    "URL as path": (extract(type="parquet", path="ftp://x/y.csv"), f"{PLACE}.path"),
    "NUL in a path": (extract(type="csv", path="a\0.csv"), f"{PLACE}.path"),
    "climbing db_path": (
        load(type="duckdb", db_path="../x.db", table_name="t"),
        "tasks[0].loader_config.db_path",
    ),
    "control character in a table": (
        load(type="duckdb", db_path="x.db", table_name="t\n"),
        "tasks[0].loader_config.table_name",
    ),
    "literal token": (api(headers={"Authorization": f"Bearer {SECRET}"}), f"{PLACE}.headers.Authorization"),
    "literal cookie": (api(headers={"Cookie": SECRET}), f"{PLACE}.headers.Cookie"),
    "literal key in a header": (api(headers={"X-Api-Key": SECRET}), f"{PLACE}.headers.X-Api-Key"),
    "user in a URL": (api(f"https://anna:{SECRET}@example.com/"), f"{PLACE}.url"),
    "private address": (api("http://10.0.0.1/data"), f"{PLACE}.url"),
    "private address in disguise": (api("http://2130706433/data"), f"{PLACE}.url"),
    "metadata address": (api(METADATA), f"{PLACE}.url"),
    "metadata address for tokens": (api(auth=OAUTH), f"{PLACE}.auth.token_url"),
    "metadata address of a file": (extract(type="csv", path=["a.csv", METADATA]), f"{PLACE}.path[1]"),
    "loopback in IPv6": (api("http://[::ffff:127.0.0.1]/"), f"{PLACE}.url"),
    "other scheme": (api("file:///etc/passwd"), f"{PLACE}.url"),
}


@pytest.mark.parametrize("case", FIELDS)
async def test_fields(client, case):
    """Each fault of a definition is 400 with the field's path."""
    body, field = FIELDS[case]
    answer = await client.post("/jobs", json=body)
    problem = answer.json()
    assert (answer.status_code, [fault["field"] for fault in problem["errors"]]) == (400, [field])
    assert SECRET not in answer.text
    assert (await client.get("/events")).json() == []


def deep(levels):
    return b'{"job_name": "x", "a": ' + b"[" * levels + b"]" * levels + b"}"


RAW = {
    "no JSON": (b"{", 400, "malformed"),
    "no body": (b"", 400, "malformed"),
    "trailing words": (json.dumps(JOB).encode() + b" {}", 400, "malformed"),
    "not UTF-8": (b'{"job_name": "\xff"}', 400, "malformed"),
    "lone surrogate": (b'{"job_name": "\\ud800"}', 400, "malformed"),
    "an array": (b"[]", 400, "invalid"),
    "null": (b"null", 400, "invalid"),
    "too deep": (deep(64), 400, "too-deep"),
    "far too deep": (deep(100_000), 400, "too-deep"),
    "as deep as may be": (deep(63), 400, "invalid"),
    "too large": (b" " * (1024 * 1024 + 1), 413, "body-too-large"),
}


@pytest.mark.parametrize("case", RAW)
async def test_bodies(client, case):
    """A body that is no acceptable JSON is refused by its form alone."""
    content, status, code = RAW[case]
    answer = await client.post("/jobs", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert (await client.get("/events")).json() == []


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"]
)
async def test_content_types(client, kind):
    """Only JSON is taken, and only when it says so: a page elsewhere could send anything else unasked."""
    headers = {} if kind is None else {"Content-Type": kind}
    answer = await client.post("/jobs", content=json.dumps(JOB).encode(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "not-json")


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON", "application/vnd.x+json"]
)
async def test_content_types_that_are_json(client, kind):
    """Parameters, case and suffixes do not matter."""
    answer = await client.post("/jobs", content=json.dumps(JOB).encode(), headers={"Content-Type": kind})
    assert answer.status_code == 200


PARAMETERS = {
    "/jobs/nope": "job_id",
    "/runs/nope/tasks": "run_id",
    "/runs/1": "run_id",
    "/runs?limit=0": "limit",
    "/runs?limit=1001": "limit",
    "/runs?limit=ten": "limit",
    "/runs?status=done": "status",
    "/runs?job_id=7": "job_id",
    "/runs?after=7": "after",
    "/runs?after=00000000-0000-0000-0000-000000000001": "after",
    "/runs?stauts=failed": "stauts",
    "/jobs?after=00000000-0000-0000-0000-000000000001": "after",
    "/events?after=-1": "after",
    "/events?limit=0": "limit",
    "/events?kind=x": "kind",
    "/events?type=%00": "type",
    "/events?type=" + "a" * 256: "type",
    "/events?stream=run-%00": "stream",
    "/runs?limit=1&limit=2": "limit",
    "/health?x=1": "x",
    f"/jobs/{JOB_ID}/ticks?after=yesterday": "after",
    f"/jobs/{JOB_ID}/ticks?before=2026-01-01T00:00:00": "before",
    f"/jobs/{JOB_ID}/ticks?limit=1001": "limit",
    f"/jobs/{JOB_ID}/why": "at",
    f"/jobs/{JOB_ID}/why?at=2026-01-01T00:00:00": "at",
    f"/jobs/{JOB_ID}/why?at=0": "at",
    f"/jobs/{JOB_ID}/why?at=2026-01-01T00:00:00+01:00": "at",
    f"/jobs/{JOB_ID}/why?at=0001-01-01T00:00:00Z": "at",
    "/jobs/nope/why?at=2026-01-01T00:00:00Z": "job_id",
}


@pytest.mark.parametrize("path", PARAMETERS)
async def test_parameters(client, path):
    """A parameter that is wrong or unknown is 400 with its name."""
    answer = await client.get(path)
    assert (answer.status_code, [fault["field"] for fault in answer.json()["errors"]]) == (
        400,
        [PARAMETERS[path]],
    )


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/schedules/preview", {"schedule": "* * *"}, "schedule"),
        ("/schedules/preview", {"schedule": "@daily", "count": 1001}, "count"),
        ("/schedules/preview", {"schedule": "@daily", "timezone": "X"}, "timezone"),
        ("/schedules/preview", {"schedule": "@daily", "exclude": ["x"]}, "exclude[0]"),
        ("/schedules/preview", {"schedule": "@daily", "after": "2026-01-01T00:00:00"}, "after"),
        ("/schedules/preview", {"schedule": "@daily", "after": "0001-01-01T00:00:00Z"}, "after"),
        (
            "/schedules/preview",
            {"schedule": "@daily", "downtime": {"from": "2026-01-01T00:00:00Z"}},
            "downtime.to",
        ),
        (
            "/schedules/preview",
            {"schedule": "@daily", "downtime": {"from": JANUARY, "to": JANUARY}},
            "downtime.to",
        ),
        (
            "/schedules/preview",
            {"schedule": "@daily", "downtime": {"from": JANUARY, "to": "9999-01-01T00:00:00Z"}},
            "downtime.to",
        ),
        (
            "/schedules/preview",
            {"schedule": "* * * * *", "downtime": {"from": JANUARY, "to": "2026-01-08T00:00:00Z"}},
            "downtime",
        ),
        ("/schedules/preview", {"schedule": "@daily", "run_seconds": -1}, "run_seconds"),
        ("/jobs/00000000-0000-0000-0000-000000000001/pause", {"reason": "x" * 1001}, "reason"),
        ("/auth/register", {"username": "anna"}, "password"),
        ("/auth/login", {"username": "anna", "password": 7}, "password"),
        ("/runs/00000000-0000-0000-0000-000000000001/cancel", {"why": "x"}, "why"),
        ("/jobs/00000000-0000-0000-0000-000000000001/run", {"x": 1}, "x"),
        ("/jobs/00000000-0000-0000-0000-000000000001/pause", {"x": 1}, "x"),
    ],
)
async def test_other_bodies(client, path, body, field):
    """Every other body is as strict."""
    answer = await client.post(path, json=body)
    assert (answer.status_code, [fault["field"] for fault in answer.json()["errors"]]) == (400, [field])


async def test_allowed_address(start_gateway):
    """What ORC_EGRESS_ALLOW lists may be named; metadata addresses never."""
    gateway = await start_gateway(egress_allow=("loopback", "10.0.0.0/8"))
    async with gateway.client() as client:
        urls = ["http://127.0.0.1:8/x", "http://10.1.1.1/", "http://192.168.0.1/", "http://169.254.169.254/"]
        answers = [await client.post("/jobs", json=api(url)) for url in urls]
        assert [answer.status_code for answer in answers] == [200, 200, 400, 400]


async def test_problem_has_every_member(client):
    """A problem holds all that RFC 9457 names and what we add, and nothing of the query."""
    answer = await client.get(f"/jobs/nope?after={SECRET}")
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "instance", "code", "errors"}
    assert (problem["type"], problem["status"], problem["instance"]) == (
        "urn:orc:problem:invalid",
        400,
        "/jobs/nope",
    )
    assert SECRET not in answer.text


async def test_refused_definition_reaches_no_bus(start_gateway):
    """A secret written literally is refused before anything is published, not by whoever would read it there."""
    gateway = await start_gateway(handlers=False)
    published = []
    await gateway.bus.listen("orc.commands.>", lambda subject, data: published.append((subject, data)))
    async with gateway.client() as client:
        body = api(headers={"Authorization": f"Bearer {SECRET}"})
        created = await client.post("/jobs", json=body)
        changed = await client.put(f"/jobs/{JOB_ID}", json=body, headers={"If-Match": "*"})
    assert [created.status_code, changed.status_code] == [400, 400]
    assert published == []
