"""Callers have a share of all gateways together, and are told when to come again."""

import asyncio

import pytest
from gateway.people import first_admin, person, sent
from prometheus_client import CollectorRegistry

from orc_gateway import rates as module
from orc_gateway.buckets import Limit
from orc_gateway.client_address import parse_proxies
from orc_gateway.rates import Rates, limits_of

WHO = {"username": "myuser", "password": "mypassword"}
SLOW = 0.001
"""Tokens a second: none comes back during a test."""
PROXIES = parse_proxies(["127.0.0.1"])


@pytest.fixture
def limited(start_gateway):
    """Start a gateway whose callers are limited, by a bucket that all gateways of the test share."""

    async def start(requests=None, logins=None, **changes):
        start.pool = pool = await start_gateway.pool("orc_gateway", "read")
        limits = [
            Limit(name, SLOW, burst) if burst else None
            for name, burst in (("requests", requests), ("logins", logins))
        ]
        rates = Rates(pool, CollectorRegistry(), requests=limits[0], logins=limits[1], proxies=PROXIES)
        return await start_gateway(auth=True, rates=rates, **changes)

    return start


async def statuses(client, method, path, times, **options):
    return [(await client.request(method, path, **options)).status_code for _ in range(times)]


def by(address):
    return {"X-Forwarded-For": address}


async def test_one_address(limited):
    """Without a token the address counts, as the trusted proxy says it; the answer says when to come again."""
    gateway = await limited(requests=3)
    async with gateway.client() as client:
        assert await statuses(client, "GET", "/jobs", 4, headers=by("1.2.3.4")) == [200, 200, 200, 429]
        assert await statuses(client, "GET", "/jobs", 1, headers=by("1.2.3.5")) == [200]
        refused = await client.get("/runs", headers=by("1.2.3.4"))
    assert (refused.json()["code"], refused.headers["content-type"]) == (
        "too-many-requests",
        "application/problem+json",
    )
    assert 900 <= int(refused.headers["retry-after"]) <= 1000
    assert refused.headers["ratelimit"] == f'"requests";r=0;t={refused.headers["retry-after"]}'
    assert refused.headers["ratelimit-policy"] == '"requests";q=3;w=3000'


async def test_two_gateways_share(limited):
    """What one gateway gave, the other does not give again."""
    one, other = await limited(requests=10), await limited(requests=10)
    async with one.client() as first, other.client() as second:
        answers = [
            code for client in (first, second) * 8 for code in await statuses(client, "GET", "/jobs", 1)
        ]
    assert answers == [200] * 10 + [429] * 6


async def test_principals(limited, start_gateway):
    """A principal has its own share wherever it asks from, and takes nobody else's."""
    generous = await start_gateway(auth=True, mode="required")
    async with generous.client() as client:
        admin = await first_admin(client, start_gateway.bootstrap)
        _, viewer = await person(client, admin, "vera", "viewer")
    gateway = await limited(requests=2, mode="required")
    async with gateway.client() as client:
        codes = [
            await statuses(client, "GET", "/jobs", 1, headers=viewer | by("1.1.1.1")),
            await statuses(client, "GET", "/jobs", 2, headers=viewer | by("2.2.2.2")),
            await statuses(client, "GET", "/jobs", 1, headers=admin | by("2.2.2.2")),
        ]
    assert codes == [[200], [200, 429], [200]]


async def test_whoever_is_turned_away_is_counted(limited):
    """Tokens that are none, and none at all, cost the address; guessing ends in 429."""
    gateway = await limited(requests=2, mode="required")
    async with gateway.client() as client:
        assert await statuses(client, "GET", "/jobs", 3, headers=sent("x.y.z")) == [401, 401, 429]
        assert await statuses(client, "GET", "/jobs", 1) == [429]
        assert await statuses(client, "GET", "/livez", 3) == [200] * 3


async def test_strangers_at_the_door(limited):
    """What makes auth work for strangers has a limit of its own, before auth hears of it."""
    gateway = await limited(logins=2)
    asked, request = [], gateway.bus.request

    async def counting(subject, data, **options):
        asked.append(subject)
        return await request(subject, data, **options)

    gateway.bus.request = counting
    async with gateway.client() as client:
        codes = await statuses(client, "POST", "/auth/login", 4, json=WHO)
        assert await statuses(client, "GET", "/jobs", 4) == [200] * 4
    assert codes == [401, 401, 429, 429]
    assert asked.count("orc.auth.login") == 2


async def test_without_postgres_nobody_is_limited(limited):
    """The limits' database away, requests go on; what needs it says so itself."""
    gateway = await limited(requests=1)
    async with gateway.client() as client:
        assert await statuses(client, "GET", "/auth/me", 2) == [200, 429]
        await limited.pool.close()
        assert await statuses(client, "GET", "/auth/me", 3, headers=by("1.2.3.4")) == [200] * 3


async def test_many_at_once_are_one_question(limited):
    """Of requests that come together one asks Postgres, and takes for the others what it may."""
    pool_calls = []
    gateway = await limited()
    rates = Rates(
        gateway.pool, CollectorRegistry(), requests=Limit("requests", 200.0, 400), logins=None, proxies=()
    )
    fetchrow = gateway.pool.fetchrow

    class Counting:
        def fetchrow(self, *arguments):
            pool_calls.append(arguments)
            return fetchrow(*arguments)

    rates._pool = Counting()
    await asyncio.gather(*(rates.admit({"client": ("1.2.3.4", 1), "headers": []}) for _ in range(200)))
    assert len(pool_calls) <= 20


async def test_full_buckets_are_forgotten(limited):
    """Rows that say nothing any more are removed, those that do are kept."""
    gateway = await limited()
    await gateway.pool.execute("INSERT INTO rates VALUES ('old', 1, 1), ('new', 1e12, 1)")
    await Rates(gateway.pool, CollectorRegistry(), requests=None, logins=None, proxies=()).forget()
    assert [row["name"] for row in await gateway.pool.fetch("SELECT name FROM rates")] == ["new"]


async def test_callers_are_held_up_to_a_number(limited, monkeypatch):
    """A flood of addresses does not fill the memory."""
    monkeypatch.setattr(module, "HANDS_MAX", 3)
    gateway = await limited()
    rates = Rates(
        gateway.pool, CollectorRegistry(), requests=Limit("requests", 1.0, 5), logins=None, proxies=()
    )
    for last in range(8):
        await rates.admit({"client": (f"1.2.3.{last}", 1), "headers": []})
    assert len(rates._held) == 3


@pytest.mark.parametrize(
    ("changes", "limits"),
    [
        ({}, (None, None)),
        ({"mode": "required"}, (Limit("requests", 200, 400), Limit("logins", 1.0, 60))),
        ({"host": "0.0.0.0"}, (Limit("requests", 200, 400), Limit("logins", 1.0, 60))),
        ({"mode": "required", "rate_per_second": 0, "rate_login_per_minute": 0}, (None, None)),
        ({"rate_per_second": 5}, (Limit("requests", 5, 10), None)),
        ({"rate_per_second": 5, "rate_burst": 7, "rate_login_per_minute": 6}, (Limit("requests", 5, 7), Limit("logins", 0.1, 6))),
    ],
)  # fmt: skip
def test_settings(settings, changes, limits):
    """Nobody is limited where only this machine asks, unless a setting says so."""
    assert limits_of(settings(**changes)) == limits
