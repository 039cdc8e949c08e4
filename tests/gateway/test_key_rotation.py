"""P34: while a signing key is replaced, not one valid request fails, and what a dropped key signed is refused."""

import asyncio
from uuid import uuid4

import pytest

from orc_auth.signing import KEYS_ACTOR
from orc_runtime.auth_messages.trust import KEY_AHEAD_SECONDS, STALE_SECONDS

WHO = {"username": "ann", "password": "correct horse battery staple 7"}


def sent(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def client(start_gateway):
    gateway = await start_gateway(auth=True, mode="required")
    async with gateway.client() as client:
        await client.post("/auth/bootstrap", json={"secret": start_gateway.bootstrap, **WHO})
        yield client


async def kid_of(token: str) -> str:
    import jwt  # noqa: PLC0415

    return jwt.get_unverified_header(token)["kid"]


async def test_rotation_under_load(client, start_gateway):
    """Old tokens, fresh ones and the first of the new key are all taken, from the word on until the new key signs."""
    keys = start_gateway.identity.keys
    first = (await client.post("/auth/login", json=WHO)).json()
    admin = sent(first["token"])
    rotated = (await client.post("/auth/signing-keys/rotate", json={}, headers=admin)).json()
    tokens, refused, asked = first, [], 0
    async with asyncio.timeout(KEY_AHEAD_SECONDS + 20):
        while await kid_of(tokens["token"]) != rotated["kid"]:
            tokens = (
                await client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
            ).json()
            for token in (first["token"], tokens["token"]):
                answers = await asyncio.gather(*(client.get("/jobs", headers=sent(token)) for _ in range(10)))
                asked += len(answers)
                refused += [answer.status_code for answer in answers if answer.status_code != 200]
    assert refused == []
    assert asked > 100
    shown = (await client.get("/.well-known/jwks.json")).json()["keys"]
    assert {key["kid"] for key in shown} == {await kid_of(first["token"]), rotated["kid"]}
    assert await keys.public()


async def test_a_dropped_key(client, start_gateway):
    """What it signed is refused at once; the refresh token gets one of the new key."""
    first = (await client.post("/auth/login", json=WHO)).json()
    rotated = await client.post(
        "/auth/signing-keys/rotate", json={"drop_old": True}, headers=sent(first["token"])
    )
    assert rotated.status_code == 200
    tokens = (await client.post("/auth/refresh", json={"refresh_token": first["refresh_token"]})).json()
    assert await kid_of(tokens["token"]) == rotated.json()["kid"]
    async with asyncio.timeout(STALE_SECONDS):
        while (await client.get("/jobs", headers=sent(tokens["token"]))).status_code != 200:
            continue
    assert (await client.get("/jobs", headers=sent(first["token"]))).status_code == 401
    assert [key["kid"] for key in (await client.get("/.well-known/jwks.json")).json()["keys"]] == [
        rotated.json()["kid"]
    ]


async def test_only_an_admin_rotates(client, start_gateway):
    """Asked of auth by itself, too: a gateway that was taken over rotates nothing without an admin's token."""
    keys = start_gateway.identity.keys
    before = await keys.public()
    assert (await client.post("/auth/signing-keys/rotate", json={})).status_code == 401
    assert await keys.public() == before
    await keys.rotate(KEYS_ACTOR, uuid4())
    assert len(await keys.public()) == 2
