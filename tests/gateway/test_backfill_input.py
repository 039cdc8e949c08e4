"""What a backfill may not ask for, and what templates in a job may say, over REST."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from gateway.backfills import RANGE, runs, until, when

from orc_gateway.shown import Shown

START = datetime(2026, 5, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"start": "2026-05-01"}, "start"),
        ({"start": "2026-05-01T00:00:00"}, "start"),
        ({"start": "0001-01-01T00:00:00+14:00"}, "start"),
        ({"start": "1969-12-31T23:59:59Z"}, "start"),
        ({"end": "2026-04-30T00:00:00Z"}, "end"),
        ({"end": "9999-01-01T00:00:00Z"}, "end"),
        ({"reprocess": "some"}, "reprocess"),
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": 101}, "concurrency"),
        ({"dry_run": "yes"}, "dry_run"),
        ({"reversed": True}, "reversed"),
    ],
)
async def test_bad_input(gateway, ask, said, field):
    """What cannot be meant is 400 naming the field, dry run or not, and appends nothing."""
    head = await gateway.log.head()
    for more in ({}, {"dry_run": True}):
        answer = await ask(**(more | said))
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field), answer.text
    assert await gateway.log.head() == head


async def test_ranges_that_hold_no_backfill(client, body):
    """A job by hand, no job, too many instants and none at all are told apart."""

    async def asked(schedule: str, start: datetime, **said: Any) -> tuple[int, str, str]:
        job = (await client.post("/jobs", json=body(schedule=schedule))).json()
        wish = {"start": start.isoformat(), "end": (start + timedelta(hours=3)).isoformat()} | said
        answer = await client.post(f"/jobs/{job['job_id']}/backfills", json=wish)
        return answer.status_code, answer.json()["code"], answer.json()["errors"][0]["detail"]

    assert [
        await asked("@manual", START),
        await asked("* * * * * *", START),
        await asked("0 0 1 1 *", START),
    ] == [
        (400, "invalid", "the job runs by hand only, so there are no instants to run it for"),
        (400, "too-many-instants", "the range holds 10801 instants"),
        (409, "nothing-to-run", "the schedule has no instant in the range"),
    ]
    nowhere = "00000000-0000-0000-0000-000000000001"
    answers = [
        await client.post(f"/jobs/{nowhere}/backfills", json=RANGE),
        await client.get(f"/backfills/{nowhere}"),
    ]
    assert [answer.status_code for answer in answers] == [404, 404]


async def test_templates(gateway, client, body):
    """A run's tasks show what was rendered for its instant; a template that means nothing is 400 at create."""
    task = {
        "extractor_config": {"type": "csv", "path": "{{ due_at:%Y/%m/%d }}.csv"},
        "loader_config": {"type": "discard"},
    }
    job = (await client.post("/jobs", json=body(schedule="0 9 * * *", tasks=[task]))).json()
    await client.post(f"/jobs/{job['job_id']}/backfills", json=RANGE | {"concurrency": 4})
    found = await until(lambda: when(runs(client), 4))
    configs = [
        (await client.get(f"/runs/{run['run_id']}/tasks")).json()[0]["extractor_config"] for run in found
    ]
    assert [config["path"] for config in configs] == [f"2026/05/0{day}.csv" for day in (4, 3, 2, 1)]
    task["extractor_config"]["path"] = "{{ today }}.csv"
    refused = await client.post("/jobs", json=body(tasks=[task]))
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (
        400,
        "tasks[0].extractor_config.path",
    )
    assert "window_start" in refused.json()["errors"][0]["valid"]


async def test_run_by_hand_with_templates(client, body):
    """A run by hand is for the time it was asked for."""
    task = {
        "extractor_config": {"type": "csv", "path": "{{ due_at:%Y }}.csv"},
        "loader_config": {"type": "discard"},
    }
    job = (await client.post("/jobs", json=body(tasks=[task]))).json()
    run = (await client.post(f"/jobs/{job['job_id']}/run")).json()
    (shown,) = (await client.get(f"/runs/{run['run_id']}/tasks")).json()
    assert shown["extractor_config"]["path"] == f"{run['created_at'][:4]}.csv"


async def test_read_tables_that_are_behind(gateway, ask, monkeypatch):
    """While the tables do not tell yet which instants have a run, nothing is decided: it is 503, and to be asked again."""

    async def never(*_: Any) -> bool:
        return False

    monkeypatch.setattr(Shown, "passed", never)
    head = await gateway.log.head()
    answers = [await ask(), await ask(dry_run=True)]
    assert [(answer.status_code, answer.headers.get("Retry-After")) for answer in answers] == [(503, "1")] * 2
    assert await gateway.log.head() == head
