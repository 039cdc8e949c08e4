"""`orc backfill`: run a job for past instants of its schedule, or list them."""

import sys
from datetime import date, datetime, time
from typing import Annotated, Any, Literal

from cyclopts import Parameter, validators

from orc.client import Gateway
from orc.errors import CommandError
from orc.follow_backfill import follow_backfill, told
from orc.options import NO_OPTIONS, Options
from orc.output import show_json
from orc_domain.backfill import CONCURRENCY_MAX
from orc_domain.zones import zone_of

FAILED = 1

Reprocess = Literal["none", "failed", "all"]
Concurrency = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=CONCURRENCY_MAX))]


class NoTime(CommandError):
    """What is given for one end of a range is neither a time nor a day."""

    def __init__(self, option: str, text: str) -> None:
        super().__init__(
            f"--{option} {text}: this is no time; valid: 2026-05-13, or 2026-05-13T09:00:00 with or without an offset"
        )


def backfill(
    job: str,
    *,
    start: str,
    end: str,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    reprocess: Reprocess = "none",
    concurrency: Concurrency = 1,
    reverse: Annotated[bool, Parameter(negative="")] = False,
    follow: Annotated[bool, Parameter(name=["--follow", "-f"], negative="")] = False,
    options: Options = NO_OPTIONS,
) -> int:
    """
    Run a job for past instants of its schedule; exits 0 when taken, or with --follow when every run succeeded.

    Parameters
    ----------
    job
        Its name or id.
    start
        From when on: a day, or a time; without an offset in the job's time zone.
    end
        Until when, that day or time included; not in the future.
    dry_run
        List the instants that would be run, and do nothing.
    reprocess
        Which instants are run again that have a run: none, those whose newest run failed or was cancelled, or all.
    concurrency
        How many of its runs are open at once.
    reverse
        The newest instant first.
    follow
        Show how far it is until it ends; Ctrl-C ends the watching, not the backfill.
    """
    with Gateway(options) as gateway:
        found = gateway.get(f"/jobs/{gateway.job_id(job)}")
        asked = {
            "start": _moment("start", start, found["timezone"], time.min),
            "end": _moment("end", end, found["timezone"], time.max),
            "dry_run": dry_run, "reprocess": reprocess, "concurrency": concurrency, "reverse": reverse,
        }  # fmt: skip
        plan = gateway.post(f"/jobs/{found['job_id']}/backfills", asked)
        if options.json and not follow:
            show_json(plan)
        elif not options.json:
            _show(plan, job)
        if dry_run or not follow:
            return 0
        try:
            ended = follow_backfill(gateway, plan["backfill_id"], as_json=options.json)
        except KeyboardInterrupt:
            print(f"orc: backfill {plan['backfill_id']} goes on", file=sys.stderr)
            raise
    if not options.json:
        print(told(ended))
    is_done = ended["status"] == "finished" and ended["progress"]["success"] == ended["total"]
    return 0 if is_done else FAILED


def _show(plan: dict[str, Any], job: str) -> None:
    if plan["dry_run"]:
        for instant in reversed(plan["instants"]) if plan["reverse"] else plan["instants"]:
            print(instant)
    words = f"{len(plan['instants'])} to run, {len(plan['skipped'])} left out"
    print(
        f"dry run of {job}: {words}"
        if plan["dry_run"]
        else f"backfill {plan['backfill_id']} of {job}: {words}",
        flush=True,
    )


def _moment(option: str, text: str, timezone: str, of_a_day: time) -> str:
    """Return RFC 3339; a day is its first or its last moment, and what has no offset is in the job's zone."""
    try:
        at = datetime.combine(date.fromisoformat(text), of_a_day)
    except ValueError:
        try:
            at = datetime.fromisoformat(text)
        except ValueError as error:
            raise NoTime(option, text) from error
    return (at if at.tzinfo else at.replace(tzinfo=zone_of(timezone))).isoformat()
