"""Whom a request speaks for, and what that allows, with the auth service's own answers behind it."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from orc_auth.tokens import SigningKey, issue, signing_key
from orc_gateway import guards

WHO = {"username": "myuser", "password": "mypassword"}
STRONG = {"username": "admin", "password": "correct horse battery staple 7"}


def sent(token):
    return {"Authorization": f"Bearer {token}"}


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
async def key(database):
    import asyncpg  # noqa: PLC0415

    pool = await asyncpg.create_pool(
        database.url("orc_auth"), min_size=1, max_size=1, server_settings={"search_path": "auth"}
    )
    try:
        yield await signing_key(pool)
    finally:
        await pool.close()


def token_of(key: SigningKey, role: str, *, now: datetime | None = None) -> str:
    now = now or datetime.now(UTC)
    return issue(key, username=role, user_id=UUID(int=3), role=role, now=now, seconds=900).reveal()


async def test_register_and_login(optional):
    """An account is made once, without its password in the answer; the right password gets a token."""
    made = await optional.post("/auth/register", json=WHO)
    again = await optional.post("/auth/register", json=WHO)
    right = await optional.post("/auth/login", json=WHO)
    wrong = await optional.post("/auth/login", json=WHO | {"password": "x"})
    nobody = await optional.post("/auth/login", json=WHO | {"username": "nobody"})
    assert (made.status_code, set(made.json())) == (200, {"user_id", "username", "created_at", "updated_at"})
    assert (again.status_code, again.headers["content-type"]) == (409, "application/problem+json")
    assert (right.status_code, set(right.json()), right.headers["cache-control"]) == (
        200,
        {"token"},
        "no-store",
    )
    assert wrong.status_code == nobody.status_code == 401
    assert wrong.json() | {"instance": ""} == nobody.json() | {"instance": ""}
    assert not any(WHO["password"] in answer.text for answer in (made, again, wrong))


async def test_token_names_the_actor(optional, body):
    """In optional mode nobody is anonymous, and a token names whoever sent it."""
    await optional.post("/auth/register", json=WHO)
    token = (await optional.post("/auth/login", json=WHO)).json()["token"]
    await optional.post("/jobs", json=body())
    await optional.post("/jobs", json=body(), headers=sent(token))
    actors = [event["actor"] for event in (await optional.get("/events?type=job.created")).json()]
    assert actors == ["anonymous", "user:myuser"]
    assert (await optional.get("/auth/me")).json() == {
        "subject": "anonymous",
        "user_id": None,
        "role": "viewer",
    }
    assert (await optional.get("/auth/me", headers=sent(token))).json()["subject"] == "user:myuser"


@pytest.mark.parametrize("mode", ["optional", "required"])
async def test_bad_tokens_are_401_with_one_message(start_gateway, key, mode):
    """Forged, expired, mangled or of another scheme: a token that is sent must be valid, in either mode."""
    gateway = await start_gateway(auth=True, mode=mode)
    forged = SigningKey(key.kid, Ed25519PrivateKey.generate())
    other = SigningKey("another", forged.private)
    expired = token_of(key, "admin", now=datetime(2020, 1, 1, tzinfo=UTC))
    tokens = [token_of(forged, "admin"), token_of(other, "admin"), expired, "x", "", "a.b.c", "x" * 10_000]
    async with gateway.client() as client:
        answers = [await client.get("/jobs", headers=sent(token)) for token in tokens]
        basic = await client.get("/jobs", headers={"Authorization": "Basic YTpi"})
    assert [answer.status_code for answer in answers] == [401] * len(tokens)
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].headers["www-authenticate"] == 'Bearer realm="orc"'
    assert basic.status_code == 401


CLOSED = [
    ("GET", "/jobs"), ("GET", "/runs"), ("GET", "/events"), ("GET", "/auth/me"), ("POST", "/jobs"),
    ("POST", "/schedules/preview"), ("GET", f"/jobs/{uuid4()}"), ("DELETE", f"/jobs/{uuid4()}"),
    ("POST", f"/jobs/{uuid4()}/run"), ("GET", f"/runs/{uuid4()}/tasks"), ("POST", f"/runs/{uuid4()}/cancel"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), CLOSED)
async def test_required_mode_closes_everything_else(required, method, path):
    """Without a token everything that shows or changes something is 401."""
    assert (await required.request(method, path)).status_code == 401


@pytest.mark.parametrize(
    "path",
    ["/health", "/livez", "/readyz", "/metrics", "/.well-known/jwks.json", "/schema", "/schema/openapi.json"],
)
async def test_required_mode_leaves_open(required, path):
    """Health, the keys and the schema need no token, nor does an expired one stand in their way."""
    assert (await required.get(path)).status_code == 200
    assert (await required.get(path, headers=sent("expired"))).status_code == 200


async def test_required_mode_registration(required, start_gateway):
    """Registration is closed, but for the first admin by the bootstrap secret and then for admins."""
    closed = await required.post("/auth/register", json=STRONG)
    first = await required.post("/auth/register", json=STRONG, headers=sent(start_gateway.bootstrap))
    token = (await required.post("/auth/login", json=STRONG)).json()["token"]
    second = await required.post("/auth/register", json=STRONG | {"username": "other"}, headers=sent(token))
    assert [closed.status_code, first.status_code, second.status_code] == [403, 200, 200]
    assert (await required.get("/auth/me", headers=sent(token))).json()["role"] == "admin"


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("operator", 200), ("admin", 200)])
async def test_required_mode_roles(required, key, body, role, status):
    """A viewer looks and changes nothing; an operator does both."""
    headers = sent(token_of(key, role))
    assert (await required.get("/jobs", headers=headers)).status_code == 200
    preview = await required.post("/schedules/preview", json={"schedule": "@daily"}, headers=headers)
    assert preview.status_code == 200
    assert (await required.post("/jobs", json=body(), headers=headers)).status_code == status
    # Looking at a source reads files and asks with secrets; no executor is there to do it.
    source = {"extractor_config": {"type": "csv", "path": "a.csv"}}
    looked = await required.post("/tasks/preview", json=source, headers=headers)
    assert looked.status_code == {403: 403, 200: 503}[status]


async def test_keys_are_asked_for_once(start_gateway, key, monkeypatch):
    """Keys are remembered; strangers with unknown keys cannot make the gateway ask for each of them."""
    gateway = await start_gateway(auth=True)
    asked, request = [], gateway.bus.request

    async def counting(subject, data, *, timeout_seconds):
        asked.append(subject)
        return await request(subject, data, timeout_seconds=timeout_seconds)

    monkeypatch.setattr(gateway.bus, "request", counting)
    stranger = SigningKey("unknown", key.private)
    async with gateway.client() as client:
        for _ in range(3):
            assert (await client.get("/jobs", headers=sent(token_of(key, "viewer")))).status_code == 200
            assert (await client.get("/jobs", headers=sent(token_of(stranger, "viewer")))).status_code == 401
        assert asked == ["orc.auth.jwks"]
        monkeypatch.setattr(guards, "ASK_AGAIN_SECONDS", 0.0)
        await client.get("/jobs", headers=sent(token_of(stranger, "viewer")))
        assert asked == ["orc.auth.jwks"] * 2


async def test_auth_away(client, monkeypatch):
    """Without the auth service tokens cannot be checked: 503, never let through; without a token all goes on."""
    monkeypatch.setattr(guards, "ASK_SECONDS_MAX", 0.05)
    answers = [
        await client.get("/jobs", headers=sent("x.y.z")),
        await client.post("/auth/login", json=WHO),
        await client.get("/.well-known/jwks.json"),
    ]
    assert [(answer.status_code, answer.headers["retry-after"]) for answer in answers] == [(503, "1")] * 3
    assert (await client.get("/jobs")).status_code == 200
