"""
The oracle: what is true after a run of faults, judged without a line of the product.

Its material is what others left: the history of calls, Postgres by SQL, the DuckDB files, the files of NATS and of the
processes' output. The rules are written again here, from `docs/`, so that a mistake is not made twice.

    (i)   every id answered 2xx is in the log; a run has ended, or is still going where that is allowed
    (ii)  a succeeded run has one receipt per task, and as many rows tagged with it as the receipt says
    (iii) no row is tagged with a run that has no receipt; a run that failed or was cancelled has none
    (iv)  positions 1..N, versions 1..n per stream, the hash chain holds; what the bus carries is the log, without gaps
    (v)   the read tables say what the log says
    (vi)  the canary is nowhere
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import asyncpg
from faults.oracle_files import canary_in, loads_in
from faults.oracle_log import chain_faults, fold

ENDS = {"run.succeeded": "success", "run.failed": "failed", "run.cancelled": "cancelled"}
SHOWN_MAX = 5


async def examine(
    *,
    database_url: str,
    history: Path,
    data: Path,
    searched: tuple[Path, ...],
    canary: str,
    may_be_open: bool = False,
) -> list[str]:
    """Return every fault found, in words; an empty list is what a promise looks like."""
    connection = await asyncpg.connect(database_url)
    try:
        events = await connection.fetch(
            "SELECT position, stream, version, type, schema_version, data::text AS data, actor, command_id, "
            "correlation_id, occurred_at, recorded_at, hash FROM log.events ORDER BY position"
        )
        head = await connection.fetchrow("SELECT position, hash FROM log.head")
        live = {
            str(row["run_id"]): dict(row)
            for row in await connection.fetch(
                "SELECT run_id, job_id, status, triggered_by, attempt, cancel_requested FROM read.runs"
            )
        }
        texts = await connection.fetchval(
            "SELECT string_agg(e::text, '\n') || (SELECT coalesce(string_agg(c::text, '\n'), '') FROM log.commands c) "
            "|| (SELECT coalesce(string_agg(t::text, '\n'), '') FROM read.tasks t) "
            "|| (SELECT coalesce(string_agg(r::text, '\n'), '') FROM read.runs r) FROM log.events e"
        )
    finally:
        await connection.close()
    runs = fold(events)
    answered = _answered(history)
    found = [
        *chain_faults(events),
        *_promised(answered, events, runs, may_be_open=may_be_open),
        *_loaded(runs, loads_in(data), may_be_open=may_be_open),
        *_read(runs, live),
        *canary_in(canary, searched),
    ]
    if events and (events[-1]["position"], events[-1]["hash"]) != tuple(head):
        found.append("(iv) the head is not the last event: the end is cut off")
    if canary in (texts or ""):
        found.append("(vi) the canary is in the database")
    return found


def _answered(history: Path) -> list[dict[str, Any]]:
    lines = map(json.loads, history.read_text().splitlines())
    return [
        json.loads(line["body"]) | {"path": line["path"]}
        for line in lines
        if line["what"] == "call" and line["status"] == 200
    ]


def _promised(
    answered: list[Any], events: list[Any], runs: dict[str, Any], *, may_be_open: bool
) -> list[str]:
    jobs = {event["stream"].removeprefix("job-") for event in events if event["type"] == "job.created"}
    found = []
    for answer in answered:
        if answer["path"] == "/jobs" and answer["job_id"] not in jobs:
            found.append(f"(i) job {answer['job_id']} was answered 2xx and is not in the log")
        if answer["path"].endswith("/run") and answer["run_id"] not in runs:
            found.append(f"(i) run {answer['run_id']} was answered 2xx and is not in the log")
    if not may_be_open:
        found += [
            f"(i) run {run_id} has not ended: {run['status']}"
            for run_id, run in runs.items()
            if run["status"] not in ENDS.values()
        ]
    return found


def _loaded(runs: dict[str, Any], loads: Any, *, may_be_open: bool) -> list[str]:
    """Compare what runs say they loaded with what the files hold; only tagged loads into files are judged."""
    found = [*loads.faults]
    receipts = Counter((receipt["root"], receipt["task"]) for receipt in loads.receipts)
    by_run: dict[str, list[dict[str, Any]]] = {}
    for receipt in loads.receipts:
        by_run.setdefault(receipt["run"], []).append(receipt)
    for run_id, run in runs.items():
        tasks = [task for task in run["tasks"] if task["loader_config"]["type"] == "duckdb"]
        if run["status"] == "success":
            for task in tasks:
                count = receipts[run["root"], task["task_id"]]
                if count != 1:
                    found.append(
                        f"(ii) run {run_id} succeeded with {count} receipts of task {task['task_order']}"
                    )
        elif run["status"] in {"failed", "cancelled"}:
            extra = {receipt["task"] for receipt in by_run.get(run_id, ())} - run["succeeded"]
            found += [f"(iii) run {run_id} ended {run['status']} but task {task} is loaded" for task in extra]
        elif not may_be_open and by_run.get(run_id):
            found.append(f"(iii) run {run_id} is {run['status']} and loaded")
        said = {receipt["run"]: receipt["rows"] for receipt in by_run.get(run_id, ())}
        tagged = loads.tagged.get(run_id, 0)
        is_tagged = any(task["loader_config"].get("load_id_column") for task in tasks)
        is_replaced = any(task["loader_config"].get("write_disposition") != "append" for task in tasks)
        if run["status"] == "success" and is_tagged and not is_replaced:
            if tagged != said.get(run_id, 0):
                found.append(f"(ii) run {run_id} proves {said.get(run_id, 0)} rows and has {tagged}")
            if tagged != run["rows"]:
                found.append(f"(ii) run {run_id} reported {run['rows']} rows and has {tagged}")
        elif is_tagged and tagged and not by_run.get(run_id):
            found.append(f"(iii) run {run_id} has {tagged} rows and no receipt")
    found += [
        f"(iii) rows of run {run_id}, which the log does not know"
        for run_id in loads.tagged
        if run_id not in runs
    ]
    return found


def _read(runs: dict[str, Any], live: dict[str, Any]) -> list[str]:
    found = [
        f"(v) run {run_id} is in one of log and read tables only" for run_id in runs.keys() ^ live.keys()
    ]
    for run_id in runs.keys() & live.keys():
        expected = {
            name: runs[run_id][name]
            for name in ("status", "job_id", "triggered_by", "attempt", "cancel_requested")
        }
        actual = {name: live[run_id][name] for name in expected} | {"job_id": str(live[run_id]["job_id"])}
        if expected != actual:
            found.append(f"(v) run {run_id} reads {actual}, the log says {expected}")
    return found


def shown(found: list[str]) -> str:
    """Put findings into a message of bearable length."""
    kinds = Counter(line.split(" ", 1)[0] for line in found)
    return "\n".join([f"the oracle objects {dict(kinds)}:", *found[:SHOWN_MAX]])
