"""`orc events`: what happened, from the log."""

import json
import sys
from typing import Annotated, Any

from cyclopts import Parameter, validators

from orc.client import LIST_MAX, Gateway
from orc.follow import endless
from orc.options import NO_OPTIONS, Options
from orc.output import plain, show_json

SHOWN = 50


def events(
    *,
    follow: Annotated[bool, Parameter(name=["--follow", "-f"], negative="")] = False,
    type: str | None = None,  # noqa: A002 - the option's name is the word the API uses
    stream: str | None = None,
    after: Annotated[int | None, Parameter(validator=validators.Number(gte=0))] = None,
    limit: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=LIST_MAX))] = SHOWN,
    options: Options = NO_OPTIONS,
) -> None:
    """
    Show events of the log in their order, or follow them as they happen.

    Parameters
    ----------
    follow
        Go on with what happens from now (or after `--after`) until Ctrl-C.
    type
        Only of this type, as `run.succeeded`.
    stream
        Only of this stream, as `run-<id>`.
    after
        Only after this position.
    limit
        At most so many, when not following.
    """
    show = show_json if options.json else _show
    with Gateway(options) as gateway:
        if follow:
            start = None if after is None else str(after)
            for event in endless(gateway, "/events", start, type=type, stream=stream):
                if event.id is not None:
                    show(json.loads(event.data))
            return
        page = gateway.get("/events", type=type, stream=stream, after=after, limit=limit)
    for found in page:
        show(found)
    if len(page) == limit:
        print(f"orc: there may be more: --after {page[-1]['position']}", file=sys.stderr)


def _show(event: dict[str, Any]) -> None:
    words = " ".join(plain(event[name]) for name in ("recorded_at", "actor"))
    print(f"{event['position']:>7}  {event['type']:20} {plain(event['stream'])}  {words}", flush=True)
