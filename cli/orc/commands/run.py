"""`orc run`: run a job now, and follow it."""

import sys
from typing import Annotated

from cyclopts import Parameter

from orc.client import Gateway
from orc.follow import follow_run
from orc.options import NO_OPTIONS, Options
from orc.output import plain, show_json

FAILED = 1


def run(
    job: str,
    *,
    follow: Annotated[bool, Parameter(name=["--follow", "-f"], negative="")] = False,
    options: Options = NO_OPTIONS,
) -> int:
    """
    Run a job now; exits 0 when the run was taken, or with --follow when it succeeded.

    Parameters
    ----------
    job
        Its name or id.
    follow
        Show its progress until it ends; Ctrl-C ends the watching, not the run.
    """
    with Gateway(options) as gateway:
        queued = gateway.post(f"/jobs/{gateway.job_id(job)}/run")
        if not follow:
            show_json(queued) if options.json else print(f"queued {queued['run_id']}")
            return 0
        if not options.json:
            print(f"run {queued['run_id']} of {job}", flush=True)
        try:
            ended = follow_run(gateway, queued["run_id"], as_json=options.json)
        except KeyboardInterrupt:
            print(f"orc: run {queued['run_id']} goes on", file=sys.stderr)
            raise
    if options.json:
        show_json(ended)
    else:
        print(f"{ended['status']}{': ' + plain(ended['error_message']) if ended['error_message'] else ''}")
    return 0 if ended["status"] == "success" else FAILED
