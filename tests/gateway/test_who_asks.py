"""Whom a request speaks for, with the auth service's own answers behind it."""

import pytest
from gateway.people import sent

from orc_gateway import auth_client, trusting

WHO = {"username": "myuser", "password": "mypassword"}


async def test_token_names_the_actor(start_gateway, body):
    """In optional mode nobody is anonymous, and a token names whoever sent it."""
    gateway = await start_gateway(auth=True)
    async with gateway.client() as client:
        await client.post("/auth/register", json=WHO)
        token = (await client.post("/auth/login", json=WHO)).json()["token"]
        await client.post("/jobs", json=body())
        await client.post("/jobs", json=body(), headers=sent(token))
        actors = [event["actor"] for event in (await client.get("/events?type=job.created")).json()]
        nobody, somebody = await client.get("/auth/me"), await client.get("/auth/me", headers=sent(token))
    assert actors == ["anonymous", "user:myuser"]
    assert (nobody.json()["subject"], nobody.json()["role"]) == ("anonymous", "viewer")
    assert (somebody.json()["subject"], somebody.json()["role"]) == ("user:myuser", "operator")


@pytest.mark.parametrize("mode", ["optional", "required"])
async def test_another_scheme(start_gateway, mode):
    """A credential that is sent by another scheme than Bearer is none, in either mode."""
    gateway = await start_gateway(auth=True, mode=mode)
    async with gateway.client() as client:
        answer = await client.get("/jobs", headers={"Authorization": "Basic YTpi"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="orc"')


async def test_auth_away(client, monkeypatch):
    """Without the auth service credentials cannot be checked: 503, never let through; without one all goes on."""
    monkeypatch.setattr(trusting, "ANSWER_SECONDS_MAX", 0.05)
    monkeypatch.setattr(auth_client, "ANSWER_SECONDS_MAX", 0.05)
    answers = [
        await client.get("/jobs", headers=sent("x.y.z")),
        await client.post("/auth/login", json=WHO),
        await client.get("/.well-known/jwks.json"),
    ]
    assert [(answer.status_code, answer.headers["retry-after"]) for answer in answers] == [(503, "1")] * 3
    assert (await client.get("/jobs")).status_code == 200
