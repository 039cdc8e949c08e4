"""What is ended is ended at every gateway within five seconds, and also after a restart and while auth is away."""

import asyncio

import pytest

from orc_gateway import sse, trusting

WHO = {"username": "ann", "password": "correct horse battery staple 7"}


def sent(tokens):
    return {"Authorization": f"Bearer {tokens['token']}"}


@pytest.fixture
async def two(start_gateway):
    """Two gateways before one auth service, and an account that is logged in."""
    first = await start_gateway(auth=True, mode="required")
    second = await start_gateway(mode="required", beside=first)
    async with first.client() as one, second.client() as other:
        await one.post("/auth/bootstrap", json={"secret": start_gateway.bootstrap, **WHO})
        yield one, other, second


async def until_refused(client, headers) -> None:
    async with asyncio.timeout(trusting.STALE_SECONDS):
        while (await client.get("/jobs", headers=headers)).status_code != 401:
            continue


async def test_a_logout_is_known_at_the_other_gateway(two):
    """Told at once: neither gateway takes the token any more, nor the refresh token."""
    one, other, _ = two
    tokens = (await one.post("/auth/login", json=WHO)).json()
    assert (await other.get("/jobs", headers=sent(tokens))).status_code == 200
    assert (await one.post("/auth/logout", json={}, headers=sent(tokens))).status_code == 204
    await until_refused(one, sent(tokens))
    await until_refused(other, sent(tokens))
    again = await other.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert again.status_code == 401


async def test_a_logout_is_known_though_nobody_told(two, start_gateway):
    """A gateway that missed the word asks within two seconds all the same."""
    one, other, _ = two
    tokens = (await one.post("/auth/login", json=WHO)).json()
    assert (await other.get("/jobs", headers=sent(tokens))).status_code == 200
    start_gateway.is_mute = True
    await one.post("/auth/logout", json={}, headers=sent(tokens))
    await until_refused(other, sent(tokens))


async def test_a_logout_is_known_after_a_restart(two, start_gateway):
    """A gateway that starts asks before it takes its first token."""
    one, _, second = two
    tokens = (await one.post("/auth/login", json=WHO)).json()
    await one.post("/auth/logout", json={}, headers=sent(tokens))
    third = await start_gateway(mode="required", beside=second)
    async with third.client() as client:
        assert (await client.get("/jobs", headers=sent(tokens))).status_code == 401


async def test_without_news_no_token_is_taken(start_gateway, monkeypatch):
    """When auth is away for too long, it is 503: among the tokens may be one that was ended."""
    gateway = await start_gateway(auth=True, mode="required")
    async with gateway.client() as client:
        await client.post("/auth/bootstrap", json={"secret": start_gateway.bootstrap, **WHO})
        tokens = (await client.post("/auth/login", json=WHO)).json()
        assert (await client.get("/jobs", headers=sent(tokens))).status_code == 200
        await start_gateway.silence_auth()
        assert (await client.get("/jobs", headers=sent(tokens))).status_code == 200
        monkeypatch.setattr(trusting, "STALE_SECONDS", 0.0)
        monkeypatch.setattr(trusting, "ANSWER_SECONDS_MAX", 0.05)
        answer = await client.get("/jobs", headers=sent(tokens))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert (await client.get("/health")).status_code == 200


async def test_a_live_stream_ends_with_its_session(start_gateway, monkeypatch):
    """Whoever is logged out sees no further event."""
    monkeypatch.setattr(sse, "CHECK_SECONDS", 0.05)
    gateway = await start_gateway(auth=True, mode="required")
    async with gateway.served() as client:
        await client.post("/auth/bootstrap", json={"secret": start_gateway.bootstrap, **WHO})
        tokens = (await client.post("/auth/login", json=WHO)).json()
        headers = {**sent(tokens), "Accept": "text/event-stream"}
        async with client.stream("GET", "/events", headers=headers) as stream:
            chunks = stream.aiter_raw()
            await anext(chunks)
            await client.post("/auth/logout", json={}, headers=sent(tokens))
            async with asyncio.timeout(10):
                async for _ in chunks:
                    continue
