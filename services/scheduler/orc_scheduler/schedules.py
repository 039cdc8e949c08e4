"""A recorded timing that today's rules no longer read must not stop the fold or the ticker: it fires nothing."""

from datetime import datetime
from functools import lru_cache

import msgspec
import structlog

from orc_domain.rejection import Invalid
from orc_domain.timetable import Timetable, Timing, parse_timetable

_logger = structlog.get_logger()
_decoder = msgspec.json.Decoder(Timing)
_CACHED = 20_000


@lru_cache(maxsize=_CACHED)
def recorded_timetable(timing: str) -> Timetable | None:
    """Return the timetable of a timing's JSON; None when it cannot be read."""
    try:
        return parse_timetable(_decoder.decode(timing))
    except (Invalid, msgspec.DecodeError) as error:
        _logger.warning("recorded timing cannot be read", timing=timing, reason=str(error))
        return None


def next_due_at(timing: str, after: datetime) -> datetime | None:
    """Return the first due instant strictly after `after`."""
    timetable = recorded_timetable(timing)
    due = None if timetable is None else timetable.next_after(after)
    return None if due is None else due.due_at
