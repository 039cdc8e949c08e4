"""The ledger over REST: every due instant with what became of it, in pages, and equal to its replay."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from support.ledger import JOB, Past, skipped, spec

from orc_domain.job import JobCreated, JobDeleted, JobPaused
from orc_domain.ticks import TickSkipped
from orc_events.event import Append, NewEvent, StreamName, Version
from orc_events.statements import load
from orc_gateway import projections
from orc_gateway.projections.runs import COPY_MIN
from orc_gateway.projections.ticks import Skipped
from orc_gateway.replay import replay

DAY = timedelta(days=1)
FIRST = datetime(2024, 3, 1, 8, tzinfo=UTC)
PATH = f"/jobs/{JOB}/ticks"


def day(number):
    return FIRST + (number - 1) * DAY


def text(at):
    return at.isoformat().replace("+00:00", "Z")


@pytest.fixture
async def past(gateway, start_gateway):
    past = Past(gateway, await start_gateway.log("orc_scheduler", "scheduler"))
    await past.job(FIRST - DAY, JobCreated(JOB, spec()))
    return past


@pytest.fixture
async def story(past):
    """Ten days: a run, three missed, a run, two paused, three not accounted for; beside it runs that are no ticks."""
    runs = [await past.requested(day(1), day(1))]
    await past.skipped(skipped(day(2), day(4), 3, "missed"))
    runs.append(await past.requested(day(5), day(5)))
    await past.skipped(skipped(day(6), day(7), 2, "paused", job_version=2))
    await past.requested(day(5) + timedelta(hours=1), day(8), triggered_by="backfill", backfill_id=uuid4())
    await past.requested(day(5) + timedelta(hours=2), day(8), triggered_by="manual")
    await past.requested(day(3), day(3), job_id=UUID(int=2))
    await past.shown()
    return runs


def row(first, last, count, outcome, reason, *, run_id=None, position, job_version=1):
    return {
        "due_at": text(first), "outcome": outcome, "reason": reason, "run_id": run_id and str(run_id),
        "position": position, "last_due_at": text(last), "count": count, "job_version": job_version,
        "tzdata": "2026.1",
    }  # fmt: skip


async def test_ticks_are_listed_newest_first(client, story):
    """Runs of the schedule and spans that were let pass are there once, the newest first; other runs are not."""
    answer = await client.get(PATH)
    assert answer.json() == [
        row(day(6), day(7), 2, "skipped", "paused", position=5, job_version=2),
        row(day(5), day(5), 1, "requested", None, run_id=story[1], position=4),
        row(day(2), day(4), 3, "skipped", "missed", position=3),
        row(day(1), day(1), 1, "requested", None, run_id=story[0], position=2),
    ]
    assert "link" not in answer.headers


@pytest.mark.parametrize(
    ("after", "before", "positions"),
    [
        (day(1), None, [5, 4, 3]),
        (day(2), None, [5, 4, 3]),
        (day(3), day(5), [3]),
        (day(4), day(6), [4]),
        (day(6), None, [5]),
        (day(7), None, []),
        (None, day(2), [2]),
        (None, day(1), []),
        (day(2), day(3), [3]),
    ],
)
async def test_range(client, story, after, before, positions):
    """Both ends are excluded, and a span that reaches into the range is part of it."""
    given = {name: text(at) for name, at in (("after", after), ("before", before)) if at is not None}
    answer = await client.get(PATH, params=given)
    assert [tick["position"] for tick in answer.json()] == positions


async def test_pages(client, story):
    """Following the Link headers gives every row once, within the range that was asked for."""
    found, url = [], f"{PATH}?limit=1&after={text(day(1))}"
    while url:
        page = await client.get(url)
        found.append([tick["position"] for tick in page.json()])
        url = page.links.get("next", {}).get("url")
    assert found == [[5], [4], [3]]


async def test_ticks_outlive_their_job(client, past, story):
    """A deleted job's ticks stay; a job that never was is 404, one without ticks has an empty list."""
    await past.job(day(9), JobDeleted(JOB))
    await past.job(day(9), JobCreated(UUID(int=9), spec()), job_id=UUID(int=9))
    await past.shown()
    assert len((await client.get(PATH)).json()) == 4
    assert (await client.get(f"/jobs/{UUID(int=9)}/ticks")).json() == []
    unknown = await client.get(f"/jobs/{UUID(int=8)}/ticks")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "job-not-found")


async def test_ledger_is_what_the_log_says(gateway, database, past, story):
    """Replayed, and emptied and folded again, the ledger is the same; a row that was changed is named."""
    report = await replay(database.url("orc_auditor"))
    assert (report.equal, {table.table: table.rows for table in report.tables}["ticks"]) == (True, 5)
    await gateway.projector.rebuild()
    await past.skipped(skipped(day(8), day(8), 1, "overlap"))
    await past.shown()
    assert (await replay(database.url("orc_auditor"))).equal
    connection = await asyncpg.connect(database.superuser_url)
    try:
        await connection.execute("UPDATE read.ticks SET reason = 'deadline' WHERE position = 3")
    finally:
        await connection.close()
    changed = await replay(database.url("orc_auditor"))
    found = [(one.table, one.differences[0].columns) for one in changed.tables if one.differing]
    assert found == [("ticks", {"reason": ("deadline", "missed")})]


