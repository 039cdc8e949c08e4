"""The OpenAPI document describes what is there, and its page needs nothing from elsewhere."""

import re
from datetime import UTC, datetime

import msgspec
import pytest

from orc_domain.egress import EgressPolicy
from orc_domain.job_spec import JobSpec
from orc_gateway.bodies import check_job, decode_body
from orc_gateway.openapi import _BODIES, JOB_EXAMPLE

JOB_ID = "00000000-0000-0000-0000-000000000001"
OPERATIONS = {
    "GET /health", "GET /livez", "GET /readyz", "GET /metrics", "GET /.well-known/jwks.json", "POST /auth/register",
    "POST /auth/login", "POST /auth/refresh", "POST /auth/logout", "POST /auth/bootstrap", "POST /auth/password",
    "GET /auth/users", "POST /auth/users", "PUT /auth/users/{user_id}", "GET /auth/api-keys", "POST /auth/api-keys",
    "DELETE /auth/api-keys/{key_id}", "POST /auth/signing-keys/rotate", "GET /auth/me", "GET /jobs", "POST /jobs", "GET /jobs/{job_id}", "PUT /jobs/{job_id}",
    "DELETE /jobs/{job_id}", "POST /jobs/{job_id}/pause", "POST /jobs/{job_id}/resume", "POST /jobs/{job_id}/run",
    "GET /jobs/{job_id}/ticks", "GET /jobs/{job_id}/why", "GET /jobs/{job_id}/versions", "GET /runs", "GET /runs/{run_id}", "GET /runs/{run_id}/tasks", "GET /runs/{run_id}/events",
    "POST /runs/{run_id}/cancel", "POST /runs/{run_id}/retry", "GET /events", "POST /schedules/preview",
    "GET /jobs/{job_id}/backfills", "POST /jobs/{job_id}/backfills", "GET /backfills/{backfill_id}",
    "GET /backfills/{backfill_id}/runs", "POST /backfills/{backfill_id}/cancel",
    "GET /jobs/{job_id}/tasks/{task_order}/cursor", "POST /jobs/{job_id}/tasks/{task_order}/cursor", "POST /tasks/preview",
    "GET /secrets", "PUT /secrets/{name}", "DELETE /secrets/{name}", "POST /secrets/rewrap",
}  # fmt: skip


@pytest.fixture
async def document(client):
    answer = await client.get("/schema/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    return answer.json()


def operations(document):
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def references(value):
    if isinstance(value, dict):
        yield from ([value["$ref"]] if "$ref" in value else [])
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from references(one)


async def test_every_operation_is_described(document):
    """Each operation has an id of its own, a summary and the problem as its other answer."""
    found = operations(document)
    assert set(found) == OPERATIONS
    assert len({operation["operationId"] for operation in found.values()}) == len(found)
    assert all(operation["summary"] for operation in found.values())
    assert {tuple(operation["responses"]["default"]["content"]) for operation in found.values()} == {
        ("application/problem+json",)
    }


async def test_references_lead_somewhere(document):
    """Every schema that is referred to is there."""
    names = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= names


async def test_parameters_that_matter_are_described(document):
    """If-Match is required where it is, keys and resuming are named, lists have bounds."""
    found = operations(document)

    def parameter(operation, name):
        return next(one for one in found[operation]["parameters"] if one["name"] == name)

    assert parameter("PUT /jobs/{job_id}", "If-Match")["required"] is True
    assert parameter("DELETE /jobs/{job_id}", "If-Match")["required"] is False
    assert parameter("POST /jobs/{job_id}/run", "Idempotency-Key")["in"] == "header"
    assert parameter("GET /events", "Last-Event-ID")["in"] == "header"
    assert parameter("GET /runs", "limit")["schema"]["maximum"] == 1000
    assert parameter("GET /jobs/{job_id}/why", "at")["required"] is True
    assert parameter("GET /jobs/{job_id}/why", "at")["schema"]["format"] == "date-time"
    assert parameter("GET /jobs/{job_id}/ticks", "limit")["schema"]["maximum"] == 1000
    assert parameter("GET /jobs/{job_id}", "job_id")["schema"]["format"] == "uuid"


async def test_examples_are_accepted(document):
    """The example of each body is one the gateway takes."""
    kinds = {kind.__name__: kind for kind, _, _ in _BODIES.values()}
    bodies = [
        operation["requestBody"] for operation in operations(document).values() if "requestBody" in operation
    ]
    assert len(bodies) == len(_BODIES)
    for body in bodies:
        content = body["content"]["application/json"]
        decode_body(
            msgspec.json.encode(content["example"]), kinds[content["schema"]["$ref"].rpartition("/")[2]]
        )
    check_job(
        decode_body(msgspec.json.encode(JOB_EXAMPLE), JobSpec),
        EgressPolicy(),
        datetime(2026, 11, 1, tzinfo=UTC),
    )


async def test_page_is_self_contained(client, document):
    """The page at /schema lists every operation, and loads nothing: no script, no address of another host."""
    page = await client.get("/schema")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert not re.search(r"<script|https?://|//cdn|<link|@import", page.text)
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert all(path in page.text for path in document["paths"])


async def test_answers_other_than_problems_are_described(document):
    """What comes without a body, not as JSON, or with 503 and no problem is said to."""
    found = operations(document)
    assert found["DELETE /jobs/{job_id}"]["responses"]["204"].get("content") is None
    assert list(found["GET /metrics"]["responses"]["200"]["content"]) == ["text/plain"]
    assert (
        found["GET /readyz"]["responses"]["503"]["content"]
        == found["GET /readyz"]["responses"]["200"]["content"]
    )
    assert "content" not in found["GET /runs/{run_id}/events"]["responses"]["204"]


async def test_litestars_own_document_is_not_served(client):
    """It describes bodies and errors that are not ours, on a page that loads from afar."""
    paths = ["/schema/derived", "/schema/derived/openapi.json", "/schema/derived/openapi.yaml"]
    assert [(await client.get(path)).status_code for path in paths] == [404, 404, 404]


async def test_options_name_every_method(client, document):
    """OPTIONS and a 405 name what a path takes; no other site is allowed anything."""
    for path, methods in document["paths"].items():
        allowed = {"OPTIONS", *(method.upper() for method in methods)}
        there = re.sub(r"\{\w+\}", JOB_ID, path.replace("{task_order}", "1"))
        preflight = {"Origin": "http://evil.com", "Access-Control-Request-Method": "POST"}
        told = await client.options(there, headers=preflight)
        refused = await client.request("PATCH", there)
        assert (told.status_code, refused.status_code) == (204, 405)
        assert set(told.headers["allow"].split(", ")) == allowed == set(refused.headers["allow"].split(", "))
        assert not any(name.startswith("access-control-") for name in (*told.headers, *refused.headers))
