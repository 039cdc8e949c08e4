"""Times as a person types them: ISO 8601 with an offset, because a wall time alone may come twice or not at all."""

from datetime import datetime

from orc.errors import BadTime


def instant(text: str, name: str) -> str:
    """Return the time as RFC 3339 has it; raises BadTime for one without an offset, and for what is no time."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadTime(name, text) from error
    if at.tzinfo is None:
        raise BadTime(name, text)
    return at.isoformat()


def given(text: str | None, name: str) -> str | None:
    """Return the same for a time that may be left out."""
    return None if text is None else instant(text, name)
