"""A recorded schedule that today's rules no longer read must not stop the fold or the ticker: it fires nothing."""

from datetime import datetime

import structlog

from orc_domain.rejection import Invalid
from orc_domain.schedule import Schedule, parse_schedule

_logger = structlog.get_logger()


def recorded_schedule(expression: str, timezone: str) -> Schedule | None:
    """Return the schedule; None when it cannot be read."""
    try:
        return parse_schedule(expression, timezone)
    except Invalid as error:
        _logger.warning(
            "recorded schedule cannot be read", schedule=expression, timezone=timezone, reason=str(error)
        )
        return None


def next_due_at(expression: str, timezone: str, after: datetime) -> datetime | None:
    """Return the schedule's first due instant strictly after `after`."""
    schedule = recorded_schedule(expression, timezone)
    return None if schedule is None else schedule.next_after(after)
