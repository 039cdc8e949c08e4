"""The gateway answers from its first moment on, says when it is ready, and counts what it answers."""

import asyncio
from contextlib import asynccontextmanager

import httpx
import pytest
from prometheus_client import CollectorRegistry

from orc_events.event import Position
from orc_gateway import reads as module
from orc_gateway.front import Front
from orc_gateway.problems import Unavailable
from orc_gateway.shown import Shown
from orc_runtime.health import Health


async def test_before_it_is_open():
    """Alive, not ready, saying what it waits for; everything else is 503 to be asked again."""
    health = Health()
    health.fail("postgres", "waiting")
    transport = httpx.ASGITransport(Front(health, CollectorRegistry()))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        paths = ("/livez", "/health", "/readyz", "/metrics", "/jobs")
        answers = [await client.get(path) for path in paths]
    assert [answer.status_code for answer in answers] == [200, 200, 503, 200, 503]
    assert answers[2].json() == {"ready": False, "checks": {"startup": "starting", "postgres": "waiting"}}
    problem = answers[4]
    assert (problem.headers["content-type"], problem.headers["retry-after"]) == (
        "application/problem+json",
        "1",
    )
    assert problem.json()["code"] == "starting"


async def test_once_it_is_open(gateway, client):
    """Health is told by the application then, check by check."""
    answers = [await client.get(path) for path in ("/health", "/livez", "/readyz")]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    gateway.health.fail("nats", "not connected")
    unready = await client.get("/readyz")
    assert (unready.status_code, unready.json()["checks"]) == (503, {"nats": "not connected"})


async def test_answers_are_counted_by_template(gateway, client, body):
    """Counts carry the route's template, never an id, and one label for all that matched nothing."""
    job = (await client.post("/jobs", json=body())).json()
    await client.get(f"/jobs/{job['job_id']}")
    await client.get("/jobs/nope")
    await client.get("/nowhere/at/all")
    await client.request("BREW", "/jobs")
    text = (await client.get("/metrics")).text
    for line in (
        'orc_http_answers_total{method="POST",route="/jobs",status="200"} 1.0',
        'orc_http_answers_total{method="GET",route="/jobs/{job_id}",status="200"} 1.0',
        'orc_http_answers_total{method="GET",route="/jobs/{job_id}",status="400"} 1.0',
        'orc_http_answers_total{method="GET",route="unmatched",status="404"} 1.0',
        'orc_http_answers_total{method="other",route="unmatched",status="405"} 1.0',
        'orc_commands_total{outcome="done",type="job.create"} 1.0',
        "orc_projected_position 1.0",
        "orc_projection_lag 0.0",
    ):
        assert line in text.splitlines(), text
    assert job["job_id"] not in text


async def test_database_away(gateway, client, body):
    """Without Postgres whatever reads or commands is 503 to be asked again; the process stays alive."""
    await gateway.pool.close()
    paths = ("/jobs", "/runs", "/events", "/runs/00000000-0000-0000-0000-000000000001/events")
    answers = [await client.get(path) for path in paths]
    assert [(answer.status_code, answer.headers["retry-after"]) for answer in answers] == [(503, "1")] * 4
    assert (await client.get("/livez")).status_code == 200


async def test_fault_of_ours_is_500_and_tells_nothing(gateway, client, monkeypatch):
    """An error in no table is 500, and its words stay in our log."""

    async def fail(*_, **__):
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(gateway.reads, "jobs", fail)
    answer = await client.get("/jobs")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text


class Standby:
    """A follower that does not lead: it knows what it was told."""

    is_leading = False
    position = Position(0)

    def __init__(self) -> None:
        self.heard = asyncio.Event()

    def saw(self, position: Position) -> None:
        self.position = max(self.position, position)
        self.heard.set()

    async def passed(self, position: Position, timeout_seconds: float) -> bool:
        if position > self.position:
            try:
                async with asyncio.timeout(timeout_seconds):
                    await self.heard.wait()
            except TimeoutError:
                return False
        return position <= self.position


@pytest.mark.parametrize("how", ["told", "checkpoint", "never"])
async def test_standby_learns_what_is_shown(how):
    """A gateway that does not project passes a position when told of it, or when the checkpoint says so."""
    follower = Standby()

    async def checkpoint() -> Position:
        return Position(7 if how == "checkpoint" else 3)

    shown = Shown(follower, checkpoint, CollectorRegistry())
    if how == "told":
        asyncio.get_running_loop().call_soon(shown.hear, "orc.projected", b"7")
    assert await shown.passed(Position(7), 0.01 if how == "never" else 5.0) is (how != "never")


class FrozenPool:
    """A pool on a server that neither answers nor lets go: it even ignores the first attempt to cancel."""

    def __init__(self) -> None:
        self.thawed = asyncio.Event()

    @asynccontextmanager
    async def acquire(self):
        yield self

    async def fetch(self, *_):
        try:
            await self.thawed.wait()
        except asyncio.CancelledError:
            await self.thawed.wait()
            raise


async def test_frozen_database_is_given_up_in_time(monkeypatch):
    """A database that hangs is Unavailable when its time is over, whether or not the question can be taken back."""
    monkeypatch.setattr(module, "READ_SECONDS_MAX", 0.01)
    pool = FrozenPool()
    with pytest.raises(Unavailable):
        await module.Reads(pool).jobs(1)
    pool.thawed.set()
