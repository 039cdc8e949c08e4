"""Backfills over REST: what a dry run lists is what is run, and what became of it can be seen."""

import msgspec
from gateway.backfills import days, end, ended_of, runs, until, when, work_off

from orc_domain.backfill_definitions import backfill_definition
from orc_events.event import StreamName
from orc_events.handle import load
from orc_gateway.replay import replay
from orc_runtime.deciders import BACKFILLS


async def test_dry_run(gateway, client, job, ask):
    """A dry run lists the instants and appends nothing; then exactly those are run."""
    head = await gateway.log.head()
    dry = (await ask(dry_run=True)).json()
    assert dry == {
        "backfill_id": None, "job_id": job["job_id"], "dry_run": True, "start": "2026-05-01T00:00:00Z",
        "end": "2026-05-04T23:00:00Z", "reprocess": "none", "concurrency": 1, "reverse": False,
        "instants": days(1, 2, 3, 4), "skipped": [],
    }  # fmt: skip
    assert await gateway.log.head() == head
    asked = await ask(concurrency=4)
    made = asked.json()
    assert (asked.status_code, made["instants"], int(asked.headers["Orc-Position"])) == (
        200,
        days(1, 2, 3, 4),
        head + 1,
    )
    await work_off(gateway, client, made["backfill_id"])
    assert sorted(run["due_at"] for run in await runs(client)) == days(1, 2, 3, 4)


async def test_what_a_backfill_shows(gateway, client, job, ask):
    """How far it is can be seen from its runs, which say that they are its own."""
    backfill_id = (await ask(concurrency=2)).json()["backfill_id"]
    queued = await until(lambda: when(runs(client), 2))
    shown = (await client.get(f"/backfills/{backfill_id}")).json()
    now = {name: shown.pop(name) for name in ("created_at", "updated_at")}
    assert now["created_at"] == now["updated_at"]
    assert shown == {
        "backfill_id": backfill_id, "job_id": job["job_id"], "status": "running", "start": "2026-05-01T00:00:00Z",
        "end": "2026-05-04T23:00:00Z", "total": 4, "skipped": 0, "reprocess": "none", "concurrency": 2, "reverse": False,
        "reason": None, "requested_by": "anonymous", "finished_at": None,
        "progress": {"requested": 2, "queued": 2, "running": 0, "success": 0, "failed": 0, "cancelled": 0, "remaining": 2},
    }  # fmt: skip
    assert {(run["triggered_by"], run["backfill_id"]) for run in queued} == {("backfill", backfill_id)}
    ended = await work_off(gateway, client, backfill_id, failing=(days(2)[0],))
    assert (ended["status"], ended["progress"]) == (
        "finished",
        {
            "requested": 4,
            "queued": 0,
            "running": 0,
            "success": 3,
            "failed": 1,
            "cancelled": 0,
            "remaining": 0,
        },
    )
    listed = (await client.get(f"/jobs/{job['job_id']}/backfills")).json()
    assert listed == [ended]


async def test_pages(gateway, client, job, ask):
    """Backfills of a job and runs of a backfill come in pages, the newest first."""
    ids = [(await ask(reprocess="all")).json()["backfill_id"] for _ in range(3)]
    path, seen = f"/jobs/{job['job_id']}/backfills?limit=2", []
    while path:
        answer = await client.get(path)
        seen += [one["backfill_id"] for one in answer.json()]
        path = answer.links.get("next", {}).get("url")
    assert (seen, answer.headers["X-Total-Count"]) == (ids[::-1], "3")
    await work_off(gateway, client, ids[0])
    path, due = f"/backfills/{ids[0]}/runs?limit=3", []
    while path:
        answer = await client.get(path)
        due += [run["due_at"] for run in answer.json()]
        path = answer.links.get("next", {}).get("url")
    assert (due, answer.headers["X-Total-Count"]) == (days(4, 3, 2, 1), "4")


async def test_reprocess(gateway, client, ask):
    """Instants that have a run are left out, those that failed are run again when asked for, or all."""
    first = (await ask(end="2026-05-03T10:00:00Z")).json()["backfill_id"]
    await work_off(gateway, client, first, failing=tuple(days(2)))
    status = {run["due_at"]: (run["run_id"], run["status"]) for run in await runs(client)}
    seen = {}
    for reprocess in ("none", "failed", "all"):
        plan = (await ask(dry_run=True, reprocess=reprocess)).json()
        seen[reprocess] = plan["instants"]
        assert {one["due_at"]: (one["run_id"], one["status"]) for one in plan["skipped"]} == {
            at: said for at, said in status.items() if at not in plan["instants"]
        }
    assert seen == {"none": days(4), "failed": days(2, 4), "all": days(1, 2, 3, 4)}
    again = (await ask(reprocess="failed", end="2026-05-03T10:00:00Z")).json()
    await work_off(gateway, client, again["backfill_id"])
    # The newest run of an instant counts, and now all of them succeeded.
    refused = await ask(reprocess="failed", end="2026-05-03T10:00:00Z")
    assert (again["instants"], len(again["skipped"]), refused.status_code, refused.json()["code"]) == (
        days(2), 2, 409, "nothing-to-run",
    )  # fmt: skip
    assert refused.json()["errors"] == [
        {
            "field": "reprocess",
            "detail": "each of the 3 instants of the range is left out by reprocess: failed",
            "valid": "all",
        }
    ]


