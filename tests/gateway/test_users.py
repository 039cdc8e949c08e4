"""Accounts over REST: the first admin by a secret, once; then whatever admins make of others."""

import pytest
from gateway.people import PASSWORD, first_admin, log_in, person, sent

from orc_auth.throttle import ACCOUNT

WHO = {"username": "myuser", "password": "mypassword"}
NEW = "another long pass phrase"


@pytest.fixture
async def optional(start_gateway):
    gateway = await start_gateway(auth=True)
    async with gateway.client() as client:
        yield client


@pytest.fixture
async def required(start_gateway):
    gateway = await start_gateway(auth=True, mode="required")
    async with gateway.client() as client:
        yield client


@pytest.fixture
async def admin(required, start_gateway):
    """Give the headers of the first admin."""
    return await first_admin(required, start_gateway.bootstrap)


async def test_register(optional):
    """An account is made once, without its password in the answer; the reference's example password will do."""
    made = await optional.post("/auth/register", json=WHO)
    again = await optional.post("/auth/register", json=WHO)
    assert (made.status_code, set(made.json())) == (200, {"user_id", "username", "created_at", "updated_at"})
    assert (again.status_code, again.headers["content-type"]) == (409, "application/problem+json")
    assert not any(WHO["password"] in answer.text for answer in (made, again))


def of_all(headers) -> dict[str, str]:
    """Return what is not a request's own."""
    return {name: value for name, value in headers.items() if not name.endswith("request-id")}


async def test_login(optional):
    """The right password opens a session; a wrong one and an unknown name get one and the same answer."""
    await optional.post("/auth/register", json=WHO)
    right = await optional.post("/auth/login", json=WHO)
    wrong = await optional.post("/auth/login", json=WHO | {"password": "x"})
    nobody = await optional.post("/auth/login", json=WHO | {"username": "nobody"})
    assert (right.status_code, set(right.json()), right.headers["cache-control"]) == (
        200, {"token", "expires_at", "refresh_token"}, "no-store",
    )  # fmt: skip
    assert wrong.status_code == nobody.status_code == 401
    assert wrong.json() == nobody.json()
    assert of_all(wrong.headers) == of_all(nobody.headers)


async def test_registration_is_closed(required, admin):
    """Where a login is needed an admin registers operators, and nobody else anybody."""
    body = {"username": "bob", "password": PASSWORD}
    _, operator = await person(required, admin, "ann", "operator")
    refused = [
        await required.post("/auth/register", json=body, headers=headers) for headers in ({}, operator)
    ]
    made = await required.post("/auth/register", json=body, headers=admin)
    assert [answer.status_code for answer in [*refused, made]] == [401, 403, 200]
    assert (await required.get("/auth/me", headers=await log_in(required, "bob"))).json()[
        "role"
    ] == "operator"


async def test_the_old_way_is_gone(required, start_gateway):
    """The bootstrap secret is no credential."""
    answer = await required.post(
        "/auth/register",
        json={"username": "eve", "password": PASSWORD},
        headers=sent(start_gateway.bootstrap),
    )
    assert answer.status_code == 401


async def test_bootstrap(required, start_gateway):
    """It works once; a wrong secret gets the very answer that a second use does."""
    body = {"secret": start_gateway.bootstrap, "username": "ann", "password": PASSWORD}
    wrong = await required.post("/auth/bootstrap", json=body | {"secret": "x" * 20})
    first = await required.post("/auth/bootstrap", json=body)
    second = await required.post("/auth/bootstrap", json=body | {"username": "eve"})
    assert (first.status_code, first.json()["role"], first.json()["username"]) == (200, "admin", "ann")
    assert (wrong.status_code, second.status_code, wrong.json()) == (403, 403, second.json())
    assert start_gateway.bootstrap not in wrong.text + first.text + second.text


