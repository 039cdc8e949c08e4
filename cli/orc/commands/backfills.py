"""`orc backfills`: list, show and cancel backfills."""

from typing import Annotated, Any

from cyclopts import App, Parameter, validators

from orc.client import LIST_MAX, Gateway
from orc.follow_backfill import told
from orc.options import NO_OPTIONS, Options
from orc.output import moment, show_fields, show_json, show_table

COLUMNS = ("backfill_id", "status", "start", "end", "done", "failed", "created_at", "requested_by")
SHOWN = 20

app = App(name="backfills", help="List, show and cancel backfills.", help_format="plaintext")

Limit = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=LIST_MAX))]


@app.default
@app.command(name="list")
def list_backfills(job: str, *, limit: Limit = SHOWN, options: Options = NO_OPTIONS) -> None:
    """
    List a job's backfills, the newest first.

    Parameters
    ----------
    job
        Its name or id.
    limit
        At most so many.
    """
    with Gateway(options) as gateway:
        found = gateway.get(f"/jobs/{gateway.job_id(job)}/backfills", limit=limit)
    if options.json:
        show_json(found)
    else:
        show_table([_row(backfill) for backfill in found], COLUMNS)


def _row(backfill: dict[str, Any]) -> dict[str, Any]:
    progress = backfill["progress"]
    done = sum(progress[name] for name in ("success", "failed", "cancelled"))
    return {
        **backfill, "start": moment(backfill["start"]), "end": moment(backfill["end"]),
        "created_at": moment(backfill["created_at"]), "done": f"{done}/{backfill['total']}", "failed": progress["failed"],
    }  # fmt: skip


@app.command
def show(backfill_id: str, *, options: Options = NO_OPTIONS) -> None:
    """Show a backfill, how far it is, and its runs that did not succeed."""
    with Gateway(options) as gateway:
        found = gateway.get(f"/backfills/{backfill_id}")
        runs = gateway.get(f"/backfills/{backfill_id}/runs", limit=LIST_MAX)
    if options.json:
        show_json({**found, "runs": runs})
        return
    show_fields(
        {name: value for name, value in found.items() if name != "progress"} | {"so far": told(found)}
    )
    unlucky = [run for run in runs if run["status"] in {"failed", "cancelled"}]
    if unlucky:
        print()
        show_table(unlucky, ("due_at", "run_id", "status", "error_message"))


@app.command
def cancel(backfill_id: str, *, reason: str = "", options: Options = NO_OPTIONS) -> None:
    """
    Ask a backfill to stop: no more runs of it are asked for, and those that are open are cancelled.

    Parameters
    ----------
    backfill_id
        Its id.
    reason
        Why, for those who look later.
    """
    with Gateway(options) as gateway:
        found = gateway.post(f"/backfills/{backfill_id}/cancel", {"reason": reason})
    if options.json:
        show_json(found)
    elif found["status"] == "cancelling":
        print(f"asked backfill {backfill_id} to stop")
    else:
        print(f"backfill {backfill_id} has ended: {found['status']}")