async def test_a_retry_is_of_its_instant(gateway, client, ask):
    """A failed run that was retried by hand, and succeeded, is not run again as failed."""
    backfill_id = (await ask(end="2026-05-01T10:00:00Z")).json()["backfill_id"]
    await work_off(gateway, client, backfill_id, failing=tuple(days(1)))
    (failed,) = await runs(client)
    retried = (await client.post(f"/runs/{failed['run_id']}/retry")).json()
    await end(gateway, retried["run_id"])
    plan = (await ask(dry_run=True, reprocess="failed")).json()
    assert (retried["due_at"], plan["instants"], plan["skipped"]) == (
        days(1)[0], days(2, 3, 4), [{"due_at": days(1)[0], "run_id": retried["run_id"], "status": "success"}],
    )  # fmt: skip


async def test_same_key_is_one_backfill(gateway, client, ask):
    """With its key it is the same backfill, also once its instants have runs; with another body the key is refused."""
    first = (await ask("monday")).json()
    await work_off(gateway, client, first["backfill_id"])
    again = await ask("monday")
    other = await ask("monday", concurrency=2)
    assert (again.json(), other.status_code, other.json()["code"]) == (first, 409, "key-reused")
    assert len(await runs(client)) == 4


async def test_cancelled(gateway, client, job, ask):
    """A cancel stops its runs and it ends; cancelling again is the same, and one that is unknown is 404."""
    backfill_id = (await ask(concurrency=2)).json()["backfill_id"]
    await until(lambda: when(runs(client), 2))
    deleted = await client.delete(f"/jobs/{job['job_id']}", headers={"If-Match": "*"})
    answer = await client.post(f"/backfills/{backfill_id}/cancel", json={"reason": "typo"})
    assert (answer.status_code, answer.json()["status"], answer.json()["reason"]) == (
        200,
        "cancelling",
        "typo",
    )
    ended = await until(lambda: ended_of(client, backfill_id))
    again = await client.post(f"/backfills/{backfill_id}/cancel")
    nowhere = await client.post(f"/backfills/{job['job_id']}/cancel")
    assert (ended["status"], ended["progress"]["cancelled"], ended["progress"]["remaining"]) == (
        "cancelled",
        2,
        2,
    )
    assert (deleted.status_code, deleted.json()["code"]) == (409, "open-backfills")
    assert [again.status_code, again.json()["status"], nowhere.status_code] == [200, "cancelled", 404]
    assert {run["status"] for run in await runs(client)} == {"cancelled"}


async def test_replayed(gateway, client, database, ask):
    """The tables of backfills are what the log says, after a rebuild as well."""
    finished, cancelled = [(await ask(reprocess="all")).json()["backfill_id"] for _ in range(2)]
    await client.post(f"/backfills/{cancelled}/cancel", json={"reason": "typo"})
    await work_off(gateway, client, finished, failing=tuple(days(2)))
    await until(lambda: ended_of(client, cancelled))
    before = [(await client.get(f"/backfills/{one}")).json() for one in (finished, cancelled)]
    report = await replay(database.url("orc_auditor"))
    assert (report.equal, {table.table: table.rows for table in report.tables}["backfills"]) == (True, 2)
    await gateway.projector.rebuild()
    # Written after the rebuild, so that passing it means that all before was folded again.
    await ask(reprocess="all")
    assert (await replay(database.url("orc_auditor"))).equal
    assert [(await client.get(f"/backfills/{one}")).json() for one in (finished, cancelled)] == before


async def test_shown_as_the_log_has_it(gateway, client, ask):
    """What is shown of a backfill is what its stream's fold says."""
    ended, cancelled, open_one = [(await ask(reprocess="all")).json()["backfill_id"] for _ in range(3)]
    await client.post(f"/backfills/{cancelled}/cancel", json={"reason": "typo"})
    await work_off(gateway, client, ended)
    await until(lambda: ended_of(client, cancelled))
    for backfill_id in (ended, cancelled, open_one):
        state = (await load(gateway.log, BACKFILLS, StreamName(f"backfill-{backfill_id}"))).state
        shown = (await client.get(f"/backfills/{backfill_id}")).json()
        del shown["progress"], shown["requested_by"]
        assert shown == msgspec.to_builtins(backfill_definition(state))
