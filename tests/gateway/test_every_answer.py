"""Every answer, whatever it is, has an id, tells a browser what it may not do with it, and lets no other site read it."""

from uuid import UUID

import httpx
import pytest
from gateway.test_connection import HEAD, socket_to
from prometheus_client import CollectorRegistry
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from orc_gateway.client_address import parse_proxies
from orc_gateway.front import Front
from orc_gateway.security_headers import EVERYWHERE
from orc_runtime.health import Health

GIVEN = "0d3f2f7e-0000-4000-8000-00000000abcd"
OWN = {"/schema": {"content-security-policy"}, "/.well-known/jwks.json": {"cache-control"}}
"""Answers that say some of it themselves."""


def check(headers, path=""):
    """Assert that an answer has all that every answer has."""
    UUID(headers["x-request-id"])
    for name, value in EVERYWHERE:
        told = headers.get(name.decode())
        assert told is not None if name.decode() in OWN.get(path, ()) else told == value.decode(), name
    assert not any(name == "server" or name.startswith("access-control-") for name in headers)


def early(**options):
    transport = httpx.ASGITransport(Front(Health(), CollectorRegistry(), **options))
    return httpx.AsyncClient(transport=transport, base_url="http://gateway")


async def test_answers_of_the_application(start_gateway, body):
    """Answers, errors of every kind, what nobody handles, pages and streams alike."""
    gateway = await start_gateway(auth=True)
    async with gateway.client(headers={"Origin": "http://gateway"}) as client:
        job = (await client.post("/jobs", json=body())).json()["job_id"]
        run = (await client.post(f"/jobs/{job}/run")).json()["run_id"]
        await client.post(f"/runs/{run}/cancel")
        for method, path in [
            ("GET", "/jobs"), ("GET", f"/jobs/{job}"), ("GET", "/jobs/x"), ("GET", "/nowhere"), ("PATCH", "/jobs"),
            ("OPTIONS", "/jobs"), ("HEAD", "/jobs"), ("POST", "/jobs"), ("GET", "/health"), ("GET", "/metrics"),
            ("GET", "/schema"), ("GET", "/schema/openapi.json"), ("GET", "/.well-known/jwks.json"), ("GET", "/auth/me"),
            ("GET", f"/runs/{run}/events"), ("DELETE", f"/jobs/{job}"),
        ]:  # fmt: skip
            check((await client.request(method, path)).headers, path)
        check((await client.get(f"/runs/{run}/events", headers={"Accept": "text/event-stream"})).headers)


async def test_answers_before_the_application():
    """Also while the gateway starts, and to a request that was meant for another name or comes from another site."""
    async with early(own_host="127.0.0.1") as client:
        for path in ("/livez", "/readyz", "/metrics", "/jobs"):
            check((await client.get(path, headers={"Host": "localhost"})).headers)
        misdirected = await client.get("/livez", headers={"Host": "evil.com"})
        check(misdirected.headers)
        assert misdirected.status_code == 421


async def test_metrics_while_starting():
    """Where a token is needed, nothing is told before one can be checked."""
    async with early(mode="required") as client:
        assert [(await client.get(path)).status_code for path in ("/metrics", "/livez")] == [503, 200]


async def test_answers_below_http(gateway):
    """Also what the connection itself answers: no HTTP, and a head that is too large."""
    async with gateway.served() as client:
        for sent in (b"\0\r\n\r\n", HEAD + b"A: b\r\n" * 120 + b"\r\n"):
            async with socket_to(client) as (reader, writer):
                writer.write(sent)
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
                check({name.lower(): value for name, _, value in (line.partition(": ") for line in head)})


async def test_a_failure_outside_the_application(gateway, monkeypatch):
    """An error nobody took is a problem as well, and its words stay in our log, under the request's id."""

    async def fail(*_):
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(gateway.front, "_app", fail)
    async with gateway.client() as client:
        answer = await client.get("/jobs", headers={"X-Request-Id": GIVEN})
    check(answer.headers)
    assert (answer.status_code, answer.json()["code"], answer.headers["x-request-id"]) == (
        500,
        "internal",
        GIVEN,
    )
    assert "secret" not in answer.text


async def test_log_lines_carry_the_id(gateway, monkeypatch):
    """A failure's line in the log names the request, so that the answer's id finds it."""

    async def fail(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(gateway.reads, "jobs", fail)
    with capture_logs(processors=[merge_contextvars]) as lines:
        async with gateway.client() as client:
            await client.get("/jobs", headers={"X-Request-Id": GIVEN})
    assert [line["request_id"] for line in lines if line["event"] == "failed to answer"] == [GIVEN]


async def test_the_id_is_on_every_event(client, body):
    """What a request led to is found by the id it was given, the run's first event as the job's."""
    headers = {"X-Request-Id": GIVEN.upper()}
    created = await client.post("/jobs", json=body(), headers=headers)
    run = await client.post(f"/jobs/{created.json()['job_id']}/run", headers=headers)
    assert [one.headers["x-request-id"] for one in (created, run)] == [GIVEN, GIVEN]
    events = (await client.get(f"/runs/{run.json()['run_id']}/events")).json()
    assert [event["correlation_id"] for event in events] == [GIVEN]
    events = (await client.get("/events")).json()
    assert {event["correlation_id"] for event in events} == {GIVEN}


@pytest.mark.parametrize("given", ["", "x", "../../etc", GIVEN + "0", "{" + GIVEN + "}", "a\tb", "é"])
async def test_an_id_that_is_none_is_replaced(client, given):
    """Only a UUID is taken over: the id stands in logs and events, and what stands there is ours to choose."""
    answer = await client.get("/jobs", headers={"X-Request-Id": given.encode("latin-1")})
    assert answer.headers["x-request-id"] != given
    UUID(answer.headers["x-request-id"])


async def test_hsts_only_by_tls():
    """A browser is told to stay with TLS only when it came by it, as a trusted proxy says."""
    proxies = parse_proxies(["127.0.0.0/8"])
    by_tls = {"X-Forwarded-Proto": "https"}
    async with early(proxies=proxies) as trusted, early() as direct:
        answers = [
            await trusted.get("/livez", headers=by_tls),
            await trusted.get("/livez"),
            await direct.get("/livez", headers=by_tls),
        ]
    assert ["strict-transport-security" in answer.headers for answer in answers] == [True, False, False]