async def test_list(required, admin):
    """Accounts come by pages with a link to the next."""
    for name in ("ann", "bob"):
        await person(required, admin, name, "viewer")
    first = await required.get("/auth/users?limit=2", headers=admin)
    link = first.headers["link"].partition(">")[0].removeprefix("<")
    second = await required.get(link, headers=admin)
    assert [user["username"] for user in first.json() + second.json()] == ["root", "ann", "bob"]
    assert (first.headers["x-total-count"], "link" in second.headers) == ("3", False)
    assert set(first.json()[0]) == {"user_id", "username", "created_at", "updated_at", "role", "is_active"}


async def test_change(required, admin):
    """What is left out stays; who is changed has to log in again."""
    bob, headers = await person(required, admin, "bob", "operator")
    path = f"/auth/users/{bob['user_id']}"
    less = await required.put(path, json={"role": "viewer"}, headers=admin)
    assert (less.json()["role"], less.json()["is_active"]) == ("viewer", True)

    body = {"username": "bob", "password": PASSWORD}
    await required.put(path, json={"is_active": False}, headers=admin)
    assert (await required.post("/auth/login", json=body)).status_code == 401
    await required.put(path, json={"is_active": True, "password": NEW}, headers=admin)
    assert (await required.get("/auth/me", headers=await log_in(required, "bob", NEW))).json()[
        "role"
    ] == "viewer"
    assert (await required.post("/auth/logout", json={}, headers=headers)).status_code == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": "root"}, "role"),
        ({"role": None}, "role"),
        ({"is_active": 1}, "is_active"),
        ({"username": "x"}, "username"),
        ({"password": "short"}, "password"),
    ],
    ids=str,
)
async def test_bad_changes(required, admin, body, field):
    """What cannot be is 400 and names the field, without what was sent."""
    bob, _ = await person(required, admin, "bob", "operator")
    answer = await required.put(f"/auth/users/{bob['user_id']}", json=body, headers=admin)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert "short" not in answer.text


async def test_nobody_to_change(required, admin):
    """An account that is not there is 404; an id that is none is 400."""
    nobody = "00000000-0000-4000-8000-000000000009"
    assert (await required.put(f"/auth/users/{nobody}", json={}, headers=admin)).status_code == 404
    assert (await required.put("/auth/users/bob", json={}, headers=admin)).status_code == 400


async def test_last_admin(required, admin):
    """The last admin is not let go."""
    [root] = (await required.get("/auth/users", headers=admin)).json()
    answer = await required.put(f"/auth/users/{root['user_id']}", json={"role": "viewer"}, headers=admin)
    assert (answer.status_code, answer.json()["code"]) == (409, "last-admin")


async def test_password(required, admin):
    """One changes one's own by the old one, and logs in with the new one from then on."""
    _, bob = await person(required, admin, "bob", "viewer")
    wrong = await required.post("/auth/password", json={"old": "x", "new": NEW}, headers=bob)
    weak = await required.post("/auth/password", json={"old": PASSWORD, "new": "password1234"}, headers=bob)
    right = await required.post("/auth/password", json={"old": PASSWORD, "new": NEW}, headers=bob)
    assert [answer.status_code for answer in (wrong, weak, right)] == [403, 400, 204]
    assert "common password" in weak.json()["detail"]
    assert (
        await required.post("/auth/login", json={"username": "bob", "password": PASSWORD})
    ).status_code == 401
    assert await log_in(required, "bob", NEW)


@pytest.mark.parametrize("name", ["root", "nobody"])
async def test_wrong_passwords(required, admin, name):
    """After ten wrong ones the account is not asked any more, whatever a request says of where it comes from."""
    body = {"username": name, "password": "wrong"}
    answers = [
        await required.post("/auth/login", json=body, headers={"X-Forwarded-For": f"192.0.2.{number}",
                            "Forwarded": f"for=198.51.100.{number}", "X-Real-IP": f"203.0.113.{number}"})
        for number in range(ACCOUNT.free + 1)
    ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [401] * ACCOUNT.free + [429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 15
    right = await required.post("/auth/login", json={"username": name, "password": PASSWORD})
    assert (right.status_code, right.json()["code"]) == (429, "too-many-attempts")
    assert (await required.get("/jobs", headers=admin)).status_code == 200
