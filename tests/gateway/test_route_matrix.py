"""Every route, asked by everybody there is: who is let in is what stands in the table here, cell by cell."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from gateway.people import first_admin, key, person, sent
from litestar import get
from litestar.handlers import HTTPRouteHandler

from orc_gateway import app as app_module
from orc_gateway.guards import ACCESS
from orc_runtime.access import OPEN, SCOPES

# What a route needs, written down by hand and not read from the code: the least role, and the scope of a key.
TABLE = """
GET    /health                                     open
GET    /livez                                      open
GET    /readyz                                     open
GET    /.well-known/jwks.json                      open
POST   /auth/login                                 open
POST   /auth/refresh                               open
POST   /auth/bootstrap                             open

GET    /metrics                                    viewer    metrics:read
GET    /schema                                     viewer    jobs:read
GET    /schema/job.json                            viewer    jobs:read
GET    /schema/jobs.json                           viewer    jobs:read
GET    /schema/openapi.json                        viewer    jobs:read
GET    /events                                     viewer    events:read

GET    /jobs                                       viewer    jobs:read
GET    /jobs/{job_id}                              viewer    jobs:read
GET    /jobs/{job_id}/versions                     viewer    jobs:read
GET    /jobs/{job_id}/tasks/{task_order}/cursor    viewer    jobs:read
POST   /schedules/preview                          viewer    jobs:read
POST   /jobs                                       operator  jobs:write
PUT    /jobs/{job_id}                              operator  jobs:write
DELETE /jobs/{job_id}                              operator  jobs:write
POST   /jobs/{job_id}/pause                        operator  jobs:write
POST   /jobs/{job_id}/resume                       operator  jobs:write
POST   /jobs/{job_id}/tasks/{task_order}/cursor    operator  jobs:write
POST   /tasks/preview                              operator  jobs:write

GET    /jobs/{job_id}/ticks                        viewer    runs:read
GET    /jobs/{job_id}/why                          viewer    runs:read
GET    /jobs/{job_id}/backfills                    viewer    runs:read
GET    /backfills/{backfill_id}                    viewer    runs:read
GET    /backfills/{backfill_id}/runs               viewer    runs:read
GET    /runs                                       viewer    runs:read
GET    /runs/{run_id}                              viewer    runs:read
GET    /runs/{run_id}/tasks                        viewer    runs:read
GET    /runs/{run_id}/events                       viewer    runs:read
POST   /jobs/{job_id}/run                          operator  runs:write
POST   /jobs/{job_id}/backfills                    operator  runs:write
POST   /backfills/{backfill_id}/cancel             operator  runs:write
POST   /runs/{run_id}/cancel                       operator  runs:write
POST   /runs/{run_id}/retry                        operator  runs:write

GET    /auth/me                                    viewer    account:read
GET    /auth/api-keys                              viewer    account:read
POST   /auth/api-keys                              viewer    account:write
DELETE /auth/api-keys/{key_id}                     viewer    account:write
POST   /auth/password                              viewer    account:write
POST   /auth/logout                                viewer    account:write
GET    /auth/users                                 admin     users:read
POST   /auth/users                                 admin     users:write
PUT    /auth/users/{user_id}                       admin     users:write
POST   /auth/register                              admin     users:write
POST   /auth/signing-keys/rotate                   admin     keys:write

