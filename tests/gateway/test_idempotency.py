"""The same Idempotency-Key is the same command: done once, answered the same."""

import asyncio
from uuid import UUID

import pytest

from orc_domain.wire import WireCancelRun, WirePauseJob, WireRequestRun
from orc_gateway import commands as module
from orc_gateway.commands import command_id
from orc_runtime.principal import ANONYMOUS, Principal

JOB = UUID(int=5)


@pytest.fixture
async def job(client, body):
    return (await client.post("/jobs", json=body())).json()


async def test_same_key_is_one_run(client, job):
    """Triggers with one key, one after another and all at once, are one run."""
    path, headers = f"/jobs/{job['job_id']}/run", {"Idempotency-Key": "monday"}
    answers = await asyncio.gather(*(client.post(path, headers=headers) for _ in range(8)))
    answers.append(await client.post(path, headers=headers))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len((await client.get("/runs")).json()) == 1


async def test_key_used_with_another_body_is_refused(client, body):
    """A key says one thing only; with another body it is 409."""
    headers = {"Idempotency-Key": "k"}
    first = await client.post("/jobs", json=body(), headers=headers)
    same = await client.post("/jobs", json=dict(reversed(body().items())), headers=headers)
    other = await client.post("/jobs", json=body(job_name="other"), headers=headers)
    assert [first.status_code, same.status_code, other.status_code] == [200, 200, 409]
    assert other.json()["code"] == "key-reused"
    assert same.json() == first.json()


@pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 256, "a\tb"])
async def test_odd_keys_are_refused(client, job, key):
    """A key is 1 to 255 visible ASCII characters."""
    answer = await client.post(
        f"/jobs/{job['job_id']}/run", headers=[(b"Idempotency-Key", key.encode("latin-1"))]
    )
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "Idempotency-Key")


def test_command_id_follows_from_who_what_and_key():
    """Another caller, another path, another verb or another key is another command; the same is the same."""
    anna = Principal(subject="user:anna", user_id=UUID(int=1), role="operator")
    given = [
        (ANONYMOUS, WireRequestRun(job_id=JOB), "k"),
        (anna, WireRequestRun(job_id=JOB), "k"),
        (ANONYMOUS, WirePauseJob(job_id=JOB), "k"),
        (ANONYMOUS, WireRequestRun(job_id=UUID(int=6)), "k"),
        (ANONYMOUS, WireCancelRun(run_id=JOB), "k"),
        (ANONYMOUS, WireRequestRun(job_id=JOB), "K"),
    ]
    ids = [command_id(*one) for one in given]
    assert len(set(ids)) == len(ids)
    assert [command_id(*one) for one in given] == ids
    assert command_id(ANONYMOUS, WirePauseJob(job_id=JOB, expected_version=3), "k") == ids[2]


async def test_no_outcome_is_503_and_its_key_resolves_it(start_gateway, monkeypatch, body):
    """Without a handler the answer is 503 with a key; once there is one, that key gives the committed answer."""
    monkeypatch.setattr(module, "OUTCOME_SECONDS_MAX", 0.05)
    gateway = await start_gateway(handlers=False)
    async with gateway.client() as client:
        unknown = await client.post("/jobs", json=body())
        assert (unknown.status_code, unknown.json()["code"]) == (503, "outcome-unknown")
        assert unknown.headers["retry-after"] == "1"
        monkeypatch.setattr(module, "OUTCOME_SECONDS_MAX", 5.0)
        await start_gateway.handle_commands(await gateway.broker.connect())
        key = {"Idempotency-Key": unknown.headers["idempotency-key"]}
        answers = [await client.post("/jobs", json=body(), headers=key) for _ in range(2)]
        assert {answer.status_code for answer in answers} == {200}
        assert [job["job_id"] for job in (await client.get("/jobs")).json()] == [answers[0].json()["job_id"]]


async def test_lost_outcome_is_found_in_the_log(gateway, client, monkeypatch, body):
    """When only the reply is lost, the log tells: committed is 2xx."""

    async def lose(_message):
        pass

    monkeypatch.setattr(gateway.bus.inbox(), "receive", lose)
    for interest in gateway.broker.interests:
        if interest.subject == gateway.bus.inbox().subject:
            interest._callback = lose
    monkeypatch.setattr(module, "OUTCOME_SECONDS_MAX", 1.0)
    monkeypatch.setattr(module, "LOOK_UP_SECONDS_MAX", 5.0)
    answer = await client.post("/jobs", json=body())
    assert answer.status_code == 200, answer.text
    assert (answer.json()["job_name"], answer.headers["etag"]) == ("planes", '"1"')
    changed = await client.post("/jobs", json=body(job_name="b"), headers={"Idempotency-Key": "k"})
    other = await client.post("/jobs", json=body(job_name="c"), headers={"Idempotency-Key": "k"})
    assert [changed.status_code, other.status_code] == [200, 409]


async def test_bus_away(gateway, client, body):
    """With NATS away a new command is 503 at once, and one that was done before is still answered."""
    headers = {"Idempotency-Key": "before"}
    before = await client.post("/jobs", json=body(), headers=headers)
    await gateway.bus.connection.close()
    again = await client.post("/jobs", json=body(), headers=headers)
    new = await client.post("/jobs", json=body())
    assert (again.status_code, again.json()) == (200, before.json())
    assert (new.status_code, new.headers["retry-after"]) == (503, "1")
    assert len((await client.get("/jobs")).json()) == 1