async def test_many_ticks_in_one_batch(gateway, past):
    """Past the number from which COPY is used the rows are the same."""
    spans = [skipped(day(n), day(n), 1, "missed") for n in range(1, COPY_MIN + 2)]
    await past.skipped(*spans)
    await past.shown()
    await gateway.projector.rebuild()
    await past.skipped(skipped(day(COPY_MIN + 2), day(COPY_MIN + 2), 1, "missed"))
    await past.shown()
    ticks, has_more = await gateway.reads.ticks(JOB, None, None, 1000)
    assert [tick.due_at for tick in ticks] == [day(n) for n in range(COPY_MIN + 2, 0, -1)]
    assert not has_more


async def test_events_of_before(client, past, start_gateway):
    """An old event is shown as it was recorded: its reason by its old name, and no release that it never named."""
    data = (
        f'{{"type":"tick.skipped","job_id":"{JOB}","due_at":"{text(day(1))}","last_due_at":"{text(day(1))}",'
        '"count":1,"reason":"not_storable"}'
    )
    scheduler = await start_gateway.log("orc_scheduler", "scheduler")
    await scheduler.append(
        Append(
            command_id=uuid4(), body_hash=bytes(32), stream=StreamName(f"ticks-{JOB}"), expected_version=Version(0),
            events=(NewEvent("tick.skipped", data),), actor="scheduler", correlation_id=uuid4(), occurred_at=day(1),
        )
    )  # fmt: skip
    await past.shown()
    (tick,) = (await client.get(PATH)).json()
    assert tick == row(day(1), day(1), 1, "skipped", "not_storable", position=2, job_version=0) | {
        "tzdata": None
    }
    said = (await client.get(f"/jobs/{JOB}/why", params={"at": text(day(1))})).json()
    assert (said["outcome"], said["reason"]) == ("skipped", "not-storable")
    assert "too large for a run of it to be recorded" in said["sentence"]


def test_what_is_read_of_a_skip_is_what_it_holds():
    """The fields the projection reads of tick.skipped exist in the domain's event, under the same version."""
    assert set(Skipped.__struct_fields__) == set(TickSkipped.__struct_fields__)
    assert not hasattr(TickSkipped, "SCHEMA_VERSION")
    assert projections.ticks.CODEC.types == {"run.requested", "tick.skipped"}


async def test_questions_are_answered_by_the_index(database):
    """However many ticks there are, a page and the neighbours of a time are read off the index, in its order."""
    connection = await asyncpg.connect(database.superuser_url, server_settings={"search_path": "read"})
    try:
        await connection.execute(
            "INSERT INTO ticks SELECT $1, at, at, 1, 'skipped', 'missed', NULL, 1, NULL, row_number() OVER ()"
            " FROM generate_series($2::timestamptz, $3, '1 second') AS at",
            JOB, day(1), day(2),
        )  # fmt: skip
        await connection.execute("ANALYZE ticks")
        page = await connection.fetch(
            f"EXPLAIN {load('orc_gateway', 'list_ticks', 'queries')}", JOB, day(1), day(2), 1001
        )
        around = await connection.fetch(
            f"EXPLAIN {load('orc_gateway', 'ticks_around', 'queries')}", JOB, day(1) + timedelta(hours=12)
        )
    finally:
        await connection.close()
    for plan in (page, around):
        scans = [line[0] for line in plan if " on ticks" in line[0]]
        assert len(scans) == 2
        assert all("using ticks_pkey" in scan for scan in scans), scans


async def test_versions(gateway, start_gateway, client):
    """Each version of a job says what it defines, since when, by whom and why, the newest first; no job is 404."""
    past = Past(gateway, await start_gateway.log("orc_scheduler", "scheduler"))
    first, second = datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 3, 2, tzinfo=UTC)
    await past.job(first, JobCreated(JOB, spec()))
    await past.job(second, JobPaused(JOB, "moving house"), actor="user:bo")
    await past.shown()
    answer = await client.get(f"/jobs/{JOB}/versions")
    shown = [
        (one["version"], one["effective_from"], one["event"], one["actor"], one["reason"], one["position"])
        for one in answer.json()
    ]
    assert shown == [
        (2, "2024-03-02T00:00:00Z", "job.paused", "user:bo", "moving house", 2),
        (1, "2024-03-01T00:00:00Z", "job.created", shown[1][3], "", 1),
    ]
    assert [one["definition"]["is_active"] for one in answer.json()] == [False, True]
    assert (await client.get(f"/jobs/{UUID(int=99)}/versions")).status_code == 404