GET    /secrets                                    operator  secrets:read
PUT    /secrets/{name}                             admin     secrets:write
DELETE /secrets/{name}                             admin     secrets:write
POST   /secrets/rewrap                             admin     secrets:write
"""
ROLES = ("viewer", "operator", "admin")
WHO = ("nobody", "stranger", *ROLES, "scope", "area", "others", "viewer-key")
"""The last four are keys: an admin's with the scope, with its area, with all scopes but it; a viewer's with `*`."""


def expectation(role: str, scope: str = "") -> dict[str, str]:
    if role == "open":
        return dict.fromkeys(WHO, "in")
    roles = {one: "in" if ROLES.index(one) >= ROLES.index(role) else "403" for one in ROLES}
    return {
        "nobody": "401", "stranger": "401", **roles,
        "scope": "in", "area": "in", "others": "403", "viewer-key": roles["viewer"],
    }  # fmt: skip


def table() -> dict[tuple[str, str], tuple[str, ...]]:
    lines = [line.split() for line in TABLE.splitlines() if line]
    return {(method, path): tuple(needs) for method, path, *needs in lines}


def routes(front) -> Iterator[tuple[str, str]]:
    """Yield what the application has, whatever the table says."""
    for route in front._app.routes:
        for handler in route.route_handlers:
            assert isinstance(handler, HTTPRouteHandler)
            for method in handler.http_methods - {"OPTIONS"}:
                if not route.path.startswith("/schema/derived"):
                    yield method, route.path.replace(":str}", "}").replace(":int}", "}")


def address(path: str) -> str:
    for name in ("job_id", "run_id", "backfill_id", "user_id", "key_id", "name"):
        path = path.replace(f"{{{name}}}", str(UUID(int=1)))
    return path.replace("{task_order}", "1")


async def cell(client, method: str, path: str, headers: dict[str, str]) -> str:
    # A body that no route takes: whoever is let in is told so, and nothing is done.
    answer = await client.request(
        method, address(path), headers=headers, json=None if method == "GET" else {"nonsense": 1}
    )
    code = answer.json()["code"] if answer.is_error else None
    return str(answer.status_code) if code in {"unauthorized", "forbidden"} else "in"


@pytest.fixture
async def required(start_gateway):
    gateway = await start_gateway(auth=True, mode="required")
    async with gateway.client() as client:
        yield client, gateway


async def test_matrix(required, start_gateway):
    """Where a login is needed."""
    client, gateway = required
    people = {"nobody": {}, "stranger": sent("x.y.z")}
    people["admin"] = await first_admin(client, start_gateway.bootstrap)
    for role in ("viewer", "operator"):
        _, people[role] = await person(client, people["admin"], role, role)
    people["viewer-key"] = sent((await key(client, people["viewer"], "*"))["key"])
    for scope in SCOPES:
        others = [other for other in SCOPES if other != scope]
        area = f"{scope.partition(':')[0]}:*"
        for name, held in (
            (f"scope {scope}", [scope]),
            (f"area {scope}", [area]),
            (f"others {scope}", others),
        ):
            people[name] = sent((await key(client, people["admin"], *held))["key"])

    found, expected = {}, {}
    for (method, path), needs in table().items():
        scope = needs[1] if len(needs) > 1 else "jobs:read"
        for who in WHO:
            headers = people.get(who) or people.get(f"{who} {scope}", {})
            found[method, path, who] = await cell(client, method, path, headers)
        expected |= {(method, path, who): wanted for who, wanted in expectation(*needs).items()}

    assert set(routes(gateway.front)) == set(table())
    assert {place: found[place] for place in found if found[place] != expected[place]} == {}


async def test_other_methods(required, start_gateway):
    """Which methods a path has is told to whoever is somebody; no other method is answered to anybody."""
    client, _ = required
    admin = await first_admin(client, start_gateway.bootstrap)
    for path in sorted({path for _, path in table()}):
        assert (await client.options(address(path))).status_code == 401
        allowed = (await client.options(address(path), headers=admin)).headers["allow"].split(", ")
        assert set(allowed) == {"OPTIONS", *(method for method, known in table() if known == path)}


async def test_open_mode(start_gateway):
    """Where none is needed nobody is asked who they are; who sends a credential is held to it."""
    gateway = await start_gateway(auth=True)
    async with gateway.client() as client:
        admin = await first_admin(client, start_gateway.bootstrap)
        narrow = sent((await key(client, admin, "metrics:read"))["key"])
        for (method, path), needs in table().items():
            in_by = {who: await cell(client, method, path, headers) for who, headers in
                     (("nobody", {}), ("stranger", sent("x.y.z")), ("narrow", narrow))}  # fmt: skip
            if needs[0] == "open":
                assert set(in_by.values()) == {"in"}
            elif path in {"/auth/api-keys", "/auth/password", "/auth/logout"}:
                # These are about whoever asks, who is nobody.
                assert in_by == {"nobody": in_by["nobody"], "stranger": "401", "narrow": "403"}
            else:
                narrows = "in" if needs[1] == "metrics:read" else "403"
                assert (method, path, in_by) == (
                    method, path, {"nobody": "in", "stranger": "401", "narrow": narrows},
                )  # fmt: skip


async def test_a_route_that_does_not_say(start_gateway, monkeypatch):
    """A route that does not declare what it asks for keeps the gateway from being made."""

    @get("/undeclared")
    async def undeclared() -> None:
        pass

    @get("/misdeclared", opt={ACCESS: "viewer"})
    async def misdeclared() -> None:
        pass

    for handler, path in ((undeclared, "/undeclared"), (misdeclared, "/misdeclared")):
        monkeypatch.setattr(app_module, "schema_routes", lambda handler=handler: [handler])
        with pytest.raises(ValueError, match=f"{path}.*does not declare"):
            await start_gateway()


async def test_with_a_provider(start_gateway):
    """Where an identity provider is set up, three routes more are there, open as logging in is."""
    gateway = await start_gateway(auth=True, mode="required", oidc_issuer="https://login.example")
    more = {("GET", "/auth/oidc/login"), ("GET", "/auth/oidc/callback"), ("POST", "/auth/oidc/ticket")}
    assert set(routes(gateway.front)) == set(table()) | more
    declared = {
        (method, route.path): handler.opt[ACCESS]
        for route in gateway.front._app.routes
        for handler in route.route_handlers
        for method in handler.http_methods
    }
    assert {declared[place] for place in more} == {OPEN}
