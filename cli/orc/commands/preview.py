"""`orc preview`: what a schedule means, or a job file's tasks would load, before a job has it."""

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter, validators

from orc.client import LIST_MAX, Gateway
from orc.errors import HalfDowntime
from orc.jobs_file import SUFFIXES
from orc.options import NO_OPTIONS, Options
from orc.output import plain, show_json, show_table
from orc.preview_file import ROWS, preview_file
from orc.times import given

SHOWN = 5
COLUMNS = ("due_at", "last_due_at", "count", "outcome", "reason", "requested_at")

CatchUp = Literal["none", "last", "all"]
Overlap = Literal["allow", "skip", "queue", "cancel_running"]


def preview(
    expression: str,
    *,
    timezone: str = "UTC",
    count: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=LIST_MAX))] = SHOWN,
    after: str | None = None,
    down_from: str | None = None,
    down_to: str | None = None,
    catch_up: CatchUp = "all",
    catch_up_window: Annotated[int | None, Parameter(validator=validators.Number(gte=0))] = None,
    overlap: Overlap = "allow",
    run_seconds: Annotated[float, Parameter(validator=validators.Number(gte=0))] = 0.0,
    job: str | None = None,
    task: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    rows: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=LIST_MAX))] = ROWS,
    options: Options = NO_OPTIONS,
) -> int:
    """
    Say what a schedule means, or with a job file, show what its tasks would load; nothing is written.

    Of a schedule: when it fires next, and what a downtime of the scheduler would do to it. Of a file: the first rows of
    each task's source, and what a load would do to its target; exits 1 when one cannot be read.

    Parameters
    ----------
    expression
        Cron, or @hourly to @yearly; or a job file (.yaml, .yml, .json).
    timezone
        Whose wall time its fields are.
    count
        So many instants.
    after
        Those after this time, with its offset; by default after now.
    down_from
        Simulate that no scheduler runs from this time on, with its offset ...
    down_to
        ... to this one.
    catch_up
        In that, which of the missed instants are run.
    catch_up_window
        In that, those missed so many seconds ago or more stay missed.
    overlap
        In that, what becomes of an instant while an earlier run is open.
    run_seconds
        In that, how long a run lasts.
    job
        Of a file, only this job.
    task
        Of a file, only the tasks at this place, from 1.
    rows
        Of a file, so many rows of each task.
    """
    if Path(expression).suffix in SUFFIXES:
        return preview_file(Path(expression), job, task, rows, options)
    asked: dict[str, Any] = {"schedule": expression, "timezone": timezone, "count": count}
    asked |= {name: at for name, at in [("after", given(after, "--after"))] if at is not None}
    if down_from is not None or down_to is not None:
        downtime = {"from": given(down_from, "--down-from"), "to": given(down_to, "--down-to")}
        if None in downtime.values():
            raise HalfDowntime
        window = {} if catch_up_window is None else {"window_seconds": catch_up_window}
        asked |= {"downtime": downtime, "run_seconds": run_seconds}
        asked |= {"catch_up": {"mode": catch_up, **window}, "overlap": {"mode": overlap}}
    with Gateway(options) as gateway:
        said = gateway.post("/schedules/preview", asked)
    show_json(said) if options.json else _show(said)
    return 0


def _show(said: dict[str, Any]) -> None:
    print(plain(said["description"]))
    for at in said["next"]:
        print(f"  {at}")
    for warning in said["warnings"]:
        print(f"note: {plain(warning)}")
    if said["simulation"]:
        print()
        show_table(said["simulation"], COLUMNS)
