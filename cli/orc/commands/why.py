"""`orc why`: why a job ran or did not run at a time."""

from orc.client import Gateway
from orc.options import NO_OPTIONS, Options
from orc.output import plain, show_json
from orc.times import instant


def why(job: str, at: str, *, options: Options = NO_OPTIONS) -> None:
    """
    Say in one sentence why a job ran or did not run at a time, and which events say so.

    Parameters
    ----------
    job
        Its name or id.
    at
        The time with its offset, as 2026-03-29T09:00+02:00 or 2026-03-29T07:00Z.
    """
    time = instant(at, "at")
    with Gateway(options) as gateway:
        said = gateway.get(f"/jobs/{gateway.job_id(job)}/why", at=time)
    show_json(said) if options.json else print(plain(said["sentence"]))
