"""P47: whatever changes something leaves an event that says who wanted it and by which request."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from gateway.people import PASSWORD, ROOT, key, person, sent

from orc_gateway.guards import access_of

CHANGES_NOTHING = {
    ("POST", "/schedules/preview"): "looks",
    ("POST", "/tasks/preview"): "looks",
    ("POST", "/auth/refresh"): "the session goes on; its beginning and its end are told",
    ("POST", "/auth/oidc/ticket"): "not set up here; opens a session as a login does",
}
NOT_HERE = {("PUT", "/secrets/{name}"), ("DELETE", "/secrets/{name}"), ("POST", "/secrets/rewrap")}
"""Told in tests/auth/test_vault.py, where there are master keys."""
TASK = {"extractor_config": {"type": "inline", "rows": [{"n": 1}]}, "loader_config": {"type": "discard"}}
INCREMENTAL = {
    "extractor_config": {
        "type": "csv", "path": "x.csv", "incremental": {"cursor": "n"}
    },
    "loader_config": {"type": "duckdb", "db_path": "x.duckdb", "table_name": "t", "write_disposition": "append"},
}  # fmt: skip
RANGE = {"start": "2026-05-01T00:00:00Z", "end": "2026-05-02T00:00:00Z"}


def mutating(app) -> set[tuple[str, str]]:
    """Return every route that is not a mere look, as the application has them."""
    return {
        (method, route.path_format)
        for route in app.routes
        for handler in route.route_handlers
        for method in handler.http_methods
        if method in {"POST", "PUT", "PATCH", "DELETE"} and access_of(handler)
    }


class Caller:
    """Asks as somebody, under a request id of its own each time, and remembers it by route."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.asked: dict[tuple[str, str], tuple[UUID, str]] = {}

    async def ask(self, method, route, actor, headers=None, body=None, **places) -> Any:
        request_id = uuid4()
        options = {"headers": {**(headers or {}), "X-Request-Id": str(request_id)}}
        if body is not None:
            options["json"] = body
        answer = await self.client.request(method, route.format(**places), **options)
        assert answer.status_code < 300, (route, answer.text)
        assert answer.headers["x-request-id"] == str(request_id)
        self.asked[method, route] = (request_id, actor)
        return answer.json() if answer.content else None


@pytest.fixture
async def gateway(start_gateway):
    return await start_gateway(auth=True, mode="required")


async def test_every_change_has_its_event(gateway, start_gateway, body):
    """One request a route: what it led to carries its id and names who asked, by a key too; no route is left out."""
    async with gateway.client() as client:
        caller = Caller(client)
        secret = start_gateway.bootstrap
        root = f"user:{ROOT}"
        await caller.ask(
            "POST",
            "/auth/bootstrap",
            "anonymous",
            body={"secret": secret, "username": ROOT, "password": PASSWORD},
        )
        login = {"username": ROOT, "password": PASSWORD}
        admin = sent((await caller.ask("POST", "/auth/login", root, body=login))["token"])
        await caller.ask("POST", "/auth/register", root, admin, {"username": "reg", "password": PASSWORD})
        olga = {"username": "olga", "password": PASSWORD, "role": "operator"}
        made = await caller.ask("POST", "/auth/users", root, admin, olga)
        await caller.ask(
            "PUT", "/auth/users/{user_id}", root, admin, {"role": "viewer"}, user_id=made["user_id"]
        )
        await caller.ask("POST", "/auth/signing-keys/rotate", root, admin, {})
        _, vera = await person(client, admin, "vera", "viewer")
        new = {"old": PASSWORD, "new": "another password, as long"}
        await caller.ask("POST", "/auth/password", "user:vera", vera, new)
        _, pia = await person(client, admin, "pia", "operator")
        wanted = {"name": "nightly", "scopes": ["jobs:*", "runs:*"]}
        owned = await caller.ask("POST", "/auth/api-keys", "user:pia", pia, wanted)
        by_key, actor = sent(owned["key"]), f"user:pia/key:{owned['key_id']}"
        job = await caller.ask("POST", "/jobs", actor, by_key, body(tasks=[TASK], schedule="0 9 * * *"))
        at = {"job_id": job["job_id"]}
        changed = body(tasks=[INCREMENTAL], schedule="0 9 * * *")
        await caller.ask("PUT", "/jobs/{job_id}", actor, {**by_key, "If-Match": "*"}, changed, **at)
        await caller.ask(
            "POST",
            "/jobs/{job_id}/tasks/{task_order}/cursor",
            actor,
            by_key,
            {"value": "7"},
            task_order=1,
            **at,
        )
        await caller.ask("POST", "/jobs/{job_id}/pause", actor, by_key, {}, **at)
        await caller.ask("POST", "/jobs/{job_id}/resume", actor, by_key, {}, **at)
        run = await caller.ask("POST", "/jobs/{job_id}/run", actor, by_key, **at)
        await caller.ask("POST", "/runs/{run_id}/cancel", actor, by_key, {}, run_id=run["run_id"])
        await caller.ask("POST", "/runs/{run_id}/retry", actor, by_key, run_id=run["run_id"])
        backfill = await caller.ask("POST", "/jobs/{job_id}/backfills", actor, by_key, RANGE, **at)
        await caller.ask(
            "POST", "/backfills/{backfill_id}/cancel", actor, by_key, {}, backfill_id=backfill["backfill_id"]
        )
        other = (await client.post("/jobs", json=body(), headers=by_key)).json()
        await caller.ask(
            "DELETE", "/jobs/{job_id}", actor, {**by_key, "If-Match": "*"}, job_id=other["job_id"]
        )
        spare = await key(client, pia, "*")
        await caller.ask("DELETE", "/auth/api-keys/{key_id}", "user:pia", pia, key_id=spare["key_id"])
        await caller.ask("POST", "/auth/logout", "user:pia", pia, {})
        recorded = (await client.get("/events", headers=admin)).json()

    told = {(event["correlation_id"], event["actor"]) for event in recorded}
    silent = [
        route for route, (request_id, who) in caller.asked.items() if (str(request_id), who) not in told
    ]
    assert silent == []
    assert mutating(gateway.front._app) - NOT_HERE - set(CHANGES_NOTHING) == set(caller.asked)
