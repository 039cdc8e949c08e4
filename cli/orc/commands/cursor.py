"""`orc cursor`: where an incremental task is, and where its next run is to begin."""

from typing import Annotated, Any

from cyclopts import App, Parameter, validators

from orc.client import Gateway
from orc.options import NO_OPTIONS, Options
from orc.output import plain, show_json, show_table

COLUMNS = ("task", "column", "cursor", "next run begins", "set_at")

app = App(name="cursor", help="Show, set and reset where a task goes on.", help_format="plaintext")

Order = Annotated[int, Parameter(validator=validators.Number(gte=1))]


@app.command
def show(job: str, task: Order | None = None, *, options: Options = NO_OPTIONS) -> None:
    """
    Show where a job's tasks are, and where somebody told the next run to begin.

    Parameters
    ----------
    job
        Its name or id.
    task
        Only this task, by its place from 1.
    """
    with Gateway(options) as gateway:
        path = f"/jobs/{gateway.job_id(job)}"
        orders = [one["task_order"] for one in gateway.get(path)["tasks"]] if task is None else [task]
        found = [{"task_order": order, **gateway.get(f"{path}/tasks/{order}/cursor")} for order in orders]
    if options.json:
        show_json(found)
    else:
        show_table([_row(one) for one in found], COLUMNS)


@app.command(name="set")
def set_cursor(job: str, value: str, *, task: Order = 1, options: Options = NO_OPTIONS) -> None:
    """
    Let the next run begin at a value, whatever the target remembers.

    Parameters
    ----------
    job
        Its name or id.
    value
        As the source writes it: 2026-05-01T00:00:00Z, 4711.
    task
        The task, by its place from 1.
    """
    _set(job, task, value, f"begins at {value}", options)


@app.command
def reset(job: str, *, task: Order = 1, options: Options = NO_OPTIONS) -> None:
    """
    Let the next run begin anew, as the first one did.

    Parameters
    ----------
    job
        Its name or id.
    task
        The task, by its place from 1.
    """
    _set(job, task, None, "begins anew", options)


def _set(job: str, task: int, value: str | None, words: str, options: Options) -> None:
    with Gateway(options) as gateway:
        path = f"/jobs/{gateway.job_id(job)}/tasks/{task}/cursor"
        changed = gateway.post(path, {"value": value})
    if options.json:
        show_json(
            {"job_id": changed["job_id"], "task_order": task, "value": value, "version": changed["version"]}
        )
    else:
        print(plain(f"the next run of {job}, task {task}, {words}"))


def _row(found: dict[str, Any]) -> dict[str, Any]:
    cursor, was_set = found["cursor"] or {}, found["set"] or {}
    begins = None
    if found["set"]:
        begins = "anew" if was_set["value"] is None else was_set["value"]
    return {
        "task": found["task_order"],
        "column": cursor.get("column"),
        "cursor": cursor.get("value"),
        "next run begins": begins,
        "set_at": was_set.get("at"),
    }
