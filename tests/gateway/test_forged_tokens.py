"""P34: whatever is wrong with a token, the gateway answers 401, in the same words, and nothing happens."""

import pytest
from support.forgeries import forgeries

from orc_auth.signing import SigningKeys

STRONG = {"username": "boss", "password": "correct horse battery staple 7"}


@pytest.fixture
async def required(start_gateway):
    gateway = await start_gateway(auth=True, mode="required")
    async with gateway.client() as client:
        made = await client.post("/auth/bootstrap", json={"secret": start_gateway.bootstrap, **STRONG})
        assert made.status_code == 200
        yield client


@pytest.fixture
async def key(start_gateway, required):
    """Give the very key that auth signs with: what it did not sign is forged as well as can be."""
    keys: SigningKeys = start_gateway.identity.keys
    return (await keys.current())[0]


async def test_forgeries(required, key, body):
    """Forty of them, by a route that reads, one that changes and the one that says who asks."""
    forged = forgeries(key.private, key.kid)
    opened = (await required.post("/auth/login", json=STRONG)).json()
    forged |= {"a refresh token": opened["refresh_token"], "with a mangled end": opened["token"][:-2]}
    said = set()
    for name, token in forged.items():
        headers = {"Authorization": f"Bearer {token}".encode()}
        for answer in (
            await required.get("/jobs", headers=headers),
            await required.post("/jobs", json=body(), headers=headers),
            await required.get("/auth/me", headers=headers),
        ):
            assert answer.status_code == 401, name
            said.add(answer.json()["detail"])
    assert said == {"the token is invalid or has expired"}
    good = {"Authorization": f"Bearer {opened['token']}"}
    assert (await required.get("/jobs", headers=good)).json() == []
