"""`orc ticks`: what became of a schedule's due instants."""

import sys
from typing import Annotated

from cyclopts import Parameter, validators

from orc.client import LIST_MAX, Gateway
from orc.options import NO_OPTIONS, Options
from orc.output import show_json, show_table
from orc.times import given

SHOWN = 20
COLUMNS = ("due_at", "last_due_at", "count", "outcome", "reason", "run_id", "position")


def ticks(
    job: str,
    *,
    after: str | None = None,
    before: str | None = None,
    limit: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=LIST_MAX))] = SHOWN,
    options: Options = NO_OPTIONS,
) -> None:
    """
    List what became of a job's due instants, the newest first: runs, and spans of instants that were let pass.

    Parameters
    ----------
    job
        Its name or id.
    after
        Only instants after this time, with its offset.
    before
        Only instants before this time, with its offset.
    limit
        At most so many.
    """
    since, until = given(after, "--after"), given(before, "--before")
    with Gateway(options) as gateway:
        page = gateway.get(f"/jobs/{gateway.job_id(job)}/ticks", after=since, before=until, limit=limit)
    show_json(page) if options.json else show_table(page, COLUMNS)
    if len(page) == limit:
        print(f"orc: there may be more: --before {page[-1]['due_at']}", file=sys.stderr)
