"""Accounts over REST: the first admin by a secret, once; then whatever admins make of others."""

import pytest

STRONG = "a password long enough"


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


async def token_of(client, username, password=STRONG):
    answer = await client.post("/auth/login", json={"username": username, "password": password})
    assert answer.status_code == 200, answer.text
    return answer.json()["token"]


@pytest.fixture
async def admin(required, start_gateway):
    """Give the headers of the first admin, ann."""
    body = {"secret": start_gateway.bootstrap, "username": "ann", "password": STRONG}
    assert (await required.post("/auth/bootstrap", json=body)).status_code == 200
    return sent(await token_of(required, "ann"))


async def test_first(optional):
    made = await optional.post("/auth/register", json={"username": "myuser", "password": "mypassword"})
    assert made.status_code == 200, made.text


async def test_admin(required, admin):
    print((await required.get("/auth/users", headers=admin)).text)
