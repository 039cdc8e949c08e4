"""`orc runs`: list, show, cancel and retry runs."""

from datetime import datetime
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter, validators

from orc.client import LIST_MAX, Gateway
from orc.follow import describe, troubles
from orc.options import NO_OPTIONS, Options
from orc.output import moment, plain, show_fields, show_json, show_table

COLUMNS = ("run_id", "job", "status", "triggered_by", "attempt", "created_at", "seconds", "error_message")
TASK_COLUMNS = ("task", "status", "rows", "bytes", "bad_rows", "seconds", "error_message")
SHOWN = 20

app = App(name="runs", help="List, show, cancel and retry runs.", help_format="plaintext")

Status = Literal["queued", "running", "success", "failed", "cancelled"]
Limit = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=LIST_MAX))]


@app.default
@app.command(name="list")
def list_runs(
    *,
    job: str | None = None,
    status: Status | None = None,
    limit: Limit = SHOWN,
    options: Options = NO_OPTIONS,
) -> None:
    """
    List runs, the newest first.

    Parameters
    ----------
    job
        Only runs of this job: its name or id.
    status
        Only runs in this state.
    limit
        At most so many.
    """
    with Gateway(options) as gateway:
        job_id = gateway.job_id(job) if job else None
        runs = gateway.get("/runs", job_id=job_id, status=status, limit=limit)
        if options.json:
            show_json(runs)
            return
        names = {known["job_id"]: known["job_name"] for known in gateway.get("/jobs")}
    show_table([_row(run, names) for run in runs], COLUMNS)


def _row(run: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    # A job that was deleted has left its runs behind.
    job = names.get(run["job_id"]) or f"deleted {run['job_id'][:8]}"
    return {**run, "job": job, "created_at": moment(run["created_at"]), "seconds": _seconds(run)}


def _seconds(run: dict[str, Any]) -> str | None:
    """Say how long the run's last attempt took, once it has ended."""
    if not run["started_at"] or not run["finished_at"]:
        return None
    took = datetime.fromisoformat(run["finished_at"]) - datetime.fromisoformat(run["started_at"])
    return f"{took.total_seconds():,.2f}"


@app.command
def show(run_id: str, *, options: Options = NO_OPTIONS) -> None:
    """Show a run with its events."""
    with Gateway(options) as gateway:
        run, events = gateway.get(f"/runs/{run_id}"), gateway.get(f"/runs/{run_id}/events")
        tasks = gateway.get(f"/runs/{run_id}/tasks")
    if options.json:
        show_json({**run, "tasks": tasks, "events": events})
        return
    show_fields(run)
    show_table([_task_row(task) for task in tasks], TASK_COLUMNS)
    for task in tasks:
        print_task(task)
    print_trail(events)


@app.command
def cancel(run_id: str, *, options: Options = NO_OPTIONS) -> None:
    """Ask a run to stop; what it has loaded completely stays."""
    with Gateway(options) as gateway:
        run = gateway.post(f"/runs/{run_id}/cancel")
    if options.json:
        show_json(run)
    elif run["status"] in {"queued", "running"}:
        print(f"asked run {run_id} to stop")
    else:
        print(f"run {run_id} has ended: {run['status']}")


@app.command
def retry(run_id: str, *, options: Options = NO_OPTIONS) -> None:
    """Run a failed or cancelled run's work again, without the tasks that were loaded."""
    with Gateway(options) as gateway:
        run = gateway.post(f"/runs/{run_id}/retry")
    show_json(run) if options.json else print(f"queued {run['run_id']}")


def _task_row(task: dict[str, Any]) -> dict[str, Any]:
    seconds = task["seconds"]
    return {**task, "task": task["task_order"], "seconds": None if seconds is None else f"{seconds:,.2f}"}


def print_task(task: dict[str, Any]) -> None:
    """Print what a task told beside its counts: its tables, its cursor, bad rows, changes and warnings."""
    told = [
        f"{table['table']}: {table['rows']:,} rows" + "".join(
            f", {table[done]:,} {done}" for done in ("inserted", "updated", "deleted") if table.get(done)
        )
        for table in task["tables"]
    ]  # fmt: skip
    if task["cursor"]:
        told.append(f"{task['cursor']['column']} up to {task['cursor']['value']}")
    for line in [*told, *troubles(task)]:
        print(plain(f"task {task['task_order']}  {line}"))


def print_trail(events: list[dict[str, object]]) -> None:
    """Print a run's events, a line each."""
    for event in events:
        data = event.get("data")
        words = describe(str(event["type"]), data) if isinstance(data, dict) else ""
        print(f"{event['position']:>7}  {plain(event['recorded_at'])}  {event['type']:19} {words}".rstrip())
