"""
Follow a backfill to its end: a line whenever it has come further.

It is asked for again and again, since how far it is follows from its runs and not from events of its own.
"""

import time
from typing import Any

from orc.client import Gateway
from orc.errors import Refused, Unreachable
from orc.follow import LOST_SECONDS_MAX, PASSING
from orc.output import show_json

LOOK_SECONDS = 0.5
_SHOWN = ("success", "failed", "cancelled", "running", "queued", "remaining")


def follow_backfill(gateway: Gateway, backfill_id: str, *, as_json: bool = False) -> dict[str, Any]:
    """Show how far a backfill is until it has ended; returns it as it ended."""
    seen: dict[str, Any] | None = None
    lost_at: float | None = None
    while True:
        try:
            found: dict[str, Any] = gateway.get(f"/backfills/{backfill_id}")
        except (Unreachable, Refused) as error:
            if isinstance(error, Refused) and error.status not in PASSING:
                raise
            lost_at = lost_at or time.monotonic()
            if time.monotonic() - lost_at > LOST_SECONDS_MAX:
                raise
        else:
            lost_at = None
            if found["progress"] != seen or found["finished_at"]:
                seen = found["progress"]
                if as_json:
                    show_json(found)
                elif not found["finished_at"]:
                    print(f"  {told(found)}", flush=True)
            if found["finished_at"]:
                return found
        time.sleep(LOOK_SECONDS)


def told(backfill: dict[str, Any]) -> str:
    """Say in a few words how far a backfill is."""
    counts = [f"{backfill['progress'][name]} {name}" for name in _SHOWN if backfill["progress"][name]]
    return f"{backfill['status']}: {', '.join(counts) or 'nothing yet'}"
